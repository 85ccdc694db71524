"""The lift task with a Franka Panda and relative differential IK."""

from __future__ import annotations

from pathlib import Path

from isaaclab.assets import ArticulationCfg
from isaaclab.controllers import DifferentialIKControllerCfg
from isaaclab.managers import SceneEntityCfg
from isaaclab.utils import configclass

from isaaclab_datagen.assets.franka import FINGER_OPEN, HAND_BODY, TIP_OFFSET, FrankaPresetCfg
from isaaclab_datagen.recorders import ChannelCfg, DatasetRecorderCfg, FrameRecorderCfg
from isaaclab_datagen.tasks.lift import mdp
from isaaclab_datagen.tasks.lift.lift_env_cfg import LiftEnvCfg, LiftSceneCfg

TIP = {"asset_cfg": SceneEntityCfg("robot", body_names=HAND_BODY), "offset": TIP_OFFSET}


@configclass
class FrankaLiftSceneCfg(LiftSceneCfg):
    """The lift scene with a Panda."""

    robot: ArticulationCfg | FrankaPresetCfg = FrankaPresetCfg()


@configclass
class FrankaLiftEnvCfg(LiftEnvCfg):
    """Seven actions: six pose deltas times 0.5 (m, rad) in the robot's root frame, and the gripper's sign."""

    scene: FrankaLiftSceneCfg = FrankaLiftSceneCfg(num_envs=4096, env_spacing=2.5)

    def __post_init__(self) -> None:
        """Fill the lift task's holes with the Panda's hand."""
        super().__post_init__()
        self.actions.arm_action = mdp.ReplayedIkActionCfg(
            asset_name="robot",
            joint_names=["panda_joint.*"],
            body_name=HAND_BODY,
            controller=DifferentialIKControllerCfg(command_type="pose", use_relative_mode=True, ik_method="dls"),
            scale=0.5,
            body_offset=mdp.ReplayedIkActionCfg.OffsetCfg(pos=TIP_OFFSET),
        )
        self.actions.gripper_action = mdp.BinaryJointPositionActionCfg(
            asset_name="robot",
            joint_names=["panda_finger_joint.*"],
            open_command_expr={"panda_finger_joint.*": FINGER_OPEN},
            close_command_expr={"panda_finger_joint.*": 0.0},
        )
        self.commands.object_pose.body_name, self.commands.object_pose.tip_offset = HAND_BODY, TIP_OFFSET
        states = str(Path(__file__).with_name("demonstration_states.npz"))
        self.events.reset.params.update(demonstrations=states, probability=0.5)


@configclass
class FrankaLiftRecorderCfg(DatasetRecorderCfg):
    """What a lift demonstration holds beside observations, actions, scene state and images."""

    frames: FrameRecorderCfg = FrameRecorderCfg(
        channels={
            "joint_pos": ChannelCfg(func=mdp.joint_position),
            "joint_vel": ChannelCfg(func=mdp.joint_velocity),
            "ee_pose": ChannelCfg(func=mdp.body_pose, params=TIP),
            "object_pose": ChannelCfg(func=mdp.object_pose),
            "goal": ChannelCfg(func=mdp.command_position, params={"command_name": "object_pose"}),
        }
    )
