"""A cabinet with two drawers: its measures, and how it stands in a scene."""

from __future__ import annotations

from pathlib import Path

import isaaclab.sim as sim_utils
from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg
from isaaclab_newton.sim.schemas import NewtonArticulationCfg
from isaaclab_physx.sim.schemas import PhysxArticulationCfg

USD_PATH = Path(__file__).with_name("cabinet.usda")
"""The model, written by :mod:`isaaclab_datagen.assets.cabinet_usd`; a test holds the two together."""

DRAWERS = ("top", "bottom")
"""Drawers, with the bodies ``drawer_*`` and ``drawer_handle_*`` and the joints ``drawer_*_joint``."""

TRAVEL = 0.38
"""How far a drawer opens [m]."""

BAR = 0.012
"""Height and depth of a handle's bar [m]."""

HANDLE_REACH = 0.065
"""Distance of a closed drawer's bar before the carcass [m]: 2 cm of front, 3.9 cm of room for the fingers."""

HANDLE_HEIGHT = {"top": 0.71, "bottom": 0.34}
"""Height of the bars over the ground [m]."""

CABINET_CFG = ArticulationCfg(
    prim_path="{ENV_REGEX_NS}/Cabinet",
    spawn=sim_utils.UsdFileCfg(
        usd_path=str(USD_PATH),
        articulation_props=[
            PhysxArticulationCfg(enabled_self_collisions=False),
            NewtonArticulationCfg(self_collision_enabled=False),
        ],
    ),
    init_state=ArticulationCfg.InitialStateCfg(
        # Turned to face the robot: drawers open towards it, along the cabinet's own x axis.
        pos=(0.85, 0.0, 0.0),
        rot=(0.0, 0.0, 1.0, 0.0),
        joint_pos={"drawer_.*_joint": 0.0},
    ),
    actuators={
        # Nothing drives a drawer: its slides brake it [N, N s/m].
        "slides": ImplicitActuatorCfg(
            joint_names_expr=["drawer_.*_joint"], stiffness=0.0, damping=10.0, friction=1.0, joint_effort_limit=100.0
        ),
    },
)
"""The cabinet, 0.86 m high, its front 0.85 m from the robot's base."""
