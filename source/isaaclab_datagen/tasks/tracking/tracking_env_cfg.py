"""The tracking task, for any humanoid: follow reference motions on flat ground, under pushes. BeyondMimic's figures."""

from __future__ import annotations

from dataclasses import MISSING

import isaaclab.sim as sim_utils
from isaaclab.assets import ArticulationCfg, AssetBaseCfg
from isaaclab.envs import ManagerBasedRLEnvCfg
from isaaclab.managers import EventTermCfg as EventTerm
from isaaclab.managers import ObservationGroupCfg as ObsGroup
from isaaclab.managers import ObservationTermCfg as ObsTerm
from isaaclab.managers import RewardTermCfg as RewTerm
from isaaclab.managers import SceneEntityCfg
from isaaclab.managers import TerminationTermCfg as DoneTerm
from isaaclab.scene import InteractiveSceneCfg
from isaaclab.sensors import CameraCfg, ContactSensorCfg
from isaaclab.utils import configclass
from isaaclab.utils.noise import UniformNoiseCfg as Unoise
from isaaclab.visualizers import VisualizerCfg

from isaaclab_datagen.assets.cameras import filmed_by, fixed_camera, lens, set_resolution
from isaaclab_datagen.assets.objects import ground, light
from isaaclab_datagen.assets.physics import HumanoidPhysicsCfg
from isaaclab_datagen.geometry.frames import look_at, quaternion

from . import mdp

MOTION = {"command_name": "motion"}

KICK = {
    "x": (-0.5, 0.5),
    "y": (-0.5, 0.5),
    "z": (-0.2, 0.2),
    "roll": (-0.52, 0.52),
    "pitch": (-0.52, 0.52),
    "yaw": (-0.78, 0.78),
}
"""What is added to the root's velocity by a push, and at a reset [m/s, rad/s]."""

GROUND_SIZE = 100.0
"""Edge of the ground [m]: references go up to 34 m away from where they start."""

EYE, TARGET = (2.5, -5.0, 1.8), (2.5, 0.0, 0.7)
"""Where the camera stands, on the right of a way along x, and where it looks [m]."""

##
# Scene
##


@configclass
class TrackingSceneCfg(InteractiveSceneCfg):
    """Robot, ground, contacts and one camera."""

    robot: ArticulationCfg = MISSING
    ground: AssetBaseCfg = ground(height=0.0, size=GROUND_SIZE)
    light: AssetBaseCfg = light()
    contact_forces: ContactSensorCfg = ContactSensorCfg(
        prim_path="{ENV_REGEX_NS}/Robot/.*", history_length=3, force_threshold=10.0
    )

    overview_camera: CameraCfg = fixed_camera("OverviewCamera", EYE, quaternion(look_at(EYE, TARGET)), lens(14.0))


##
# MDP
##


@configclass
class CommandsCfg:
    """The motions to follow."""

    motion: mdp.MotionCommandCfg = mdp.MotionCommandCfg(
        asset_name="robot",
        motion_files=MISSING,
        anchor_body=MISSING,
        body_names=MISSING,
        pose_range={
            "x": (-0.05, 0.05),
            "y": (-0.05, 0.05),
            "z": (-0.01, 0.01),
            "roll": (-0.1, 0.1),
            "pitch": (-0.1, 0.1),
            "yaw": (-0.2, 0.2),
        },
        velocity_range=KICK,
        joint_position_range=(-0.1, 0.1),
    )


@configclass
class ActionsCfg:
    """Joint position targets."""

    joint_pos: mdp.JointPositionActionCfg = MISSING


@configclass
class ObservationsCfg:
    """What policy and critic see."""

    @configclass
    class PolicyCfg(ObsGroup):
        """Measured quantities, with their noise."""

        command = ObsTerm(func=mdp.generated_commands, params=MOTION)
        anchor_pos_b = ObsTerm(func=mdp.anchor_pos_b, params=MOTION, noise=Unoise(n_min=-0.25, n_max=0.25))
        anchor_ori_b = ObsTerm(func=mdp.anchor_ori_b, params=MOTION, noise=Unoise(n_min=-0.05, n_max=0.05))
        base_lin_vel = ObsTerm(func=mdp.base_lin_vel, noise=Unoise(n_min=-0.5, n_max=0.5))
        base_ang_vel = ObsTerm(func=mdp.base_ang_vel, noise=Unoise(n_min=-0.2, n_max=0.2))
        joint_pos = ObsTerm(func=mdp.joint_pos_rel, noise=Unoise(n_min=-0.01, n_max=0.01))
        joint_vel = ObsTerm(func=mdp.joint_vel_rel, noise=Unoise(n_min=-0.5, n_max=0.5))
        actions = ObsTerm(func=mdp.last_action)

        def __post_init__(self) -> None:
            self.enable_corruption = True
            self.concatenate_terms = True

    @configclass
    class CriticCfg(ObsGroup):
        """The same without noise, and where the bodies are."""

        command = ObsTerm(func=mdp.generated_commands, params=MOTION)
        anchor_pos_b = ObsTerm(func=mdp.anchor_pos_b, params=MOTION)
        anchor_ori_b = ObsTerm(func=mdp.anchor_ori_b, params=MOTION)
        body_pos = ObsTerm(func=mdp.robot_body_pos_b, params=MOTION)
        body_ori = ObsTerm(func=mdp.robot_body_ori_b, params=MOTION)
        base_lin_vel = ObsTerm(func=mdp.base_lin_vel)
        base_ang_vel = ObsTerm(func=mdp.base_ang_vel)
        joint_pos = ObsTerm(func=mdp.joint_pos_rel)
        joint_vel = ObsTerm(func=mdp.joint_vel_rel)
        actions = ObsTerm(func=mdp.last_action)

        def __post_init__(self) -> None:
            self.concatenate_terms = True

    policy: PolicyCfg = PolicyCfg()
    critic: CriticCfg = CriticCfg()


@configclass
class EventCfg:
    """What differs between robots, and pushes."""

    physics_material = EventTerm(
        func=mdp.randomize_rigid_body_material,
        mode="startup",
        params={
            "asset_cfg": SceneEntityCfg("robot", body_names=".*"),
            "static_friction_range": (0.3, 1.6),
            "dynamic_friction_range": (0.3, 1.2),
            "restitution_range": (0.0, 0.5),
            "num_buckets": 64,
            "make_consistent": True,
        },
    )
    default_joint_pos = EventTerm(
        func=mdp.randomize_default_joint_pos,
        mode="startup",
        params={"offset_range": (-0.01, 0.01), "action_name": "joint_pos"},
    )
    center_of_mass = EventTerm(
        func=mdp.randomize_rigid_body_com,
        mode="startup",
        params={
            "asset_cfg": MISSING,
            "com_range": {"x": (-0.025, 0.025), "y": (-0.05, 0.05), "z": (-0.05, 0.05)},
        },
    )
    push_robot = EventTerm(
        func=mdp.push_by_setting_velocity,
        mode="interval",
        interval_range_s=(1.0, 3.0),
        params={"velocity_range": KICK},
    )


@configclass
class RewardsCfg:
    """Tracking, and a few penalties. Weights are per second."""

    anchor_pos = RewTerm(func=mdp.anchor_pos_tracking, weight=0.5, params={**MOTION, "std": 0.3})
    anchor_ori = RewTerm(func=mdp.anchor_ori_tracking, weight=0.5, params={**MOTION, "std": 0.4})
    body_pos = RewTerm(func=mdp.body_pos_tracking, weight=1.0, params={**MOTION, "std": 0.3})
    body_ori = RewTerm(func=mdp.body_ori_tracking, weight=1.0, params={**MOTION, "std": 0.4})
    body_lin_vel = RewTerm(func=mdp.body_lin_vel_tracking, weight=1.0, params={**MOTION, "std": 1.0})
    body_ang_vel = RewTerm(func=mdp.body_ang_vel_tracking, weight=1.0, params={**MOTION, "std": 3.14})
    action_rate = RewTerm(func=mdp.action_rate_l2, weight=-0.1)
    joint_limits = RewTerm(func=mdp.joint_pos_limits, weight=-10.0, params={"asset_cfg": SceneEntityCfg("robot")})
    undesired_contacts = RewTerm(
        func=mdp.undesired_contacts, weight=-0.1, params={"sensor_cfg": MISSING, "threshold": 1.0}
    )


@configclass
class TerminationsCfg:
    """Ends of an episode. Its full length, without a loss of the reference, is success."""

    time_out = DoneTerm(func=mdp.time_out, time_out=True)
    anchor_height = DoneTerm(func=mdp.anchor_height_lost, params={**MOTION, "threshold": 0.25})
    anchor_tilt = DoneTerm(func=mdp.anchor_tilt_lost, params={**MOTION, "threshold": 0.8})
    end_effector_height = DoneTerm(
        func=mdp.body_height_lost, params={**MOTION, "threshold": 0.25, "body_names": MISSING}
    )


##
# Environment
##


@configclass
class TrackingEnvCfg(ManagerBasedRLEnvCfg):
    """Follow motions for 10 s at 50 Hz."""

    scene: TrackingSceneCfg = TrackingSceneCfg(num_envs=4096, env_spacing=2.5)
    observations: ObservationsCfg = ObservationsCfg()
    actions: ActionsCfg = ActionsCfg()
    commands: CommandsCfg = CommandsCfg()
    rewards: RewardsCfg = RewardsCfg()
    terminations: TerminationsCfg = TerminationsCfg()
    events: EventCfg = EventCfg()

    camera_resolution: tuple[int, int] = (320, 240)
    """Width and height of every camera of the scene [pixels]."""

    def __post_init__(self) -> None:
        """Rates and backends."""
        self.decimation = 4
        self.episode_length_s = 10.0
        self.sim.dt = 0.005
        self.sim.render_interval = self.decimation
        self.sim.physics = HumanoidPhysicsCfg()
        self.sim.physics_material = sim_utils.RigidBodyMaterialCfg(
            static_friction=1.0, dynamic_friction=1.0, friction_combine_mode="multiply"
        )
        self.video_recorders = filmed_by("overview_camera")
        self.sim.default_visualizer_cfg = VisualizerCfg(eye=EYE, lookat=TARGET)

    def validate_config(self) -> None:
        """Carry :attr:`camera_resolution` to the cameras, after the command line has had its say."""
        set_resolution(self.scene, self.camera_resolution)

    def play_mode(self) -> None:
        """Every episode starts at frame 0, exactly on the reference; pushes and terminations stay."""
        super().play_mode()
        motion = self.commands.motion
        motion.start_at_first_frame, motion.adaptive = True, None
        motion.pose_range, motion.velocity_range, motion.joint_position_range = {}, {}, (0.0, 0.0)
