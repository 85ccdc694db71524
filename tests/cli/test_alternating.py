"""What is asked of an alternation is what it does."""

import sys
from types import SimpleNamespace

import pytest

from isaaclab_datagen import registry
from isaaclab_datagen.cli import alternating, launch
from isaaclab_datagen.errors import UsageError

TASK = "PickPlace-Rev2Fwd"
POLICIES = {name: SimpleNamespace(signature=SimpleNamespace(cameras=("table_camera",))) for name in "AB"}


def configured(monkeypatch, *words):
    """The environment's configuration for these words."""
    monkeypatch.setattr(sys, "argv", ["script"])
    policies = ["--policy_A", "a", "--policy_B", "b"]
    args, overrides = launch.parse(alternating.build_parser(), ["--task", TASK, *policies, "--device", "cpu", *words])
    env_cfg, _ = launch.resolve(args, overrides, play_mode=True)
    alternating.configure(args, overrides, registry.find(args.task), env_cfg, POLICIES)
    return env_cfg


@pytest.mark.parametrize(
    "word",
    [
        "env.direction=B",
        "env.chain=false",
        "env.goal_xy=[0.4,0.1]",
        "env.height_threshold=0.2",
        "env.distance_threshold=0.1",
        "env.episode_length_s=3.0",
        "env.scene.num_envs=3",
        "env.seed=3",
    ],
)
def test_an_override_of_what_an_option_decides_is_refused(monkeypatch, word):
    with pytest.raises(UsageError, match=rf"^{word.partition('=')[0]}=.*: it becomes .* all the same"):
        configured(monkeypatch, word)


def test_options_and_other_overrides_count(monkeypatch):
    words = ["--goal_xy", "0.4", "0.1", "--height_threshold", "0.2", "--distance_threshold", "0.1", "--num_envs", "3"]
    cfg = configured(monkeypatch, *words, "--horizon", "60", "--seed", "7", "env.sim.dt=0.02")
    assert (cfg.direction, cfg.chain, cfg.goal_xy) == ("A", True, (0.4, 0.1))
    assert (cfg.height_threshold, cfg.distance_threshold) == (0.2, 0.1)
    assert (cfg.scene.num_envs, cfg.seed, cfg.sim.dt) == (3, 7, 0.02)
    assert cfg.episode_length_s == pytest.approx(60 * 0.02 * cfg.decimation)
