"""What the physics of an environment hangs on."""

from __future__ import annotations

import pytest
import torch
from isaaclab.cli import load_external_tasks
from simulated import environment

from isaaclab_datagen.cli import overrides
from isaaclab_datagen.cli.configuring import keep_cameras

pytestmark = pytest.mark.sim
TASK, NUM_ENVS, OTHERS = "Lift-Custom-IK", 64, 24


def test_an_environment_moves_the_same_whatever_those_before_it_do():
    load_external_tasks()
    cfg, _ = overrides.resolve(TASK, None, [], play_mode=False)
    keep_cameras(cfg, [])
    cfg.sim.device, cfg.scene.num_envs, cfg.seed = "cpu", NUM_ENVS, 0
    cfg.events.reset.params["probability"] = 1.0  # within demonstrations: some hold a cube, some do not yet
    with environment(TASK, cfg) as env:
        env.reset()
        begun = env.scene.get_state(is_relative=True)
        held = int(begun["rigid_object"]["object"]["root_pose"][:, 2].argmax())
        everyone, close = torch.arange(NUM_ENVS), torch.zeros(NUM_ENVS, 7)
        close[:, 6] = -1.0

        def moved(others: int) -> torch.Tensor:
            """Velocities of the last cubes, while as many of the first as are asked for are held."""
            chosen = torch.where(everyone < others, held, everyone)
            state = {
                kind: {name: {what: values[chosen] for what, values in asset.items()} for name, asset in assets.items()}
                for kind, assets in begun.items()
            }
            env.reset_to(state, everyone, is_relative=True)
            for _ in range(4):
                env.step(close)
            return env.scene.get_state(is_relative=True)["rigid_object"]["object"]["root_velocity"][OTHERS:]

        alone = moved(0)
        differ = {others: int((moved(others) != alone).any(dim=-1).sum()) for others in (2, 7, 12, 17, 22)}
        assert not any(differ.values()), differ
