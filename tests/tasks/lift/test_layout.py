"""What is found once a step is what is there, after physics and after resets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from isaaclab.cli import load_external_tasks
from isaaclab.managers import SceneEntityCfg
from simulated import environment

from isaaclab_datagen.assets.franka import HAND_BODY, TIP_OFFSET
from isaaclab_datagen.cli import overrides
from isaaclab_datagen.cli.configuring import keep_cameras
from isaaclab_datagen.mdp import body_pose, command_position, object_pose
from isaaclab_datagen.tasks.lift.mdp.commands import layout

pytestmark = pytest.mark.sim
TASK, NUM_ENVS = "Lift-Custom-IK", 3


@pytest.fixture(scope="module")
def env() -> Iterator[Any]:
    load_external_tasks()
    cfg, _ = overrides.resolve(TASK, None, [], play_mode=False)
    keep_cameras(cfg, [])
    cfg.sim.device, cfg.scene.num_envs, cfg.seed = "cpu", NUM_ENVS, 0
    cfg.episode_length_s = 0.1  # five steps, then resets, half of them into demonstrations
    with environment(TASK, cfg) as made:
        yield made


def check(env) -> torch.Tensor:
    """Compare with what the scene says now. Returns the vector from tip to cube."""
    hand = SceneEntityCfg("robot", body_names=HAND_BODY)
    hand.resolve(env.scene)
    found = layout(env)
    tip, cube = body_pose(env, hand, TIP_OFFSET)[:, :3], object_pose(env)[:, :3]
    goal = command_position(env, "object_pose")
    for ours, expected in (
        (found.object, cube),
        (found.goal, goal),
        (found.tip_to_object, cube - tip),
        (found.object_to_goal, goal - cube),
        (found.reach[:, 0], (cube - tip).norm(dim=-1)),
        (found.goal_distance[:, 0], (goal - cube).norm(dim=-1)),
    ):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-6)
    return cube - tip


def test_layout_is_that_of_the_scene(env, monkeypatch):
    with torch.inference_mode():
        rewards = type(env.reward_manager).compute
        seen = []

        def compute(manager, dt):
            seen.append(check(env))
            return rewards(manager, dt)

        monkeypatch.setattr(type(env.reward_manager), "compute", compute)
        env.reset()
        resets = 0
        for _ in range(12):
            observations, _, terminated, truncated, _ = env.step(torch.randn(NUM_ENVS, 7))
            resets += int((terminated | truncated).sum())
            now = check(env)
            assert any(torch.equal(now, columns) for columns in observations["policy"].unfold(1, 3, 1).unbind(1))
            assert torch.equal(seen[-1], now) == (not (terminated | truncated).any())
        assert resets >= 2 * NUM_ENVS
        env.command_manager.get_command("object_pose")[:, :3] += 0.1  # as a replay does
        check(env)
