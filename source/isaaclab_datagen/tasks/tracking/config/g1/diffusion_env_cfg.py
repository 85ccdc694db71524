"""Where trackers of a Unitree G1 are recorded: late and noisy actions, other bodies, kicks, and falls that count.

They can be trained here too, so that they know what they are recorded under.
"""

from __future__ import annotations

import math

from isaaclab.managers import EventTermCfg as EventTerm
from isaaclab.managers import ObservationGroupCfg as ObsGroup
from isaaclab.managers import ObservationTermCfg as ObsTerm
from isaaclab.managers import SceneEntityCfg
from isaaclab.managers import TerminationTermCfg as DoneTerm
from isaaclab.utils import configclass

from isaaclab_datagen.assets.g1 import ANCHOR
from isaaclab_datagen.recorders import ChannelCfg, DatasetRecorderCfg, FrameRecorderCfg
from isaaclab_datagen.tasks.tracking import mdp
from isaaclab_datagen.tasks.tracking.tracking_env_cfg import MOTION, EventCfg, ObservationsCfg, TerminationsCfg

from .env_cfg import G1TrackingEnvCfg

ACTION = {"name": "joint_pos"}


@configclass
class DiffusionObservationsCfg(ObservationsCfg):
    """What trackers see, and the states of the model that is to learn from them."""

    @configclass
    class StateCfg(ObsGroup):
        """189 numbers: see :mod:`isaaclab_datagen.geometry.state_layouts`."""

        body_pos_state = ObsTerm(func=mdp.robot_state, params={"layout": "body_pos"})

        def __post_init__(self) -> None:
            self.concatenate_terms = True

    state: StateCfg = StateCfg()


@configclass
class DiffusionEventCfg(EventCfg):
    """Ranges of the mission's document. What it calls a push of +-1.0, without a unit, is in m/s here.

    In newtons it would not be felt by a robot of 33 kg; as a kick of the root's velocity it disturbs a light and a
    heavy robot alike, and is what trackers are pushed with in training (up to 0.5 m/s there).
    """

    mass = EventTerm(
        func=mdp.randomize_rigid_body_mass,
        mode="startup",
        params={
            "asset_cfg": SceneEntityCfg("robot", body_names=".*"),
            "mass_distribution_params": (0.8, 1.2),
            "operation": "scale",
        },
    )

    def __post_init__(self) -> None:
        """Replace the ranges of training."""
        self.physics_material.params |= {"static_friction_range": (0.4, 1.5), "dynamic_friction_range": (0.4, 1.5)}
        self.default_joint_pos.params["offset_range"] = (-0.1, 0.1)
        self.center_of_mass.params["com_range"] = dict.fromkeys("xyz", (-0.05, 0.05))
        self.push_robot.interval_range_s = (0.5, 2.0)
        self.push_robot.params["velocity_range"] = dict.fromkeys("xy", (-1.0, 1.0))


@configclass
class DiffusionTerminationsCfg(TerminationsCfg):
    """A recorded tracker that has lost its reference goes on; one that falls does not.

    A pelvis that stands at 0.76 m and walks above 0.7 m is below 0.35 m only when its robot sits, kneels or lies; a
    torso that leans by 70 degrees is not caught any more. The head, by whose height papers tell a fall, is no body of
    its own here. References that crouch or bow deeper need other limits.

    In training, an episode ends as that of ``Tracking-Flat-G1`` does, with the height or the tilt of the torso: from
    there nobody recovers, and robots that kneel would fill the learner's batches. Feet and hands have twice the room
    that they have there, for steps that catch a kick.
    """

    fell = DoneTerm(
        func=mdp.fell,
        params={
            "asset_cfg": SceneEntityCfg("robot", body_names=ANCHOR),
            "minimum_height": 0.35,
            "maximum_tilt": math.radians(70.0),
        },
    )
    completed = DoneTerm(func=mdp.completed, time_out=True, params={**MOTION, "fall_term": "fell"})


@configclass
class G1DiffusionEnvCfg(G1TrackingEnvCfg):
    """``Tracking-Flat-G1`` for collection: starts anywhere in a motion, ends at its end, after 10 s, or with a fall.

    Trained here, trackers meet the disturbances of collection, but only the delays of ``Tracking-Flat-G1``: nothing
    tells a tracker how late it acts, so that longer ones would cost it at short ones. Collection has its own option.
    """

    observations: DiffusionObservationsCfg = DiffusionObservationsCfg()
    events: DiffusionEventCfg = DiffusionEventCfg()
    terminations: DiffusionTerminationsCfg = DiffusionTerminationsCfg()

    def __post_init__(self) -> None:
        """Add noise to the actions of the tracking task, none to its observations, and give feet and hands room.

        Observations are clean as in collection: noise of +-0.5 m/s on the root's velocity would hide half of a kick.
        Starts are drawn evenly, since kicks fell a robot anywhere. The way back to the reference is paid for from
        further away: half of all kicks meet a robot that is more than 1 m off, where 0.3 m would pay nothing.
        """
        super().__post_init__()
        self.terminations.time_out = None
        self.terminations.end_effector_height.params["threshold"] = 0.5
        self.actions.joint_pos.noise = mdp.ActionNoiseCfg()
        self.observations.policy.enable_corruption = False
        self.commands.motion.adaptive = None
        self.rewards.anchor_pos.params["std"] = 1.0

    def play_mode(self) -> None:
        """Only falls end an episode, and delays go up to 100 ms; starts stay random."""
        motion = self.commands.motion
        starts = motion.pose_range, motion.velocity_range, motion.joint_position_range
        super().play_mode()
        motion.pose_range, motion.velocity_range, motion.joint_position_range = starts
        motion.start_at_first_frame = False
        self.actions.joint_pos.delay_range = (0.0, 100.0)
        ends = self.terminations
        ends.anchor_height = ends.anchor_tilt = ends.end_effector_height = None
        self.observations.critic = None
        self.rewards.undesired_contacts = self.scene.contact_forces = None  # nobody reads what costs time every step


@configclass
class G1DiffusionRecorderCfg(DatasetRecorderCfg):
    """World quantities, from which any state is computed on reading; no observations, which are computed from them too.

    Angular velocities of single bodies are left out: no state has them, and their orientations are there.
    """

    frames: FrameRecorderCfg = FrameRecorderCfg(
        sources=("scene",),
        channels={
            "root_pose": ChannelCfg(func=mdp.root_pose),
            "root_velocity": ChannelCfg(func=mdp.root_velocity),
            "body_pos": ChannelCfg(func=mdp.body_position),
            "body_quat": ChannelCfg(func=mdp.body_quaternion),
            "body_lin_vel": ChannelCfg(func=mdp.body_velocity),
            "executed_action": ChannelCfg(func=mdp.executed_action, params=ACTION, of_action=True),
            "motion_frame": ChannelCfg(func=mdp.motion_frame, params=MOTION),
            "ee_pose": None,
        },
        facts={
            "action_delay": ChannelCfg(func=mdp.action_delay, params=ACTION),
            "fell": ChannelCfg(func=mdp.has_fallen, params={"term": "fell"}),
            "motion": ChannelCfg(func=mdp.motion_name, params=MOTION),
            "motion_length": ChannelCfg(func=mdp.motion_length, params=MOTION),
        },
        success_term="completed",
    )
