"""Demonstrations of B whose red disc moves: the script takes hold of the cube anew and carries it on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from isaaclab.cli import load_external_tasks
from isaaclab.utils import validate
from simulated import environment

from isaaclab_datagen import registry
from isaaclab_datagen.cli import overrides
from isaaclab_datagen.cli.configuring import keep_cameras
from isaaclab_datagen.experts import factory
from isaaclab_datagen.experts.checkpoints import Wish
from isaaclab_datagen.experts.pick_place import ABOVE, DOWN, RELEASE

TASK = "PickPlace-Rev2Fwd"
NUM_ENVS = 4


@pytest.fixture(scope="module")
def run() -> SimpleNamespace:
    """One leg in each environment: places, cubes and phases before each step, until all have ended."""
    load_external_tasks()
    words = [*registry.find(TASK).collect_overrides, "env.moved_share=1.0", "env.commands.carry.moved_chance=0.5"]
    cfg, _ = overrides.resolve(TASK, None, words, play_mode=True)
    validate(cfg)
    cfg.scene.num_envs, cfg.sim.device, cfg.seed = NUM_ENVS, "cpu", 3
    keep_cameras(cfg, [])
    log = SimpleNamespace(place=[], cube=[], phase=[], ended=[])
    with environment(TASK, cfg) as env, torch.inference_mode():
        actor = factory.build(factory.choose(registry.find(TASK), "state_machine", Wish(), None, None), env)
        command, cube = env.command_manager.get_term("carry"), env.scene["object"]
        env.reset()
        actor.reset(torch.arange(NUM_ENVS))
        while not log.ended or not torch.stack(log.ended).any(dim=0).all():
            log.place.append(command.place.clone())
            log.cube.append(cube.data.root_link_pos_w.torch - env.scene.env_origins)
            actions = actor.act(env.obs_buf)
            log.phase.append(command.phase.clone())
            _, _, terminated, truncated, _ = env.step(actions)
            assert not truncated.any()
            log.ended.append(terminated.clone())
    return SimpleNamespace(**{name: torch.stack(values) for name, values in vars(log).items()})


@pytest.mark.sim
def test_a_cube_whose_place_moves_is_carried_on(run):
    for env_id in range(NUM_ENVS):
        end = int(run.ended[:, env_id].nonzero()[0])
        place, cube, phase = (values[: end + 1, env_id] for values in (run.place, run.cube, run.phase))
        (last,) = (place.diff(dim=0) != 0).any(dim=-1).nonzero().flatten().tolist()
        assert (cube[last, :2] - place[last]).norm() < 0.05  # it had arrived
        assert int(phase[last]) > RELEASE
        assert int(phase[last + 1]) in (ABOVE, DOWN)
        assert cube[last:, 2].max() > 0.15
        assert (cube[end, :2] - place[end]).norm() < 0.05
