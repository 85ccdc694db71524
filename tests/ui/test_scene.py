"""What the menu lists and opens, as far as it goes without Isaac Sim."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from isaaclab.sim import SimulationContext
from isaaclab_tasks.utils import parse_env_cfg

from isaaclab_datagen import registry
from isaaclab_datagen.ui import scene

TASKS = scene.task_ids()


def test_the_menu_lists_what_is_registered() -> None:
    assert sorted(registry.all_tasks()) == TASKS


@pytest.mark.parametrize("task_id", TASKS)
def test_the_presets_of_the_menu_resolve(task_id: str) -> None:
    cfg = parse_env_cfg(task_id, num_envs=1, overrides=scene.KIT_PRESETS)
    assert "physx" in type(cfg.sim.physics).__name__.lower()


@pytest.fixture
def simulation() -> Iterator[type[SimulationContext]]:
    yield SimulationContext
    SimulationContext.clear_instance()


@pytest.mark.sim
@pytest.mark.parametrize("task_id", TASKS)
def test_a_scene_opens_in_place_of_the_last_one(simulation: type[SimulationContext], task_id: str) -> None:
    for _ in range(2):
        opened = scene.open_task(task_id, overrides=["env.sim.device=cpu"])
        assert opened.num_envs == 1
        assert simulation.instance().stage.GetPrimAtPath("/World/envs/env_0/Robot").IsValid()
