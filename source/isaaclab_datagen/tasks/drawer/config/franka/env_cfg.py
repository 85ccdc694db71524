"""The drawer task with a Franka Panda and relative joint positions."""

from __future__ import annotations

from pathlib import Path

from isaaclab.assets import ArticulationCfg
from isaaclab.managers import SceneEntityCfg
from isaaclab.utils import configclass

from isaaclab_datagen.assets.franka import FINGER_OPEN, HAND_BODY, TIP_OFFSET, FrankaPresetCfg
from isaaclab_datagen.recorders import ChannelCfg, DatasetRecorderCfg, FrameRecorderCfg
from isaaclab_datagen.tasks.drawer import mdp
from isaaclab_datagen.tasks.drawer.drawer_env_cfg import DRAWER, DRAWER_START, HANDLE, DrawerEnvCfg, DrawerSceneCfg

ARM_JOINTS = "panda_joint.*"
HAND = SceneEntityCfg("robot", body_names=HAND_BODY)
TIP = {"asset_cfg": HAND, "offset": TIP_OFFSET}
FINGERS = SceneEntityCfg(
    "robot",
    body_names=["panda_leftfinger", "panda_rightfinger"],
    joint_names=["panda_finger_joint1", "panda_finger_joint2"],
)
PADS = {"fingers_cfg": FINGERS, "pad": (0.0, 0.0, 0.045)}

READY = {"panda_joint2": -0.65, "panda_joint4": -2.45, "panda_joint6": 3.04, "panda_joint7": -0.785}
"""Hand before the cabinet, pointing at it from a little above, fingers one above the other [rad]."""

GRIP_STIFFNESS = 2000.0
"""Stiffness of a finger [N/m]: 12 N on a bar of 12 mm; the 400 N/m that hold a cube would give 2.4 N."""


@configclass
class FrankaDrawerSceneCfg(DrawerSceneCfg):
    """The drawer scene with a Panda."""

    robot: ArticulationCfg | FrankaPresetCfg = FrankaPresetCfg()


@configclass
class FrankaDrawerEnvCfg(DrawerEnvCfg):
    """Eight actions: seven joint position deltas times 0.15 rad, and the gripper's sign."""

    scene: FrankaDrawerSceneCfg = FrankaDrawerSceneCfg(num_envs=4096, env_spacing=3.0)

    def __post_init__(self) -> None:
        """Fill the drawer task's holes with the Panda's hand."""
        super().__post_init__()
        for robot in (self.scene.robot.default, self.scene.robot.nucleus):
            robot.init_state.joint_pos.update(READY)
            robot.actuators["panda_hand"].stiffness = GRIP_STIFFNESS
        # The arm follows at stiffness / damping = 5 /s: an action of 1 is a speed of about 0.75 rad/s.
        self.actions.arm_action = mdp.RelativeJointPositionActionCfg(
            asset_name="robot", joint_names=[ARM_JOINTS], scale=0.15
        )
        self.actions.gripper_action = mdp.BinaryJointPositionActionCfg(
            asset_name="robot",
            joint_names=["panda_finger_joint.*"],
            open_command_expr={"panda_finger_joint.*": FINGER_OPEN},
            close_command_expr={"panda_finger_joint.*": 0.0},
        )
        self.observations.policy.tip_to_handle.params.update(TIP)
        self.observations.policy.hand_axes.params.update(asset_cfg=HAND)
        rewards = self.rewards
        for term in (rewards.approach, rewards.reach):
            term.params.update(TIP)
        rewards.align.params.update(asset_cfg=HAND)
        for term in (rewards.around, rewards.pinch, rewards.grasp, rewards.open, rewards.stages, rewards.success):
            term.params.update(PADS)
        for term in (rewards.pinch, rewards.grasp):
            term.params.update(opening=FINGER_OPEN)
        self.events.reset.params.update(
            joint_offsets={**DRAWER_START, "robot": {ARM_JOINTS: (-0.125, 0.125)}},
            demonstrations=str(Path(__file__).with_name("demonstration_states.npz")),
            probability=0.5,
        )


@configclass
class FrankaDrawerRecorderCfg(DatasetRecorderCfg):
    """What a drawer demonstration holds beside observations, actions, scene state and images."""

    frames: FrameRecorderCfg = FrameRecorderCfg(
        channels={
            "joint_pos": ChannelCfg(func=mdp.joint_position),
            "joint_vel": ChannelCfg(func=mdp.joint_velocity),
            "ee_pose": ChannelCfg(func=mdp.body_pose, params=TIP),
            "drawer_pos": ChannelCfg(func=mdp.joint_position, params={"asset_cfg": DRAWER}),
            "handle_pose": ChannelCfg(func=mdp.body_pose, params={"asset_cfg": HANDLE}),
        }
    )
