"""The pick-and-place task, for any arm: a cube, a fixed goal, another place, and a direction between the two."""

from __future__ import annotations

import math
from dataclasses import MISSING
from typing import Any

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
from isaaclab_datagen.assets.objects import CUBE_SIZE, cube, disc, ground, light, table
from isaaclab_datagen.assets.physics import ManipulationPhysicsCfg
from isaaclab_datagen.geometry.frames import look_at, quaternion

from . import mdp
from .mdp.commands_cfg import DIRECTIONS

RATE = 30
"""Control steps a second: a horizon of 400 steps is 13 s, eight actions of a policy are a quarter of a second.

The original began at 50 Hz and measured its results at 30 Hz. A policy's datasets play at this rate.
"""

HORIZON = 400
"""Steps after which an episode has failed."""

REST_HEIGHT = CUBE_SIZE / 2
"""Height of the middle of a cube on the table [m]."""

EYE, TARGET = (1.6, 0.7, 0.8), (0.45, 0.0, 0.12)
"""Where the table camera stands, as the original's, and looks: a little lower than that, at the places [m]."""

COMMAND = {"command_name": "carry"}

##
# Scene
##


@configclass
class PickPlaceSceneCfg(InteractiveSceneCfg):
    """Robot, cube, table, two discs and two cameras."""

    robot: ArticulationCfg = MISSING
    object: RigidObjectCfg = cube(color=(0.15, 0.25, 0.85))
    goal_disc: RigidObjectCfg = disc("GoalDisc", (0.1, 0.7, 0.15))
    place_disc: RigidObjectCfg = disc("PlaceDisc", (0.85, 0.1, 0.1))
    table: AssetBaseCfg = table()
    ground: AssetBaseCfg = ground()
    light: AssetBaseCfg = light()

    # At the original's 24 mm the cube is 5 pixels wide; at 36 mm 8, and every place is still in the image.
    table_camera: CameraCfg = fixed_camera("TableCamera", EYE, quaternion(look_at(EYE, TARGET)), lens(36.0))
    wrist_camera: CameraCfg = MISSING


##
# MDP
##


@configclass
class CommandsCfg:
    """What is asked for."""

    carry: mdp.CarryCommandCfg = mdp.CarryCommandCfg()


@configclass
class ActionsCfg:
    """Arm and gripper."""

    arm_action: mdp.PoseActionCfg = MISSING
    gripper_action: mdp.SteadyGripperActionCfg = MISSING


@configclass
class ObservationsCfg:
    """Measured states. Policies that see read the cameras beside them."""

    @configclass
    class PolicyCfg(ObsGroup):
        """Tip, fingers, cube, and where the cube is to go."""

        ee_pose = ObsTerm(func=mdp.downward_pose, params={"asset_cfg": MISSING, "offset": MISSING})
        gripper_width = ObsTerm(func=mdp.gripper_width, params={"asset_cfg": MISSING})
        object_pose = ObsTerm(func=mdp.object_pose)
        target_pose = ObsTerm(func=mdp.target_pose, params={**COMMAND, "height": REST_HEIGHT})

        def __post_init__(self) -> None:
            self.enable_corruption = False
            self.concatenate_terms = True

    policy: PolicyCfg = PolicyCfg()


@configclass
class EventCfg:
    """Resets, and what happens by chance."""

    reset_workspace = EventTerm(
        func=mdp.reset_workspace,
        mode="reset",
        # an eighth of a turn: further ones look the same
        params={**COMMAND, "yaw": math.pi / 4, "joint_offset": 0.02, "start_spread": 0.0, "asset_cfg": MISSING},
    )
    slip: EventTerm = EventTerm(
        func=mdp.slip_away,
        mode="interval",
        interval_range_s=(0.0, 0.0),  # in every step
        is_global_time=True,
        params={
            **COMMAND,
            "share": 0.0,
            "closing_share": 0.5,
            "distance": (0.05, 0.09),
            "way": (0.06, 0.3),
            "closing_width": 0.075,
            "reach": 0.03,
            "fingers_cfg": MISSING,
            "hand_cfg": MISSING,
            "offset": MISSING,
        },
    )


@configclass
class RewardsCfg:
    """Nothing is learnt from rewards here; Isaac Lab wants some."""

    success = RewTerm(func=mdp.is_terminated_term, weight=1.0, params={"term_keys": "success"})


@configclass
class TerminationsCfg:
    """Ends of an episode."""

    success = DoneTerm(
        func=mdp.carried,
        params={
            **COMMAND,
            "height_threshold": 0.15,
            "distance_threshold": 0.05,
            "speed_threshold": 0.02,
            "steps": 10,
            "width_threshold": 0.07,
            "clearance": 0.06,
            "rest_height": REST_HEIGHT,
            "rest_distance": None,
            "rest_angle": 0.01,
            "fingers_cfg": MISSING,
            "hand_cfg": MISSING,
            "offset": MISSING,
        },
    )
    time_out = DoneTerm(func=mdp.time_out, time_out=True)
    object_dropped = DoneTerm(
        func=mdp.root_height_below_minimum, params={"minimum_height": -0.05, "asset_cfg": SceneEntityCfg("object")}
    )


##
# Environment
##


@configclass
class PickPlaceEnvCfg(ManagerBasedRLEnvCfg):
    """Carry the cube one way within :data:`HORIZON` steps, at :data:`RATE` Hz."""

    scene: PickPlaceSceneCfg = PickPlaceSceneCfg(num_envs=64, env_spacing=5.0)
    commands: CommandsCfg = CommandsCfg()
    observations: ObservationsCfg = ObservationsCfg()
    actions: ActionsCfg = ActionsCfg()
    rewards: RewardsCfg = RewardsCfg()
    terminations: TerminationsCfg = TerminationsCfg()
    events: EventCfg = EventCfg()

    camera_resolution: tuple[int, int] = (128, 128)
    """Width and height of every camera of the scene [pixels]."""
    direction: str = "B"
    """``A``: from a random place to the goal. ``B``: from the goal to a random place. Of the first leg of a chain."""
    chain: bool = False
    """Whether an episode that follows a success goes on from there, in the other direction."""
    return_to_rest: bool = False
    """Whether an episode only ends well once the tip is back where it began: demonstrations are recorded so."""
    start_spread: float = 0.0
    """How far from the goal the cube lies at most where B begins [m]: A does not put it down more precisely."""
    slipped_share: float = 0.0
    """In what share of the episodes of B the cube is pulled out of the fingers once, as they close on it or on the way:
    demonstrations of how to go on with fingers that have closed on nothing."""
    moved_share: float = 0.0
    """In what share of the legs of B the red disc goes elsewhere, once, after the cube was put there: demonstrations of
    how a cube is taken hold of anew."""
    goal_xy: tuple[float, float] = (0.5, 0.0)
    """The goal [m]."""
    height_threshold: float = 0.15
    """Height of the cube's middle that counts as lifted [m]."""
    distance_threshold: float = 0.05
    """Largest distance of the resting cube to its target [m]."""
    rest_distance: float = 0.001
    """How near the tip comes to where it began, where it has to [m]."""

    def __post_init__(self) -> None:
        """Rates and backends."""
        self.decimation = 3
        self.sim.dt = 1 / (RATE * self.decimation)
        self.sim.render_interval = self.decimation
        self.sim.physics = ManipulationPhysicsCfg()
        self.video_recorders = filmed_by("table_camera")
        self.sim.default_visualizer_cfg = VisualizerCfg(eye=EYE, lookat=TARGET)
        self.episode_length_s = HORIZON / RATE

    def validate_config(self) -> None:
        """Carry what was asked for to where it is used, after the command line has had its say.

        Raises:
            ValueError: If it cannot be.
        """
        set_resolution(self.scene, self.camera_resolution)
        if self.direction not in DIRECTIONS:
            raise ValueError(f"direction is {self.direction!r}: choose from {', '.join(DIRECTIONS)}")
        carry = self.commands.carry
        success: dict[str, Any] = self.terminations.success.params
        asked = {name: getattr(self, name) for name in ("height_threshold", "distance_threshold", "rest_distance")}
        further = ("speed_threshold", "steps", "width_threshold", "clearance", "rest_angle")
        for name, value in (*asked.items(), *((f"success.{name}", success[name]) for name in further)):
            if not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}: must be above 0, and finite")
        for name in ("slipped_share", "moved_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}: must be within 0 and 1")
        if not 0.0 <= self.start_spread <= self.distance_threshold:
            told = f"must be within 0 and the distance threshold, {self.distance_threshold}"
            raise ValueError(f"start_spread is {self.start_spread}: {told}")
        self.events.reset_workspace.params["start_spread"] = self.start_spread
        if self.slipped_share > 0.0 and self.chain:
            raise ValueError(f"slipped_share is {self.slipped_share}: must be 0 where episodes go on from each other")
        slip: dict[str, Any] = self.events.slip.params
        slip["share"] = self.slipped_share
        if not 0.0 <= slip["closing_share"] <= 1.0:
            raise ValueError(f"slip.closing_share is {slip['closing_share']}: must be within 0 and 1")
        for name in ("distance", "way"):
            if not 0.0 < slip[name][0] <= slip[name][1] < math.inf:
                raise ValueError(f"slip.{name} is {slip[name]}: must be two lengths above 0, the shorter one first")
        carry.direction, carry.chain, carry.moved_share = self.direction, self.chain, self.moved_share
        if len(self.goal_xy) != 2:
            raise ValueError(f"goal_xy is {self.goal_xy}: must be two numbers, x and y")
        carry.goal_xy = (float(self.goal_xy[0]), float(self.goal_xy[1]))
        success["height_threshold"] = self.height_threshold
        success["distance_threshold"] = self.distance_threshold
        success["rest_distance"] = self.rest_distance if self.return_to_rest else None
