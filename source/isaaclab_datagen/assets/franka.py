"""Franka Emika Panda: the embedded model, its gains, and NVIDIA's own asset as a preset."""

from __future__ import annotations

from typing import Any, cast

from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg
from isaaclab.sim import UsdFileCfg
from isaaclab.utils import configclass, replace
from isaaclab_assets.robots.franka import FRANKA_PANDA_HIGH_PD_CFG
from isaaclab_newton.sim.schemas import MujocoRigidBodyCfg, NewtonArticulationCfg
from isaaclab_physx.sim.schemas import PhysxArticulationCfg, PhysxRigidBodyCfg
from isaaclab_tasks.utils import PresetCfg, preset

from isaaclab_datagen.assets.urdf import CachedUrdfFileCfg

HAND_BODY = "panda_hand"
"""Body that the tip is rigidly attached to."""

TIP_OFFSET = (0.0, 0.0, 0.107)
"""Tip between the finger pads in the hand's frame [m]; the reference lift task's IK offset."""

FINGER_OPEN = 0.04
"""Joint position of one opened finger [m]."""

FRANKA_CFG = ArticulationCfg(
    prim_path="{ENV_REGEX_NS}/Robot",
    spawn=CachedUrdfFileCfg(
        urdf="panda_description/urdf/panda.urdf",
        # Newton ignores disable_gravity; MuJoCo's compensation takes its place there.
        rigid_props=[PhysxRigidBodyCfg(disable_gravity=True), MujocoRigidBodyCfg(gravcomp=1.0)],
        articulation_props=[
            PhysxArticulationCfg(solver_position_iteration_count=8, enabled_self_collisions=False),
            NewtonArticulationCfg(self_collision_enabled=False),
        ],
        semantic_tags=[("class", "robot")],
    ),
    init_state=ArticulationCfg.InitialStateCfg(
        # Isaac Lab's home position of the Panda.
        joint_pos={
            "panda_joint1": 0.0,
            "panda_joint2": -0.569,
            "panda_joint3": 0.0,
            "panda_joint4": -2.810,
            "panda_joint5": 0.0,
            "panda_joint6": 3.037,
            "panda_joint7": 0.741,
            "panda_finger_joint.*": FINGER_OPEN,
        },
    ),
    actuators={
        # Effort limits: the robot's data sheet. Gains: Isaac Lab's FRANKA_PANDA_HIGH_PD_CFG, for task-space control.
        "panda_shoulder": ImplicitActuatorCfg(
            joint_names_expr=["panda_joint[1-4]"], joint_effort_limit=87.0, stiffness=400.0, damping=80.0
        ),
        "panda_forearm": ImplicitActuatorCfg(
            joint_names_expr=["panda_joint[5-7]"], joint_effort_limit=12.0, stiffness=400.0, damping=80.0
        ),
        # The fingers weigh 15 g: without armature, or with Isaac Lab's PhysX gains, they close through the cube. Effort
        # limit, armature and the order of the gains are those of Isaac Lab's lift task for Newton.
        "panda_hand": ImplicitActuatorCfg(
            joint_names_expr=["panda_finger_joint.*"],
            joint_effort_limit=70.0,
            stiffness=400.0,
            damping=80.0,
            armature=0.1,
        ),
    },
    soft_joint_pos_limit_factor=1.0,
)
"""The Panda of ``example-robot-data`` (BSD-3-Clause), with stiff position control for differential IK."""


@configclass
class FrankaPresetCfg(PresetCfg):
    """The Panda by source: ``presets=nucleus`` takes NVIDIA's asset from its server."""

    default: ArticulationCfg = FRANKA_CFG
    nucleus: ArticulationCfg = replace(FRANKA_PANDA_HIGH_PD_CFG, prim_path="{ENV_REGEX_NS}/Robot")

    def __post_init__(self) -> None:
        """Select the payload of NVIDIA's asset that fits the physics backend."""
        variants = cast("dict[str, Any]", cast(UsdFileCfg, self.nucleus.spawn).variants)
        variants["Physics"] = preset(default="mujoco", physx="physx", ovphysx="physx")
