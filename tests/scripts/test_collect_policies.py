"""``scripts/collect.py`` with several networks: each in the environment that it was trained in, all in one dataset."""

from __future__ import annotations

import runpy
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from isaaclab.cli import load_external_tasks
from isaaclab.utils.io import dump_yaml
from rsl_rl.models import MLPModel
from tensordict import TensorDict

from isaaclab_datagen import registry
from isaaclab_datagen.cli import jobs, launch, options, overrides
from isaaclab_datagen.datasets import formats, inspection
from isaaclab_datagen.experts.runs import read
from isaaclab_datagen.motions import files

SCRIPT = str(Path(__file__).parents[2] / "scripts" / "collect.py")
TASK, OBSERVED, ACTIONS = "Tracking-Diffusion-G1", 160, 29
GAUSS = {"class_name": "GaussianDistribution", "init_std": 0.5}
ACTOR = {"class_name": "MLPModel", "hidden_dims": [16], "activation": "elu", "distribution_cfg": GAUSS}
AGENT = {"actor": ACTOR, "obs_groups": {"actor": ["policy"]}, "clip_actions": None}
COUNT = ["--episodes_per_policy", "2"]


TRAINED = {
    "first": ["env.commands.motion.motion_files=['walk']"],
    "second": ["env.commands.motion.motion_files=['squat']", "env.commands.motion.body_names=['pelvis','torso_link']"],
}
"""Runs, and what they were trained with."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Path]:
    """Two untrained networks, as training leaves them."""
    load_external_tasks()
    folder = tmp_path_factory.mktemp("runs")
    for seed, (name, words) in enumerate(TRAINED.items()):
        torch.manual_seed(seed)
        (folder / name).mkdir()
        observations = TensorDict({"policy": torch.zeros(1, OBSERVED)}, batch_size=[1])
        settings = {key: value for key, value in ACTOR.items() if key != "class_name"}
        model = MLPModel(observations, {"actor": ["policy"]}, "actor", ACTIONS, **settings)
        torch.save({"actor_state_dict": model.state_dict(), "iter": 3}, folder / name / "model_3.pt")
        dump_yaml(str(folder / name / "params" / "env.yaml"), overrides.resolve("Tracking-Flat-G1", None, words)[0])
        dump_yaml(str(folder / name / "params" / "agent.yaml"), AGENT)
    return [folder / "first", folder / "second"]


@pytest.mark.sim
def test_each_policy_records_its_episodes_and_the_same_command_has_nothing_left_to_do(collect, runs, tmp_path):
    words = ["--task", TASK, "--policy_paths", *runs, *COUNT, "--num_envs", 2, "--max_steps", 12, "--seed", 3]
    words += ["--action_delay_range", 0, 40, "--horizon", 4, "--history_length", 2, "--output_dir", tmp_path]
    said = collect(*words)
    assert said.count("episodes in the dataset") == 2
    reader = formats.open_reader(tmp_path)
    assert reader.indices == [0, 1, 2, 3]
    facts = [episode.outcome.extra for episode in reader]
    assert [fact["policy"] for fact in facts] == ["first", "first", "second", "second"]
    assert [fact["policy_path"] for fact in facts] == [str(runs[0])] * 2 + [str(runs[1])] * 2
    assert [fact["motion_file"] for fact in facts] == ["walk", "walk", "squat", "squat"]
    assert [fact["motion"] for fact in facts] == ["walk", "walk", "squat", "squat"]
    assert [fact["motion_length"] for fact in facts] == [620, 620, 601, 601]
    assert len({fact["seed"] for fact in facts}) == 2
    assert all(0 <= fact["action_delay"] <= 40 for fact in facts)
    report = inspection.inspect(reader)
    assert (report.problems, report.flags) == ([], [])
    assert dict(report.rows())["policies"] == "first 2, second 2"
    assert reader.manifest.provenance["horizon"] == 4
    settings = reader.manifest.identity["expert_settings"]["policies"]
    assert [policy["run"] for policy in settings] == ["first", "second"]
    taken = [policy["taken_over"] for policy in settings]
    assert [said["motion_files"] for said in taken] == [["walk"], ["squat"]]
    assert [len(said["body_names"]) for said in taken] == [14, 2]
    assert collect(*words).count("nothing to do") == 2


def planned(words: list[str]) -> list[jobs.Job]:
    """What the script would record."""
    parser = options.collect_parser("diffuse_cloc", launch.task_options(words))
    return jobs.jobs(*launch.parse(parser, words), registry.find(TASK), "diffuse_cloc")


@pytest.fixture
def refused(monkeypatch, tmp_path, capsys):
    """Run the script up to the simulator's start; gives status and what was written to stderr."""

    @contextmanager
    def stop(*_):
        raise SystemExit(0)
        yield

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "simulation", stop)

    def run(*words) -> tuple[int, str]:
        fixed = ["--task", TASK, "--device", "cpu", "--num_envs", "2", "--output_dir", "out"]
        monkeypatch.setattr(sys, "argv", ["collect.py", *fixed, *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(SCRIPT, run_name="__main__")
        told = capsys.readouterr().err
        return int(ended.value.code or 0), " | ".join(
            line for line in told.splitlines() if "--output_dir is spelled" not in line
        )

    return run


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--action_delay_range", 100, 0], "--action_delay_range 100 0: delay range 100 to 0 ms: give the shorter one"),
        (["--action_delay_range", -5, 5], "give the shorter one first, both 0 or more"),
        (["--action_delay_range", 5], "--action_delay_range"),
        (["--action_delay_step", 1], "--action_delay_step 1: delay step"),
        (["--action_delay_step", "inf"], "--action_delay_step inf: delay step"),
        (["--action_noise", "pink"], "ornstein_uhlenbeck"),
        (["--action_noise_sigma", -1], "--action_noise_sigma -1: must be 0 or more"),
        (["--horizon", 0], "--horizon 0: must be 1 or more"),
        (["--checkpoint", "x.pt"], "leave out --expert, --checkpoint"),
        (["--append"], "--append"),
    ],
)
def test_bad_options_are_refused_in_one_line(refused, runs, words, part):
    status, told = refused("--policy_paths", *runs, *COUNT, *words)
    assert status == 2
    assert part in told


@pytest.mark.parametrize(
    ("words", "used"),
    [
        (["--action_delay_range", 12, 33], "10 to 35 ms are used"),
        (["--action_delay_range", 0, 40, "--action_delay_step", 12], "0 to 40 ms, every 10 ms, are used"),
        (["--action_delay_range", 0, 100, "--action_delay_step", 30], "0 to 90 ms, every 30 ms, are used"),
        (["--action_delay_range", 10, 20, "--action_delay_step", 50], "10 to 10 ms are used"),
        (["--action_delay_range", 10, 60, "--action_delay_step", 25], None),
        (["--action_delay_range", 20, 20], None),
    ],
)
def test_delays_that_are_not_those_asked_for_are_told(refused, runs, words, used):
    status, told = refused("--policy_paths", runs[0], *COUNT, *words)
    assert status == 0
    asked = " ".join(map(str, words))
    assert told == ("" if used is None else f"note: {asked}: physics steps take 5 ms, so {used}")


def test_several_policies_need_their_own_count(refused, runs):
    assert refused("--policy_paths", *runs, "--episodes", 4) == (
        2,
        "error: give --episodes_per_policy: there are 2 policies",
    )


def test_where_a_network_comes_from_is_told(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["collect.py"])
    for named, reason in (["--policy_paths", str(runs[0])], "named by --policy_paths"), ([], "shipped with the task"):
        words = ["--task", TASK, *COUNT, "--out", str(tmp_path), "--device", "cpu", *named]
        made = planned(words)
        told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("checkpoint: ")]
        assert len(told) == len(made) and all(line.endswith(f"({reason})") for line in told)


def test_a_path_that_is_not_there_or_twice_is_refused(refused, runs):
    assert "absent: no such folder or file" in refused("--policy_paths", "absent", *COUNT)[1]
    assert "named twice" in refused("--policy_paths", runs[0], runs[0] / "model_3.pt", *COUNT)[1]


def copy_without(run: Path, out: Path, change) -> Path:
    """A run whose saved configuration was changed."""
    (out / "params").mkdir(parents=True)
    (out / "model_3.pt").write_bytes((run / "model_3.pt").read_bytes())
    (out / "params" / "agent.yaml").write_text((run / "params" / "agent.yaml").read_text())
    saved = dict(read(run / "params" / "env.yaml") or {})
    if (changed := change(saved)) is not None:
        (out / "params" / "env.yaml").write_text(changed if isinstance(changed, str) else yaml.dump(changed))
    return out


def other_robot(saved):
    saved["actions"]["joint_pos"]["action"]["joint_names"] = ["left_wheel_joint", "right_wheel_joint"]
    return saved


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda saved: None, "no params/env.yaml, so that nobody knows which motion it tracks: give --motion_file"),
        (other_robot, "trained on another robot: its joints differ in"),
        (lambda saved: {"scene": {}}, "is not that of a tracker: it is of another task, whose actions move no joint"),
        (lambda saved: "{", "env.yaml: cannot be read"),
        (lambda saved: "- 1", "env.yaml: is no configuration"),
    ],
)
def test_a_run_without_its_parameters_or_with_anothers_is_refused(refused, runs, tmp_path, change, part):
    status, told = refused("--policy_paths", copy_without(runs[0], tmp_path / "run", change), *COUNT)
    assert status == 2
    assert part in told


@pytest.mark.parametrize("task", ["Open-Drawer-Custom", "Lift-Custom-IK"])
def test_a_network_of_another_robot_is_refused_by_what_it_moves(refused, task):
    path = registry.find(task).shipped_path
    status, told = refused("--policy_paths", path, *COUNT)
    assert status == 2
    part = "its params/env.yaml is not that of a tracker: it is of another task, whose actions move "
    assert told == f"error: {path}: {part}panda_joint.*, panda_finger_joint.*"


def test_a_motion_that_is_named_stands_in_for_the_runs(refused, runs, tmp_path):
    run = copy_without(runs[0], tmp_path / "run", lambda saved: None)
    assert refused("--policy_paths", run, *COUNT, "--motion_file", "walk")[0] == 0


def test_a_motion_that_is_named_overrides_the_runs_and_is_what_is_said(runs, tmp_path, monkeypatch):
    words = ["--task", TASK, "--policy_paths", *map(str, runs), *COUNT, "--out", str(tmp_path), "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["collect.py"])
    for named, expected in ([], [["walk"], ["squat"]]), (["--motion_file", "wave"], [["wave"], ["wave"]]):
        made = planned([*words, *named])
        assert [job.env_cfg.commands.motion.motion_files for job in made] == expected
        assert [[job.facts["motion_file"]] for job in made] == expected
        assert [job.actor.settings["taken_over"]["motion_files"] for job in made] == expected
        assert [len(job.env_cfg.commands.motion.body_names) for job in made] == [14, 2]


def stiffer_knees(saved):
    """As a run saves gains by joint, of groups that are cut otherwise than the task's."""
    actuators = saved["scene"]["robot"]["actuators"]
    knees = dict(actuators["7520_22"]) | {"joint_names_expr": [".*_knee_joint"], "stiffness": {".*_knee_.*": 150.0}}
    actuators["7520_22"] = dict(actuators["7520_22"]) | {"joint_names_expr": [".*_hip_roll_joint"]}
    return saved | {"scene": saved["scene"] | {"robot": {"actuators": actuators | {"knees": knees}}}}


def unsaid(saved):
    return saved | {"scene": {"robot": None}}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (stiffer_knees, "2 joints differ, left_knee_joint by its stiffness: 150 in training, 99.0984 here"),
        (lambda saved: saved, None),
        (unsaid, None),
    ],
)
def test_other_gains_than_the_tasks_are_told(refused, runs, tmp_path, change, part):
    status, told = refused("--policy_paths", copy_without(runs[0], tmp_path / "run", change), *COUNT)
    assert status == 0
    told = told.replace(f"{tmp_path}/", "")
    assert told == (
        "" if part is None else f"note: run: trained with other gains than the task's, which act here ({part})"
    )


def test_an_older_motion_is_refused_before_anything_starts(refused, runs, tmp_path):
    walk = files.load("walk")
    old = {name: getattr(walk, name) for name in ("joint_pos", "joint_vel", *files.BODY_ARRAYS)}
    np.savez(tmp_path / "old.npz", fps=50, **old)
    status, told = refused("--policy_paths", runs[0], *COUNT, "--motion_file", tmp_path / "old.npz")
    assert status == 2
    assert told.startswith(f"error: motion {tmp_path}/old.npz: an older file, which does not say its quaternion order;")
    assert told.endswith("NEW.npz --quaternion_order xyzw or wxyz --order depth_first or breadth_first")
