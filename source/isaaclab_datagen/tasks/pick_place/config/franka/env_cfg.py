"""The pick-and-place task with a Franka Panda and absolute differential IK."""

from __future__ import annotations

from isaaclab.assets import ArticulationCfg
from isaaclab.controllers import DifferentialIKControllerCfg
from isaaclab.managers import SceneEntityCfg
from isaaclab.sensors import CameraCfg
from isaaclab.utils import configclass

from isaaclab_datagen.assets.franka import FINGER_OPEN, HAND_BODY, TIP_OFFSET, FrankaPresetCfg
from isaaclab_datagen.assets.rig import CameraSpec, mounted
from isaaclab_datagen.recorders import ChannelCfg, DatasetRecorderCfg, FrameRecorderCfg
from isaaclab_datagen.tasks.pick_place import mdp
from isaaclab_datagen.tasks.pick_place.pick_place_env_cfg import (
    COMMAND,
    REST_HEIGHT,
    PickPlaceEnvCfg,
    PickPlaceSceneCfg,
)

ARM = SceneEntityCfg("robot", joint_names="panda_joint.*")
FINGERS = SceneEntityCfg("robot", joint_names="panda_finger_joint.*")
HAND = SceneEntityCfg("robot", body_names=HAND_BODY)
TIP = {"asset_cfg": HAND, "offset": TIP_OFFSET}

REST = {"panda_joint2": -0.569, "panda_joint4": -2.6, "panda_joint6": 2.031, "panda_joint7": 0.785}
"""Hand over the table, pointing straight down [rad]."""

ARM_GAINS, FINGER_GAINS = (2000.0, 100.0), (1000.0, 40.0)
"""Stiffness [N m/rad or N/m] and damping of arm and fingers. Their ratio is how far a joint is behind: 0.05 s and
0.04 s, so that what is commanded is reached one or two steps later; the other tasks' arm needs 0.2 s, six steps."""

WRIST_CAMERA = CameraSpec("WristCamera", (-0.15, 0.0, 0.13), (0.107, 0.0, 0.06), 20.0, (0.02, 10.0), mounted=True)


@configclass
class FrankaPickPlaceSceneCfg(PickPlaceSceneCfg):
    """The scene with a Panda."""

    robot: ArticulationCfg | FrankaPresetCfg = FrankaPresetCfg()
    wrist_camera: CameraCfg = mounted(WRIST_CAMERA, "{ENV_REGEX_NS}/Robot", HAND_BODY, "z")


@configclass
class FrankaPickPlaceEnvCfg(PickPlaceEnvCfg):
    """Eight actions: pose of the tip (w before x, y, z) in the environment's frame, and the gripper's sign."""

    scene: FrankaPickPlaceSceneCfg = FrankaPickPlaceSceneCfg(num_envs=64, env_spacing=5.0)

    def __post_init__(self) -> None:
        """Fill the task's holes with the Panda's hand."""
        super().__post_init__()
        for robot in (self.scene.robot.default, self.scene.robot.nucleus):
            robot.init_state.joint_pos.update(REST)
            for name, actuator in robot.actuators.items():
                actuator.stiffness, actuator.damping = FINGER_GAINS if name == "panda_hand" else ARM_GAINS
        self.actions.arm_action = mdp.PoseActionCfg(
            asset_name="robot",
            ik=mdp.ReplayedIkActionCfg(
                asset_name="robot",
                joint_names=["panda_joint.*"],
                body_name=HAND_BODY,
                controller=DifferentialIKControllerCfg(command_type="pose", use_relative_mode=False, ik_method="dls"),
                body_offset=mdp.ReplayedIkActionCfg.OffsetCfg(pos=TIP_OFFSET),
            ),
        )
        self.actions.gripper_action = mdp.SteadyGripperActionCfg(
            asset_name="robot",
            joint_names=["panda_finger_joint.*"],
            open_command_expr={"panda_finger_joint.*": FINGER_OPEN},
            close_command_expr={"panda_finger_joint.*": 0.0},
        )
        self.commands.carry.hand_body, self.commands.carry.tip_offset = HAND_BODY, TIP_OFFSET
        self.observations.policy.ee_pose.params = dict(TIP)
        self.observations.policy.gripper_width.params = {"asset_cfg": FINGERS}
        self.events.reset_workspace.params.update(asset_cfg=ARM)
        for term in (self.terminations.success, self.events.slip):
            term.params.update(fingers_cfg=FINGERS, hand_cfg=HAND, offset=TIP_OFFSET)


_PLACE = {**COMMAND, "height": REST_HEIGHT}


@configclass
class FrankaPickPlaceRecorderCfg(DatasetRecorderCfg):
    """What a demonstration holds beside observations, actions, scene state and images."""

    frames: FrameRecorderCfg = FrameRecorderCfg(
        channels={
            "joint_pos": ChannelCfg(func=mdp.joint_position),
            "joint_vel": ChannelCfg(func=mdp.joint_velocity),
            "ee_pose": ChannelCfg(func=mdp.downward_pose, params=TIP),
            "gripper_width": ChannelCfg(func=mdp.gripper_width, params={"asset_cfg": FINGERS}),
            "object_pose": ChannelCfg(func=mdp.object_pose),
            "goal_pose": ChannelCfg(func=mdp.goal_pose, params=_PLACE),
            "place_pose": ChannelCfg(func=mdp.place_pose, params=_PLACE),
            "target_pose": ChannelCfg(func=mdp.target_pose, params=_PLACE),
            "phase": ChannelCfg(func=mdp.actor_phase, params=COMMAND),
        },
        facts={"stage": ChannelCfg(func=mdp.carry_stage, params={**COMMAND, "term": "success"})},
    )
