"""Puts a robot of :mod:`isaaclab_datagen.assets.urdf` on the stage. Loads USD: configurations name it by string."""

from __future__ import annotations

from typing import Any

from isaaclab.sim.spawners.from_files import spawn_from_usd

from isaaclab_datagen.assets.urdf import CachedUrdfFileCfg, convert


def spawn_from_cached_urdf(prim_path: str, cfg: CachedUrdfFileCfg, *args: Any, **kwargs: Any) -> Any:
    """Spawn the robot, converting its URDF first if the cache lacks it. Arguments as of ``spawn_from_usd``."""
    convert(cfg.urdf, cfg.recipe)
    return spawn_from_usd(prim_path, cfg, *args, **kwargs)
