"""Tables, cubes and grounds made of primitives: nothing to download."""

from __future__ import annotations

import isaaclab.sim as sim_utils
from isaaclab.assets import AssetBaseCfg, RigidObjectCfg

CUBE_SIZE = 0.048
"""Edge of the cube [m]: the reference lift task's DexCube of 6 cm at scale 0.8."""

GRIP_MATERIAL = sim_utils.RigidBodyMaterialCfg(static_friction=1.0, dynamic_friction=1.0)
"""Friction of what is grasped and of what it stands on."""


def cube(
    prim_path: str = "{ENV_REGEX_NS}/Object", color: tuple[float, float, float] = (0.85, 0.15, 0.12)
) -> RigidObjectCfg:
    """A cube of 0.1 kg resting on z = 0 at x = 0.5 m."""
    return RigidObjectCfg(
        prim_path=prim_path,
        init_state=RigidObjectCfg.InitialStateCfg(pos=(0.5, 0.0, CUBE_SIZE / 2)),
        spawn=sim_utils.CuboidCfg(
            size=(CUBE_SIZE,) * 3,
            rigid_props=sim_utils.RigidBodyPropertiesCfg(),
            mass_props=sim_utils.MassPropertiesCfg(mass=0.1),
            collision_props=sim_utils.CollisionPropertiesCfg(),
            physics_material=GRIP_MATERIAL,
            visual_material=sim_utils.PreviewSurfaceCfg(diffuse_color=color),
            semantic_tags=[("class", "cube")],
        ),
    )


def table() -> AssetBaseCfg:
    """A table top 1.0 m x 1.2 m around x = 0.4 m, its surface at z = 0."""
    return AssetBaseCfg(
        prim_path="{ENV_REGEX_NS}/Table",
        init_state=AssetBaseCfg.InitialStateCfg(pos=(0.4, 0.0, -0.025)),
        spawn=sim_utils.CuboidCfg(
            size=(1.0, 1.2, 0.05),
            collision_props=sim_utils.CollisionPropertiesCfg(),
            physics_material=GRIP_MATERIAL,
            visual_material=sim_utils.PreviewSurfaceCfg(diffuse_color=(0.55, 0.45, 0.35)),
            semantic_tags=[("class", "table")],
        ),
    )


def ground(height: float = -0.75, size: float = 6.0) -> AssetBaseCfg:
    """A square floor of ``size`` [m] under each environment at ``height`` [m].

    Modest on purpose: the renderer shows speckles at the horizon of a very large one.
    """
    return AssetBaseCfg(
        prim_path="{ENV_REGEX_NS}/Ground",
        init_state=AssetBaseCfg.InitialStateCfg(pos=(0.0, 0.0, height - 0.05)),
        spawn=sim_utils.CuboidCfg(
            size=(size, size, 0.1),
            collision_props=sim_utils.CollisionPropertiesCfg(),
            visual_material=sim_utils.PreviewSurfaceCfg(diffuse_color=(0.25, 0.27, 0.3)),
            semantic_tags=[("class", "ground")],
        ),
    )


def light() -> AssetBaseCfg:
    """An even dome light."""
    return AssetBaseCfg(
        prim_path="/World/light", spawn=sim_utils.DomeLightCfg(color=(0.75, 0.75, 0.75), intensity=3000.0)
    )
