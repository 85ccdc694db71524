"""What is asked of an alternation is what it does."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from isaaclab.utils import validate

from isaaclab_datagen import registry
from isaaclab_datagen.cli import alternating, launch
from isaaclab_datagen.cli import overrides as overriding
from isaaclab_datagen.datasets.files import FolderLock
from isaaclab_datagen.datasets.manifest import json_clean
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


def test_a_leg_is_recorded_as_an_episode_by_itself_that_can_be_judged_again(monkeypatch, tmp_path):
    out = [word for name in "AB" for word in (f"--out_{name}", str(tmp_path / name))]
    thresholds = ["--goal_xy", "0.4", "0.1", "--height_threshold", "0.2", "--distance_threshold", "0.1"]
    args, env_cfg = asked(monkeypatch, *out, *thresholds)
    rollouts = alternating.Rollouts(args, ["env.sim.dt=0.02"], env_cfg, POLICIES, "rev2fwd")
    for name, writer in rollouts.writers.items():
        manifest = writer.manifest
        assert manifest.provenance["overrides"][0] == "env.sim.dt=0.02"
        again, _ = overriding.resolve(TASK, None, manifest.provenance["overrides"][1:], play_mode=True)
        validate(again)
        recorded = manifest.identity["env"]
        for field in ("direction", "chain", "goal_xy", "height_threshold", "distance_threshold"):
            assert json_clean(getattr(again, field)) == recorded[field]
        assert (recorded["direction"], recorded["chain"], recorded["goal_xy"]) == (name, False, [0.4, 0.1])
        assert recorded["commands"]["carry"]["direction"] == name
        assert recorded["terminations"]["success"]["params"]["height_threshold"] == 0.2
    assert (env_cfg.direction, env_cfg.chain) == ("A", True)
    rollouts.discard()


def test_a_task_without_two_directions_is_refused(monkeypatch):
    with pytest.raises(UsageError, match="Lift-Custom-IK cannot be done by turns: .* has no direction, chain, goal_xy"):
        configured(monkeypatch, "--task", "Lift-Custom-IK")


def test_two_datasets_in_one_folder_are_refused(monkeypatch, tmp_path):
    args, env_cfg = asked(monkeypatch, "--out_A", str(tmp_path / "a"), "--out_B", str(tmp_path / "a"))
    with pytest.raises(UsageError, match="--out_A and --out_B are both .*: give two folders"):
        alternating.Rollouts(args, [], env_cfg, POLICIES, "rev2fwd")


@pytest.mark.parametrize(
    "words", [["--height_threshold", "-0.1"], ["--distance_threshold", "0"], ["--goal_xy", "nan", "0"]]
)
def test_options_that_make_no_sense_are_refused(monkeypatch, words):
    with pytest.raises(UsageError, match=f"argument {words[0]}: '{words[1]}' is not a"):
        configured(monkeypatch, *words)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"direction": "B"}, "--policy_A .*: was trained for direction B"),
        ({"cameras": ("wrist_camera",)}, "see different cameras: A wrist_camera; B table_camera"),
    ],
)
def test_policies_that_cannot_act_by_turns_are_refused(monkeypatch, change, said):
    def opened(path, inference_steps):
        facts = {"direction": change.get("direction", "A") if path.name == "a" else "B"}
        cameras = change.get("cameras", ("table_camera",)) if path.name == "a" else ("table_camera",)
        return SimpleNamespace(signature=SimpleNamespace(facts=facts, cameras=cameras))

    monkeypatch.setattr(alternating.actors, "open_policy", opened)
    args = SimpleNamespace(policy_A=Path("a"), policy_B=Path("b"), inference_steps=None)
    with pytest.raises(UsageError, match=said):
        alternating.open_policies(args)


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
