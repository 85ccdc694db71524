"""The lift task, for any arm: a cube on a table, a goal in the air."""

from __future__ import annotations

from dataclasses import MISSING

from isaaclab.assets import ArticulationCfg, AssetBaseCfg, RigidObjectCfg
from isaaclab.envs import ManagerBasedRLEnvCfg
from isaaclab.managers import EventTermCfg as EventTerm
from isaaclab.managers import ObservationGroupCfg as ObsGroup
from isaaclab.managers import ObservationTermCfg as ObsTerm
from isaaclab.managers import RewardTermCfg as RewTerm
from isaaclab.managers import SceneEntityCfg
from isaaclab.managers import TerminationTermCfg as DoneTerm
from isaaclab.scene import InteractiveSceneCfg
from isaaclab.sensors import CameraCfg
from isaaclab.utils import configclass
from isaaclab.visualizers import VisualizerCfg

from isaaclab_datagen.assets.cameras import filmed_by, fixed_camera, lens, set_resolution
from isaaclab_datagen.assets.objects import CUBE_SIZE, cube, ground, light, table
from isaaclab_datagen.assets.physics import ManipulationPhysicsCfg

from . import mdp

##
# Scene
##


@configclass
class LiftSceneCfg(InteractiveSceneCfg):
    """Robot, cube, table and two cameras."""

    robot: ArticulationCfg = MISSING
    object: RigidObjectCfg = cube()
    table: AssetBaseCfg = table()
    ground: AssetBaseCfg = ground()
    light: AssetBaseCfg = light()

    # Straight down. At 14 mm the middle 160x160 pixels of 320x240, all that AVDC sees, hold the cube's whole range.
    overhead_camera: CameraCfg = fixed_camera("OverheadCamera", (0.55, 0.0, 0.85), (1.0, 0.0, 0.0, 0.0), lens(14.0))
    # Pose and lens of the original collector's front view.
    oblique_camera: CameraCfg = fixed_camera(
        "ObliqueCamera", (2.0, 0.5, 1.0), (0.51056, 0.6773, -0.423, -0.31886), lens(18.0, aperture=20.0)
    )


##
# MDP
##


@configclass
class CommandsCfg:
    """Where the cube shall be held, in the robot's root frame [m]."""

    object_pose = mdp.GoalCommandCfg(
        asset_name="robot",
        body_name=MISSING,
        resampling_time_range=(1e9, 1e9),
        debug_vis=False,
        ranges=mdp.GoalCommandCfg.Ranges(
            pos_x=(0.4, 0.6), pos_y=(-0.25, 0.25), pos_z=(0.25, 0.5), roll=(0.0, 0.0), pitch=(0.0, 0.0), yaw=(0.0, 0.0)
        ),
    )


@configclass
class ActionsCfg:
    """Arm and gripper."""

    arm_action: mdp.ReplayedIkActionCfg = MISSING
    gripper_action: mdp.BinaryJointPositionActionCfg = MISSING


@configclass
class ObservationsCfg:
    """What the policy sees."""

    @configclass
    class PolicyCfg(ObsGroup):
        """The reference lift task's observations, and tip, cube and goal relative to each other."""

        joint_pos = ObsTerm(func=mdp.joint_pos_rel)
        joint_vel = ObsTerm(func=mdp.joint_vel_rel, scale=0.2)
        object_position = ObsTerm(func=mdp.object_position)
        target_object_position = ObsTerm(func=mdp.goal_position)
        tip_to_object = ObsTerm(func=mdp.tip_to_object)
        object_to_goal = ObsTerm(func=mdp.object_to_goal)
        yaw_error = ObsTerm(func=mdp.yaw_error)
        actions = ObsTerm(func=mdp.last_action)

        def __post_init__(self) -> None:
            self.enable_corruption = False
            self.concatenate_terms = True

    policy: PolicyCfg = PolicyCfg()


@configclass
class EventCfg:
    """Resets."""

    reset = EventTerm(
        func=mdp.reset_to_start,
        mode="reset",
        params={
            "joint_offsets": {},
            "pose_ranges": {"object": {"x": (-0.1, 0.1), "y": (-0.25, 0.25), "yaw": (-3.14159, 3.14159)}},
            "demonstrations": None,  # a training aid that a robot's configuration may fill in
            "probability": 0.0,  # of starting within one
        },
    )


@configclass
class RewardsCfg:
    """The reference lift task's shape; lifted counts only in the hand. Weights are per second.

    They are about a tenth of the reference's, so that the critic's values lie near 1. Success ends what would have been
    earned on, so it pays 10: more than holding the cube at the goal is worth at a discount of 0.99 a step.
    """

    reach = RewTerm(func=mdp.reach, weight=0.1, params={"std": 0.1})
    reach_fine = RewTerm(func=mdp.reach, weight=0.2, params={"std": 0.02})
    lift = RewTerm(func=mdp.lift_height, weight=1.0, params={"full_height": 0.1, "rest_height": CUBE_SIZE / 2})
    goal = RewTerm(
        func=mdp.goal_distance,
        weight=1.6,
        params={"std": 0.3, "minimal_height": 0.03, "rest_height": CUBE_SIZE / 2},
    )
    goal_fine = RewTerm(
        func=mdp.goal_distance,
        weight=1.0,
        params={"std": 0.05, "minimal_height": 0.03, "rest_height": CUBE_SIZE / 2},
    )
    success = RewTerm(func=mdp.is_terminated_term, weight=500.0, params={"term_keys": "success"})
    action_rate = RewTerm(func=mdp.action_rate_l2, weight=-0.002)
    joint_vel = RewTerm(func=mdp.joint_vel_l2, weight=-1e-4, params={"asset_cfg": SceneEntityCfg("robot")})
    dropped = RewTerm(func=mdp.is_terminated_term, weight=-50.0, params={"term_keys": "object_dropped"})


@configclass
class TerminationsCfg:
    """Ends of an episode.

    Success is no time-out for a learner: it would rate a reached goal by its own estimate, which little else ties down,
    and unlearn to finish.
    """

    success = DoneTerm(func=mdp.held_at_goal, params={"distance": 0.05, "steps": 10})
    time_out = DoneTerm(func=mdp.time_out, time_out=True)
    object_dropped = DoneTerm(
        func=mdp.root_height_below_minimum, params={"minimum_height": -0.05, "asset_cfg": SceneEntityCfg("object")}
    )


##
# Environment
##


@configclass
class LiftEnvCfg(ManagerBasedRLEnvCfg):
    """Lift a cube to a goal in the air within 5 s, at 50 Hz."""

    scene: LiftSceneCfg = LiftSceneCfg(num_envs=4096, env_spacing=2.5)
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
        self.decimation = 2
        self.episode_length_s = 5.0
        self.sim.dt = 0.01
        self.sim.render_interval = self.decimation
        self.sim.physics = ManipulationPhysicsCfg()
        self.video_recorders = filmed_by("oblique_camera")
        self.sim.default_visualizer_cfg = VisualizerCfg(eye=(1.6, 1.2, 1.0), lookat=(0.4, 0.0, 0.2))

    def validate_config(self) -> None:
        """Carry on what the command line has said: :attr:`camera_resolution`, and which ends there are."""
        set_resolution(self.scene, self.camera_resolution)
        for name in ("success", "dropped"):
            term: RewTerm | None = vars(self.rewards)[name]
            if term is not None and vars(self.terminations)[term.params["term_keys"]] is None:
                setattr(self.rewards, name, None)  # a training may switch success off

    def play_mode(self) -> None:
        """Every episode starts as the task says, and observations are clean."""
        super().play_mode()
        self.events.reset.params["probability"] = 0.0
