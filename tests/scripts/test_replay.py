"""``scripts/replay.py`` on a real recording, and on what is left of it after damage."""

from __future__ import annotations

import argparse
import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from collecting import SMALL

from isaaclab_datagen.cli import launch, replaying
from isaaclab_datagen.datasets import archives, formats
from isaaclab_datagen.datasets.episode import Episode, Outcome
from isaaclab_datagen.datasets.views import Selection
from isaaclab_datagen.errors import RunError
from isaaclab_datagen.rollout.replay import Agreement

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
from dataset_fakes import open_writer, random_frames, write_episode  # noqa: E402

SCRIPT = Path(__file__).parents[2] / "scripts" / "replay.py"
ROOT = Path("metaworld_dataset", "lift-custom-ik")
EPISODES = 3


class SimulatorStarted(Exception):
    """What the simulator's start is turned into."""


@pytest.fixture(scope="module")
def successes(collect, tmp_path_factory) -> Path:
    """Three grasped and lifted cubes, recorded in two environments: one of them began after another episode."""
    out = tmp_path_factory.mktemp("successes")
    collect(*SMALL, "--episodes", EPISODES, "--seed", 3, "--out", out)
    return out


@pytest.fixture
def damaged(successes, tmp_path) -> Path:
    """A copy that may be broken."""
    shutil.copytree(successes, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def replay_here(monkeypatch):
    """Run the script in this process up to the simulator's start."""

    def refuse(*_):
        raise SimulatorStarted

    monkeypatch.setattr(launch, "simulation", refuse)

    def run(*words) -> int:
        monkeypatch.setattr(sys, "argv", ["replay.py", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        return int(ended.value.code or 0)

    return run


def replay(*words) -> str:
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert ended.returncode == 0, ended.stdout[-1000:] + ended.stderr[-2000:]
    assert "another configuration" not in ended.stderr
    return ended.stdout.splitlines()[-1]


@pytest.mark.sim
def test_in_its_own_slot_every_bit_is_the_same_on_the_cpu(successes):
    assert replay(successes) == (
        f"{EPISODES} of {EPISODES} recorded successes succeed again; "
        f"{EPISODES} of {EPISODES} episodes are identical in every bit"
    )


@pytest.mark.sim
def test_the_same_of_a_dataset_in_another_format(guided):
    """Two rounds of the drawer in two environments, with three cameras, cut before a success."""
    assert replay(guided).endswith("; 4 of 4 episodes are identical in every bit")


@pytest.mark.sim
def test_in_another_slot_it_succeeds_again(successes):
    assert replay(successes, "--num_envs", 4, "--episodes", 2).startswith("2 of 2 recorded successes succeed again")


@pytest.mark.sim
def test_the_recorded_configuration_is_built_anew_and_a_difference_told(successes, replay_here, capsys):
    with pytest.raises(SimulatorStarted):
        replay_here(successes)
    assert capsys.readouterr().err == ""
    with pytest.raises(SimulatorStarted):
        replay_here(successes, "--num_envs", 4, "env.decimation=4")
    assert capsys.readouterr().err.splitlines() == [
        "note: another configuration than the recorded one: env.decimation is 2 there, 4 here"
    ]


def edit_manifest(dataset: Path, **changes) -> None:
    path = dataset / ROOT / "dataset.json"
    content = json.loads(path.read_text())
    for name, value in changes.items():
        content["identity"][name] = value
    path.write_text(json.dumps(content))


def forget_overrides(dataset: Path) -> None:
    path = dataset / ROOT / "dataset.json"
    content = json.loads(path.read_text())
    del content["provenance"]["overrides"]
    path.write_text(json.dumps(content))


def truncate_states(dataset: Path) -> None:
    path = dataset / ROOT / "overhead_camera" / "001" / "state.npz"
    path.write_bytes(path.read_bytes()[:2000])


def shorten_channel(dataset: Path) -> None:
    path = dataset / ROOT / "overhead_camera" / "001" / "state.npz"
    states = archives.load_npz(path)
    states["scene/rigid_object/object/root_pose"] = states["scene/rigid_object/object/root_pose"][:50]
    path.write_bytes(archives.dump_npz(states))


def break_pickle(dataset: Path) -> None:
    (dataset / ROOT / "overhead_camera" / "001" / "action.pkl").write_bytes(b"x")


def remove_image(dataset: Path) -> None:
    (dataset / ROOT / "overhead_camera" / "002" / "10.png").unlink()


def remove_episodes(dataset: Path) -> None:
    for episode in (dataset / ROOT / "overhead_camera").iterdir():
        shutil.rmtree(episode)


@pytest.mark.sim
@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (truncate_states, "state.npz is not a whole NPZ file"),
        (shorten_channel, "episode 1: scene/rigid_object/object/root_pose has 50 rows, not "),
        (lambda dataset: edit_manifest(dataset, task=None), "task is None, not str"),
        (lambda dataset: edit_manifest(dataset, num_envs="2"), "num_envs is '2', not int"),
        (forget_overrides, "does not say overrides"),
        (break_pickle, "action.pkl cannot be read"),
        (remove_image, "002 lacks number 10.png"),
        (remove_episodes, "no committed episode"),
        (lambda dataset: edit_manifest(dataset, task="Lift-Custom-XX"), "unknown task 'Lift-Custom-XX'"),
        (lambda dataset: edit_manifest(dataset, num_envs=1), "names slot 1 of 1"),
        (lambda dataset: (dataset / ROOT / "dataset.json").write_text("{"), "not a dataset's manifest"),
        (lambda dataset: (dataset / ROOT / "dataset.json").unlink(), "holds no dataset"),
    ],
)
def test_a_broken_or_foreign_dataset_is_status_1_with_the_reason(damaged, replay_here, capsys, damage, part):
    damage(damaged)
    assert replay_here(damaged) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert part in line


def without(channel):
    return lambda frame: {name: value for name, value in frame.items() if name != channel}


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (without("joint_pos"), "episode 1: joint_pos is absent, in episode 0"),
        (without("processed_action"), "episode 1: processed_action is absent"),
        (lambda frame: {**frame, "object_pose": frame["object_pose"][:6]}, "object_pose is float32 of shape (T, 6)"),
        (lambda frame: {**frame, "object_pose": frame["object_pose"] * np.nan}, "object_pose is not finite in step 0"),
    ],
)
def test_an_episode_that_differs_is_refused_before_anything_starts(tmp_path, damage, part):
    writer, rng = open_writer(tmp_path, "diffuse_cloc"), np.random.default_rng(0)
    for index in range(3):
        frames = random_frames(rng, cameras=())
        write_episode(writer, index, [damage(frame) for frame in frames] if index == 1 else frames)
    writer.close()
    reader, options = formats.open_reader(tmp_path), argparse.Namespace(episodes=None, num_envs=4)
    with pytest.raises(RunError, match=re.escape(part)):
        replaying.share_out(reader, options, {"num_envs": 4})
    assert replaying.share_out(Selection(reader, [0, 2], {}), options, {"num_envs": 4}) == [{3: 0}, {3: 2}]


def test_actions_of_another_width_are_refused():
    env = SimpleNamespace(action_manager=SimpleNamespace(total_action_dim=7))
    episode = Episode(np.zeros((5, 6)), {}, Outcome(True, "success", True), {})
    with pytest.raises(RunError, match="episode 4: actions have 6 numbers, the task takes 7"):
        replaying.check_actions(env, {0: (4, episode)})


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["absent"], "absent: no such folder"),
        ([], "DATASET"),
        ([".", "--episodes", "0"], "--episodes: '0'"),
        ([".", "--num_envs", "-1"], "--num_envs: '-1'"),
        ([".", "--grace", "x"], "--grace: 'x'"),
    ],
)
def test_a_usage_error_is_one_line_and_status_2(replay_here, capsys, monkeypatch, tmp_path, words, part):
    monkeypatch.chdir(tmp_path)
    assert replay_here(*words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert part in line


@pytest.mark.sim
def test_an_unknown_option_is_named(successes, replay_here, capsys):
    assert replay_here(successes, "--num_env", "2") == 2
    assert "did you mean --num_envs" in capsys.readouterr().err


def agreements(again: int, successes: int, failures: int = 0) -> list[Agreement]:
    outcomes = [Outcome(True, "success", True)] * successes + [Outcome(False, "time_out", False)] * failures
    return [
        Agreement(index, 0, outcome, 5, 5, index < again, 6, True, {"joint_pos": 0.0}, {"joint_pos": 0.0})
        for index, outcome in enumerate(outcomes)
    ]


@pytest.mark.parametrize(("again", "total"), [(19, 20), (20, 20), (0, 0)])
def test_19_of_20_successes_are_enough(again, total):
    assert replaying.judge(agreements(again, total, failures=7), same_device=True).startswith(f"{again} of {total} ")


def test_fewer_are_a_failed_run_unless_the_device_is_another(capsys):
    with pytest.raises(RunError, match="only 18 of 20 recorded successes succeed again.*95 %"):
        replaying.judge(agreements(18, 20), same_device=True)
    assert "another kind of device" in replaying.judge(agreements(18, 20), same_device=False)


def test_of_many_episodes_those_are_shown_that_agree_least(capsys):
    many = agreements(99, 100)
    many[40].largest = {"joint_pos": np.float64(0.125).item()}
    replaying.show(many)
    printed = capsys.readouterr().out
    rows = [line.split()[0] for line in printed.splitlines() if line.split()[:1] and line.split()[0].isdecimal()]
    assert rows[:2] == ["99", "40"]
    assert len(rows) == replaying.SHOWN
    assert "yes, now no" in printed
