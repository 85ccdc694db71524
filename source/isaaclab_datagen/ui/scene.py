"""Which tasks there are, and how one of them is shown in the running application."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import gymnasium
from isaaclab.scene import InteractiveScene
from isaaclab.sim import SimulationContext
from isaaclab.sim.utils import create_new_stage, use_stage
from isaaclab_tasks.utils import parse_env_cfg

KIT_PRESETS = ("physics=physx", "renderer=isaacsim_rtx")
"""What Isaac Sim simulates and draws with."""


def task_ids() -> list[str]:
    """The ids of the tasks that this package registers, in alphabetical order."""
    importlib.import_module("isaaclab_datagen.tasks")
    return sorted(
        name
        for name, spec in gymnasium.registry.items()
        if str(spec.kwargs.get("env_cfg_entry_point", "")).startswith("isaaclab_datagen.")
    )


def open_task(task_id: str, overrides: Sequence[str] = KIT_PRESETS) -> InteractiveScene:
    """Replace the open stage by a task's scene with one environment; the play button then simulates it.

    It was not run in Isaac Sim.

    Args:
        task_id: A task's gym id.
        overrides: Presets and values as on the command line.

    Returns:
        The scene. The simulation context keeps it.
    """
    cfg = parse_env_cfg(task_id, num_envs=1, overrides=overrides)
    SimulationContext.clear_instance()
    create_new_stage()
    sim = SimulationContext(cfg.sim)
    with use_stage(sim.stage):
        scene = InteractiveScene(cfg.scene)
    sim.register_interactive_scene(scene)
    return scene
