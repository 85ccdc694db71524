"""The drawer task, for any arm: a cabinet with two drawers, the top one to be opened by its handle."""

from __future__ import annotations

from dataclasses import MISSING

from isaaclab.assets import ArticulationCfg, AssetBaseCfg
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

from isaaclab_datagen.assets.cabinet import CABINET_CFG
from isaaclab_datagen.assets.cameras import filmed_by, fixed_camera, lens, set_resolution
from isaaclab_datagen.assets.objects import ground, light
from isaaclab_datagen.assets.physics import DrawerPhysicsCfg

from . import mdp

DRAWER = SceneEntityCfg("cabinet", joint_names="drawer_top_joint")
HANDLE = SceneEntityCfg("cabinet", body_names="drawer_handle_top")

DRAWER_START = {"cabinet": {"drawer_top_joint": (0.0, 0.05)}}
"""Opening of the drawer when an episode begins [m]."""

OPENING = 0.3
"""Opening of the drawer that is success [m]."""

RATE = 60
"""Control steps a second."""

##
# Scene
##


@configclass
class DrawerSceneCfg(InteractiveSceneCfg):
    """Robot, cabinet and one camera."""

    robot: ArticulationCfg = MISSING
    cabinet: ArticulationCfg = CABINET_CFG
    ground: AssetBaseCfg = ground(height=0.0)
    light: AssetBaseCfg = light()

    # On the left of the robot: (-0.15, 1.4, 1.25) looking at (0.45, 0, 0.5).
    overview_camera: CameraCfg = fixed_camera(
        "OverviewCamera", (-0.15, 1.4, 1.25), (-0.17071, 0.8317, -0.51753, 0.10623), lens(18.0)
    )


##
# MDP
##


@configclass
class ActionsCfg:
    """Arm and gripper."""

    arm_action: mdp.RelativeJointPositionActionCfg = MISSING
    gripper_action: mdp.BinaryJointPositionActionCfg = MISSING


@configclass
class ObservationsCfg:
    """What the policy sees."""

    @configclass
    class PolicyCfg(ObsGroup):
        """The reference drawer task's observations, and how the hand is turned against the handle."""

        joint_pos = ObsTerm(func=mdp.joint_pos_rel)
        joint_vel = ObsTerm(func=mdp.joint_vel_rel, scale=0.2)
        drawer_pos = ObsTerm(func=mdp.joint_position, params={"asset_cfg": DRAWER})
        drawer_vel = ObsTerm(func=mdp.joint_velocity, params={"asset_cfg": DRAWER})
        tip_to_handle = ObsTerm(func=mdp.tip_to_handle, params={"handle_cfg": HANDLE})
        hand_axes = ObsTerm(func=mdp.hand_axes, params={"handle_cfg": HANDLE})
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
            "joint_offsets": DRAWER_START,
            "pose_ranges": {},
            "demonstrations": None,  # a training aid that a robot's configuration may fill in
            "probability": 0.0,  # of starting within one
        },
    )


@configclass
class RewardsCfg:
    """The reference drawer task's terms; opening counts only while the bar is held. Weights are per second.

    They are weighted so that the critic's values lie near 1. Success ends what would have been earned on, so it pays
    10: twice the worth of holding the drawer just below 0.3 m, at a discount of 0.99.
    """

    approach = RewTerm(func=mdp.approach, weight=0.2, params={"threshold": 0.2, "handle_cfg": HANDLE})
    reach = RewTerm(func=mdp.reach, weight=0.2, params={"std": 0.05, "handle_cfg": HANDLE})
    align = RewTerm(func=mdp.align, weight=0.1, params={"handle_cfg": HANDLE})
    around = RewTerm(func=mdp.around, weight=0.05, params={"handle_cfg": HANDLE})
    pinch = RewTerm(func=mdp.pinch, weight=0.5, params={"handle_cfg": HANDLE, "opening": MISSING})
    grasp = RewTerm(func=mdp.grasp, weight=2.0, params={"handle_cfg": HANDLE, "opening": MISSING})
    open = RewTerm(func=mdp.open_held, weight=6.0, params={"drawer_cfg": DRAWER, "handle_cfg": HANDLE})
    stages = RewTerm(
        func=mdp.stages_held,
        weight=0.1,
        params={"stages": (0.1, 0.2), "drawer_cfg": DRAWER, "handle_cfg": HANDLE},
    )
    success = RewTerm(
        func=mdp.stages_held,
        weight=10.0 * RATE,
        params={"stages": (OPENING,), "drawer_cfg": DRAWER, "handle_cfg": HANDLE},
    )
    action_rate = RewTerm(func=mdp.action_rate_l2, weight=-0.002)
    joint_vel = RewTerm(func=mdp.joint_vel_l2, weight=-0.001, params={"asset_cfg": SceneEntityCfg("robot")})


@configclass
class TerminationsCfg:
    """Ends of an episode.

    Success is no time-out: a learner would then rate an open drawer by its own estimate of it, which starts at nothing
    and grows slowly, and meanwhile learn to hover and never to finish (seen in 160 updates).
    """

    success = DoneTerm(func=mdp.is_open, params={"opening": OPENING, "drawer_cfg": DRAWER})
    time_out = DoneTerm(func=mdp.time_out, time_out=True)


##
# Environment
##


@configclass
class DrawerEnvCfg(ManagerBasedRLEnvCfg):
    """Open the top drawer by :data:`OPENING` within 8 s, at :data:`RATE` Hz."""

    scene: DrawerSceneCfg = DrawerSceneCfg(num_envs=4096, env_spacing=3.0)
    observations: ObservationsCfg = ObservationsCfg()
    actions: ActionsCfg = ActionsCfg()
    rewards: RewardsCfg = RewardsCfg()
    terminations: TerminationsCfg = TerminationsCfg()
    events: EventCfg = EventCfg()

    camera_resolution: tuple[int, int] = (320, 240)
    """Width and height of every camera of the scene [pixels]."""

    def __post_init__(self) -> None:
        """Rates and backends."""
        self.decimation = 1
        self.episode_length_s = 8.0
        self.sim.dt = 1 / RATE
        self.sim.render_interval = self.decimation
        self.sim.physics = DrawerPhysicsCfg()
        self.video_recorders = filmed_by("overview_camera")
        self.sim.default_visualizer_cfg = VisualizerCfg(eye=(-0.15, 1.4, 1.25), lookat=(0.45, 0.0, 0.5))

    def validate_config(self) -> None:
        """Carry :attr:`camera_resolution` to the cameras, after the command line has had its say."""
        set_resolution(self.scene, self.camera_resolution)

    def play_mode(self) -> None:
        """Every episode starts as the task says, and observations are clean."""
        super().play_mode()
        self.events.reset.params["probability"] = 0.0
