"""What ``scripts/collect.py`` refuses before the simulator starts: one line, the right status, nothing written."""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
import torch

from isaaclab_datagen.cli import collection, launch
from isaaclab_datagen.datasets.episode import Outcome

SCRIPT = str(Path(__file__).parents[2] / "scripts" / "collect.py")
PROJECT = Path(__file__).parents[1] / "fixtures" / "pushing_project"
WORDS = ["--task", "Lift-Custom-IK", "--device", "cpu", "--num_envs", "2", "--seed", "4"]
FRAME = {"images/overhead_camera": np.zeros((4, 6, 3), np.uint8), "state": np.zeros(2, np.float32)}


@pytest.fixture
def collect(monkeypatch, tmp_path):
    """Run the script in this process, with a simulator that must not start."""

    @contextmanager
    def refuse(*_):
        raise AssertionError("the simulator was started")
        yield

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "simulation", refuse)

    def run(*words) -> int:
        monkeypatch.setattr(sys, "argv", ["collect.py", *WORDS, *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(SCRIPT, run_name="__main__")
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def recorded(collect, monkeypatch):
    """A recording of made-up episodes: what the loop would do is done by hand."""

    def record(env, actor, writer, plan, said):
        while not plan.done:
            sink = writer.open(plan.begin(0))
            sink.append({**FRAME, "action": np.zeros(1, np.float32)})
            sink.append(FRAME)
            plan.end(0, Outcome(True, "success", True))
            sink.commit(Outcome(True, "success", True))
        writer.close()
        return "done"

    monkeypatch.setattr(launch, "simulation", lambda *_: nullcontext())
    monkeypatch.setattr(launch, "environment", lambda *_: nullcontext())
    monkeypatch.setattr(collection, "record", record)
    monkeypatch.setattr("isaaclab_datagen.experts.factory.build", lambda *_: None)
    return collect


def error(capsys) -> str:
    """The one line on stderr."""
    (line,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--task", "Lift-Custom-IX"], ["Lift-Custom-IX", "Lift-Custom-IK"]),
        (["--format", "avcd"], ["avcd", "mean avdc?"]),
        (["--cameras", "front"], ["front", "overhead_camera", "oblique_camera"]),
        (["--expert", "state_maschine"], ["state_maschine", "did you mean state_machine?", "random"]),
        (["--episodes", "0"], ["--episodes", "'0'", "at least 1"]),
        (["--num_envs", "-1"], ["--num_envs", "'-1'"]),
        (["--max_steps", "0"], ["--max_steps", "'0'"]),
        (["--camera_width", "0"], ["--camera_width", "'0'"]),
        (["--format", "vpl", "--camera_width", "20000"], ["16384", "20000x240", "--camera_width"]),
        (["--format", "vpl", "--color", "none", "--height", "16385"], ["16384", "320x16385", "--camera_height"]),
        (["--start_index", "-2"], ["--start_index", "'-2'"]),
        (["--seed", "-1"], ["--seed", "'-1'"]),
        (["--expert", "rl", "--checkpoint", "absent.pt"], ["absent.pt"]),
        (["--expert", "zero", "--checkpoint", "absent.pt"], ["--checkpoint", "--expert rl", "not for zero"]),
        (["--out", "a_file"], ["--out a_file", "is a file"]),
        (["--out", "a_file/below"], ["--out a_file/below"]),
        (["--dataset_task", "../up"], ["--dataset_task", "'../up'"]),
        (["--dataset_variant", "v", "--cameras", "overhead_camera,oblique_camera"], ["--dataset_variant v"]),
        (["env.no_such=1"], ["no_such"]),
        (["physics=unreal"], ["physics=unreal", "newton_mjwarp"]),
        (["--episodez", "1"], ["--episodez", "--episodes"]),
        (["--num_episodes", "2"], ["--num_episodes", "--episodes"]),
        (["--keep_failures", "--success_only"], ["--success_only", "--keep_failures"]),
        (["--cameras", "wrist,wrist"], ["--cameras", "'wrist,wrist'"]),
        (["--data_types", "depth"], ["--data_types depth", "format avdc stores rgb alone"]),
        (["--data_types", "normals"], ["--data_types", "'normals'", "instance_segmentation"]),
        (["--cameras", "wrist", "--ee_axis", "w"], ["--ee_axis", "'w'", "'-x'"]),
        (["--cameras", "top", "--top_cam_offset", "0", "0", "far"], ["--top_cam_offset", "'far'"]),
        (["--cameras", "top", "--top_tgt_offset", "0", "0", "3"], ["--top_tgt_offset", "where it stands"]),
        (["--env_spacing", "0"], ["--env_spacing", "'0'"]),
        (["env.terminations.success=null"], ["'success'", "success rule"]),
        (["--task", "PickPlace-Rev2Fwd", "env.chain=true"], ["env.chain=true", "one direction", "alternate.py"]),
    ],
)
def test_a_usage_error_is_one_line_and_status_2(collect, capsys, tmp_path, words, parts):
    (tmp_path / "a_file").write_text("mine")
    assert collect("--episodes", 1, *words) == 2
    line = error(capsys)
    assert [part for part in parts if part not in line] == []
    assert (tmp_path / "a_file").read_text() == "mine"
    assert os.listdir(tmp_path) == ["a_file"]


@pytest.fixture
def other_project(monkeypatch):
    """Somebody else's tasks, for one test."""
    before = dict(gym.registry)
    monkeypatch.syspath_prepend(str(PROJECT))
    importlib.import_module("pushing.tasks")
    yield
    gym.registry.clear()
    gym.registry.update(before)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pushing"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--task", "Other-Direct"], ["Other-Direct is not a manager-based task", "DirectWaveEnvCfg"]),
        (["--task", "Other-Block"], ["Other-Block has no articulation", "supported are manager-based tasks"]),
        (["--task", "Other-Push", "--cameras", "wrist"], ["--cameras wrist", "no articulation"]),
        (["--task", "Other-Wave"], ["Other-Wave has no success rule", "--keep_failures", "avdc keeps successes only"]),
        (["--task", "Other-Wave", "--success_only"], ["Other-Wave has no success rule"]),
        (["--task", "Other-Wave", "--cameras", "side"], ["--cameras side", "overview, top, wrist"]),
    ],
)
def test_tasks_that_cannot_be_recorded_so_are_refused(collect, other_project, capsys, tmp_path, words, parts):
    assert collect("--episodes", 1, "--format", "avdc", "--expert", "zero", *words) == 2
    line = error(capsys)
    assert [part for part in parts if part not in line] == []
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "kept"), [([], "false"), (["--success_only"], "false"), (["--keep_failures"], "true")]
)
def test_the_format_says_what_is_kept_unless_the_user_does(recorded, tmp_path, words, kept):
    assert recorded("--episodes", 1, "--out", tmp_path, *words) == 0
    manifest = (tmp_path / "metaworld_dataset" / "lift-custom-ik" / "dataset.json").read_text()
    assert f'"keep_failures": {kept}' in manifest


def test_rounds_are_completed_and_more_are_added(recorded, capsys, tmp_path):
    def numbers() -> list[int]:
        return sorted(int(path.name) for path in tmp_path.glob("metaworld_dataset/lift-custom-ik/overhead_camera/*"))

    words = ["--num_envs", 1, "--out", tmp_path]
    assert (recorded("--num_episodes", 2, *words), numbers()) == (0, [0, 1])
    assert (recorded("--num_episodes", 2, *words), numbers()) == (0, [0, 1])
    assert "holds 2 episodes already, 2 were asked for: nothing to do" in capsys.readouterr().out
    assert (recorded("--num_episodes", 3, *words), numbers()) == (0, [0, 1, 2])
    assert (recorded("--num_episodes", 1, "--append", *words), numbers()) == (0, [0, 1, 2, 3])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(collect, capsys, tmp_path):
    tmp_path.chmod(0o500)
    assert collect("--episodes", 1, "--out", tmp_path / "out") == 2
    assert "cannot be written" in error(capsys)
    tmp_path.chmod(0o700)


def test_up_to_n_with_append_n_more_and_nothing_when_there_are_enough(recorded, capsys, tmp_path):
    def episodes() -> int:
        return len(list(tmp_path.glob("metaworld_dataset/lift-custom-ik/overhead_camera/*")))

    assert (recorded("--episodes", 2, "--out", tmp_path), episodes()) == (0, 2)
    assert (recorded("--episodes", 3, "--out", tmp_path), episodes()) == (0, 3)
    assert (recorded("--episodes", 3, "--out", tmp_path), episodes()) == (0, 3)
    assert "holds 3 episodes already, 3 were asked for: nothing to do" in capsys.readouterr().out
    assert (recorded("--episodes", 2, "--append", "--out", tmp_path), episodes()) == (0, 5)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--seed", "5"], "seed is 4 there, 5 here"),
        (["--num_envs", "3"], "num_envs is 2 there, 3 here"),
        (["--expert", "random"], 'expert is "state_machine" there, "random" here'),
        (["--cameras", "oblique_camera"], 'cameras is ["overhead_camera"] there, ["oblique_camera"] here'),
        (["--camera_width", "64"], "width is 320 there, 64 here"),
        (["--keep_failures"], "keep_failures is false there, true here"),
        (["--start_index", "10"], "start_index is 0 there, 10 here"),
        (["--language", "lift"], 'language is null there, "lift" here'),
        (["--env_spacing", "3"], "env.scene.env_spacing is 5.0 there, 3.0 here"),
        (["--max_steps", "9"], "env.episode_length_s is 5.0 there, 0.18 here"),
        (["env.decimation=4"], "env.decimation is 2 there, 4 here"),
    ],
)
def test_another_dataset_is_left_alone_and_the_difference_named(recorded, capsys, tmp_path, words, part):
    assert recorded("--episodes", 1, "--out", tmp_path) == 0
    manifest = tmp_path / "metaworld_dataset" / "lift-custom-ik" / "dataset.json"
    before = manifest.read_bytes()
    capsys.readouterr()
    assert recorded("--episodes", 2, "--out", tmp_path, *words) == 2
    line = error(capsys)
    assert "holds another dataset" in line
    assert part in line
    assert manifest.read_bytes() == before


def test_a_dataset_of_another_format_is_left_alone(recorded, capsys, tmp_path):
    assert recorded("--episodes", 1, "--out", tmp_path) == 0
    capsys.readouterr()
    assert recorded("--episodes", 1, "--out", tmp_path, "--format", "vpl") == 2
    assert "holds a dataset of format avdc" in error(capsys)


def test_what_is_needed_to_build_the_configuration_anew_is_told(recorded, tmp_path):
    assert recorded("--episodes", 1, "--camera_width", 64, "--out", tmp_path, "env.decimation=4") == 0
    manifest = json.loads((tmp_path / "metaworld_dataset" / "lift-custom-ik" / "dataset.json").read_text())
    assert manifest["provenance"]["overrides"] == ["env.decimation=4"]
    assert manifest["provenance"]["args"]["camera_width"] == 64


def test_a_network_for_another_task_is_refused_with_both_shapes(collect, capsys, monkeypatch, tmp_path):
    weights = {"mlp.0.weight": torch.zeros(4, 7), "mlp.0.bias": torch.zeros(4)}
    weights |= {"mlp.2.weight": torch.zeros(3, 4), "mlp.2.bias": torch.zeros(3)}
    torch.save({"actor_state_dict": weights, "iter": 1, "infos": None}, tmp_path / "model_1.pt")
    env = SimpleNamespace(
        num_envs=2,
        device="cpu",
        observation_manager=SimpleNamespace(group_obs_dim={"policy": (37,)}),
        action_manager=SimpleNamespace(total_action_dim=7),
    )
    monkeypatch.setattr(launch, "simulation", lambda *_: nullcontext())
    monkeypatch.setattr(launch, "environment", lambda *_: nullcontext(env))
    assert collect("--episodes", 1, "--out", tmp_path / "out", "--expert", "rl", "--checkpoint", "model_1.pt") == 2
    line = error(capsys)
    assert "does not fit the task" in line
    assert "7" in line and "37" in line
    assert not (tmp_path / "out").exists()
