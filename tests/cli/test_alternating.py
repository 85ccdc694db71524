"""What is asked of an alternation is what it does."""

import sys
from types import SimpleNamespace

import pytest

from isaaclab_datagen import registry
from isaaclab_datagen.cli import alternating, launch
from isaaclab_datagen.datasets.files import FolderLock
from isaaclab_datagen.errors import RunError, UsageError

TASK = "PickPlace-Rev2Fwd"
POLICIES = {
    name: SimpleNamespace(name="policy", settings={}, signature=SimpleNamespace(cameras=("table_camera",)))
    for name in "AB"
}


def asked(monkeypatch, *words, format_name=None):
    """Options and the environment's configuration for these words."""
    monkeypatch.setattr(sys, "argv", ["script"])
    policies = ["--policy_A", "a", "--policy_B", "b"]
    parser = alternating.build_parser(format_name)
    args, overrides = launch.parse(parser, ["--task", TASK, *policies, "--device", "cpu", *words])
    env_cfg, _ = launch.resolve(args, overrides, play_mode=True)
    alternating.configure(args, overrides, registry.find(args.task), env_cfg, POLICIES)
    return args, env_cfg


def configured(monkeypatch, *words):
    return asked(monkeypatch, *words)[1]


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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["env.slipped_share=0.3"], "slipped_share is 0.3: must be 0 where episodes go on from each other"),
        (["--distance_threshold", "0.02", "env.start_spread=0.04"], "start_spread is 0.04"),
    ],
)
def test_a_setting_that_does_not_go_with_the_options_is_refused(monkeypatch, words, said):
    with pytest.raises(UsageError, match=said):
        configured(monkeypatch, *words)


def test_options_and_other_overrides_count(monkeypatch):
    words = ["--goal_xy", "0.4", "0.1", "--height_threshold", "0.2", "--distance_threshold", "0.1", "--num_envs", "3"]
    cfg = configured(monkeypatch, *words, "--horizon", "60", "--seed", "7", "env.sim.dt=0.02")
    assert (cfg.direction, cfg.chain, cfg.goal_xy) == ("A", True, (0.4, 0.1))
    assert (cfg.height_threshold, cfg.distance_threshold) == (0.2, 0.1)
    assert (cfg.scene.num_envs, cfg.seed, cfg.sim.dt) == (3, 7, 0.02)
    assert cfg.episode_length_s == pytest.approx(60 * 0.02 * cfg.decimation)


@pytest.mark.parametrize("format_name", ["rev2fwd", "avdc", "vpl"])
def test_rollouts_of_any_format_appear_when_they_are_done(monkeypatch, tmp_path, format_name):
    out = [word for name in "AB" for word in (f"--out_{name}", str(tmp_path / name))]
    args, env_cfg = asked(monkeypatch, *out, format_name=format_name)
    rollouts = alternating.Rollouts(args, [], env_cfg, POLICIES, format_name)
    for writer in rollouts.writers.values():
        writer.close()
    rollouts.finish({}, None)
    rollouts.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A", "B"]
    with pytest.raises(UsageError, match="is there already"):
        alternating.Rollouts(args, [], env_cfg, POLICIES, format_name)


def test_rollouts_that_do_not_appear_leave_nothing_and_those_of_others_stay(monkeypatch, tmp_path):
    out = [word for name in "AB" for word in (f"--out_{name}", str(tmp_path / name))]
    args, env_cfg = asked(monkeypatch, *out)
    theirs = tmp_path / ".B.partial"
    lock = FolderLock(theirs)
    (theirs / "episode_000.npz").write_text("theirs")
    with pytest.raises(RunError, match="is being written by another process"):
        alternating.Rollouts(args, [], env_cfg, POLICIES, "rev2fwd")
    assert [path.name for path in tmp_path.iterdir()] == [theirs.name]
    assert (theirs / "episode_000.npz").read_text() == "theirs"
    lock.release()
    rollouts = alternating.Rollouts(args, [], env_cfg, POLICIES, "rev2fwd")
    assert not (theirs / "episode_000.npz").exists()  # of a run that was killed
    rollouts.discard()
    assert not list(tmp_path.iterdir())
