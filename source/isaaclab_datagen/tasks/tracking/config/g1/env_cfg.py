"""The tracking task with a Unitree G1: 29 joint position targets."""

from __future__ import annotations

from isaaclab.assets import ArticulationCfg
from isaaclab.managers import SceneEntityCfg
from isaaclab.utils import configclass

from isaaclab_datagen.assets.g1 import ACTION_SCALE, ANCHOR, FEET, G1_CFG, HANDS, JOINT_NAMES, TRACKED_BODIES
from isaaclab_datagen.recorders import ChannelCfg, DatasetRecorderCfg, FrameRecorderCfg
from isaaclab_datagen.tasks.tracking import mdp
from isaaclab_datagen.tasks.tracking.tracking_env_cfg import MOTION, TrackingEnvCfg, TrackingSceneCfg

MAY_TOUCH = (*FEET, *HANDS)
"""Bodies whose contacts are not penalised."""

DELAY_RANGE = (0.0, 60.0)
"""How late actions come, drawn for each episode [ms]."""


@configclass
class G1TrackingSceneCfg(TrackingSceneCfg):
    """The tracking scene with a G1."""

    robot: ArticulationCfg = G1_CFG


@configclass
class G1TrackingEnvCfg(TrackingEnvCfg):
    """The G1 follows the built-in walk, unless ``commands.motion.motion_files`` says otherwise."""

    scene: G1TrackingSceneCfg = G1TrackingSceneCfg(num_envs=4096, env_spacing=2.5)

    def __post_init__(self) -> None:
        """Fill the tracking task's holes with the G1's bodies."""
        super().__post_init__()
        targets = mdp.JointPositionActionCfg(
            asset_name="robot", joint_names=list(JOINT_NAMES), scale=ACTION_SCALE, use_default_offset=True
        )
        self.actions.joint_pos = mdp.DelayedActionCfg(action=targets, delay_range=DELAY_RANGE)
        motion = self.commands.motion
        motion.motion_files, motion.anchor_body, motion.body_names = ["walk"], ANCHOR, list(TRACKED_BODIES)
        self.events.center_of_mass.params["asset_cfg"] = SceneEntityCfg("robot", body_names=ANCHOR)
        others = rf"(?!({'|'.join(MAY_TOUCH)})$).+"
        self.rewards.undesired_contacts.params["sensor_cfg"] = SceneEntityCfg("contact_forces", body_names=[others])
        self.terminations.end_effector_height.params["body_names"] = list(MAY_TOUCH)


@configclass
class G1TrackingRecorderCfg(DatasetRecorderCfg):
    """What a tracking demonstration holds beside observations, actions and scene state."""

    frames: FrameRecorderCfg = FrameRecorderCfg(
        channels={"joint_pos": ChannelCfg(func=mdp.joint_position), "joint_vel": ChannelCfg(func=mdp.joint_velocity)},
        facts={
            "body_pos_error": ChannelCfg(func=mdp.mean_body_pos_error, params=MOTION),
            "distance": ChannelCfg(func=mdp.distance, params=MOTION),
            "reference_distance": ChannelCfg(func=mdp.reference_distance, params=MOTION),
        },
        success_term="time_out",
    )
