"""What is asked of Isaac Lab is checked before anything starts. Runs over every registered task."""

import math
import sys
from argparse import Namespace
from types import SimpleNamespace

import pytest
import torch
import warp
from isaaclab.cli import load_external_tasks
from isaaclab.utils.assets import NUCLEUS_ASSET_ROOT_DIR

from isaaclab_datagen import registry
from isaaclab_datagen.cli import actors, cameras, evaluation, launch, options
from isaaclab_datagen.cli.configuring import configure, limit_steps
from isaaclab_datagen.cli.overrides import resolve
from isaaclab_datagen.errors import RunError, UsageError

load_external_tasks()
TASKS = sorted(registry.all_tasks())


def parse(*words: str):
    return launch.parse(options.collect_parser(), ["--episodes", "1", *words])


@pytest.fixture(autouse=True)
def _own_argv(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["script"])


@pytest.mark.parametrize("viewer", launch.VIEWERS)
def test_a_viewer_that_is_not_installed_is_refused_before_anything_starts(monkeypatch, viewer):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=f"--viz {viewer} needs '{viewer}', which is not installed: pip install"):
        parse("--task", TASKS[0], "--device", "cpu", "--viz", f"newton_gl,{viewer}")


@pytest.mark.parametrize(("gpus", "expected"), [(0, "cpu"), (1, "cuda:0")])
def test_the_device_is_the_gpu_where_there_is_one(monkeypatch, gpus, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    args, overrides = parse("--task", TASKS[0])
    env_cfg, agent_cfg = launch.resolve(args, overrides, "rsl_rl_cfg_entry_point")
    assert (args.device, env_cfg.sim.device, agent_cfg.device) == (expected,) * 3


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="--device cuda:3: no such device here, choose from cpu"):
        parse("--task", TASKS[0], "--device", "cuda:3")


@pytest.mark.parametrize("task", TASKS)
def test_options_reach_the_configuration(task):
    words = ["--task", task, "--num_envs", "3", "--seed", "7", "--device", "cpu", "env.decimation=5"]
    words += ["--camera_width", "64", "--camera_height", "48"]
    args, overrides = parse(*words)
    env_cfg, _ = launch.resolve(args, overrides)
    assert (env_cfg.scene.num_envs, env_cfg.seed, env_cfg.decimation) == (3, 7, 5)
    for camera in cameras.of_scene(env_cfg).values():
        assert (camera.width, camera.height) == (64, 48)


def test_what_is_asked_to_be_deterministic_gets_room_for_it(monkeypatch):
    """Newton's narrow phase counts more contacts in a thread than Warp makes room for by itself."""
    for name in ("deterministic", "deterministic_max_records"):
        monkeypatch.setattr(warp.config, name, getattr(warp.config, name))
    room = warp.config.deterministic_max_records
    launch.resolve(*parse("--task", TASKS[0], "--device", "cpu"))
    assert warp.config.deterministic_max_records == room
    env_cfg, _ = launch.resolve(*parse("--task", TASKS[0], "--device", "cpu", "--deterministic"))
    assert env_cfg.sim.physics.deterministic
    assert warp.config.deterministic == warp.DeterministicMode.RUN_TO_RUN
    assert warp.config.deterministic_max_records >= 16


def test_an_unknown_task_names_ours_and_the_closest():
    with pytest.raises(UsageError, match="unknown task 'Isaac-Cartpol'") as caught:
        parse("--task", "Isaac-Cartpol")
    assert "Isaac-Cartpole" in str(caught.value)
    assert all(task in str(caught.value) for task in TASKS)


def test_an_alias_of_a_task_is_followed_with_a_notice(monkeypatch, capsys):
    monkeypatch.setitem(registry.gym.registry[TASKS[0]].kwargs, "aliases", ("Old-Name-v0",))
    args, _ = parse("--task", "Old-Name-v0")
    assert args.task == TASKS[0]
    assert f"note: task Old-Name-v0 is called {TASKS[0]}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["physics=nonsense"], ["physics=nonsense", "newton_mjwarp"]),
        (["physics=newton_mjwrap"], ["did you mean newton_mjwarp?"]),
        (["presets=nonsense"], ["presets=nonsense"]),
        (["env.scene.num_envz=3"], ["env.scene", "'num_envz'", "num_envs"]),
        (["env.nothing.at.all=3"], ["env has no field 'nothing'"]),
        (["env.decimation=fast"], ["env.decimation", "'fast'", "a number"]),
        (["env.sim=3"], ["env.sim is a configuration"]),
        (["agent.max_iterations=3"], ["agent.max_iterations", "no agent"]),
        (["evn.decimation=3"], ["'evn.decimation=3'", "env"]),
        (["decimation"], ["'decimation'"]),
    ],
)
def test_overrides_that_mean_nothing_are_refused(words, parts):
    with pytest.raises(UsageError) as caught:
        resolve(TASKS[0], None, words)
    assert "\n" not in str(caught.value)
    assert all(part in str(caught.value) for part in parts)


@pytest.mark.parametrize("key", ["nope", "env_cfg_entry_point", "success_term"])
def test_an_agent_that_a_task_does_not_have_is_refused_with_those_that_it_has(key):
    with pytest.raises(UsageError, match=f"^--agent {key}: .* choose from rsl_rl_cfg_entry_point$"):
        resolve("Lift-Custom-IK", key, [])


def test_an_agent_of_any_other_name_is_taken(monkeypatch):
    kwargs = registry.gym.registry["Lift-Custom-IK"].kwargs
    monkeypatch.setitem(kwargs, "careful_cfg_entry_point", kwargs["rsl_rl_cfg_entry_point"])
    assert resolve("Lift-Custom-IK", "careful_cfg_entry_point", [])[1].experiment_name == "lift_custom_ik"
    with pytest.raises(UsageError, match=r"did you mean careful_cfg_entry_point\?"):
        resolve("Lift-Custom-IK", "carefull_cfg_entry_point", [])


def test_a_task_without_an_agent_says_so(monkeypatch):
    monkeypatch.delitem(registry.gym.registry["Lift-Custom-IK"].kwargs, "rsl_rl_cfg_entry_point")
    with pytest.raises(UsageError, match="choose from nothing"):
        resolve("Lift-Custom-IK", "rsl_rl_cfg_entry_point", [])


@pytest.mark.parametrize("words", [["--bogus"], ["--camera_widht", "3"]])
def test_unknown_options_are_refused(words):
    with pytest.raises(UsageError, match=f"unknown option {words[0]}"):
        parse("--task", TASKS[0], *words)


@pytest.mark.parametrize("sizes", ["[0,3]", "[64]", "[64,48,3]", "[64.5,48]", "[]"])
@pytest.mark.parametrize("words", [[], ["--camera_width", "64"]])
def test_a_resolution_that_is_none_is_refused(sizes, words):
    args, overrides = parse("--task", TASKS[0], "--device", "cpu", *words, f"env.camera_resolution={sizes}")
    reason = "camera_resolution" if words else "invalid configuration: camera_resolution is .*: has to be width and"
    with pytest.raises(UsageError, match=reason):
        launch.resolve(args, overrides)


@pytest.mark.parametrize(
    "word", ["env.decimation=0", "env.sim.dt=0", "env.scene.num_envs=-2", "env.episode_length_s=0"]
)
def test_what_isaac_lab_would_divide_by_is_above_zero(word):
    with pytest.raises(UsageError, match=rf"{word.replace('.', '[.]')}.* above 0"):
        launch.resolve(*parse("--task", TASKS[0], "--device", "cpu", word))


@pytest.mark.parametrize(
    "words",
    [
        ["--num_envs", "2", "env.scene.num_envs=3"],
        ["--seed", "3", "env.seed=4"],
        ["--camera_width", "320", "env.camera_resolution=[640,480]"],
        ["env.scene.overhead_camera.width=20"],
        ["--max_steps", "3", "env.episode_length_s=3"],
        ["--env_spacing", "3", "env.scene.env_spacing=7"],
        ["env.sim.device=cuda:0"],
    ],
)
def test_an_override_that_something_else_replaces_is_refused(words):
    args, overrides = parse("--task", "Lift-Custom-IK", "--device", "cpu", *words)
    with pytest.raises(UsageError, match=f"^{words[-1].partition('=')[0]}=.*it becomes .* all the same"):
        env_cfg, _ = launch.resolve(args, overrides)
        configure(args, overrides, registry.find(args.task), env_cfg)


@pytest.mark.parametrize(
    "word",
    [
        "env.rest_distance=null",
        "env.terminations.success.params.rest_distance=0.05",
        "env.terminations.success.params.height_threshold=null",
    ],
)
def test_an_override_that_becomes_null_or_does_not_become_it_is_refused(word):
    args, overrides = parse("--task", "PickPlace-Rev2Fwd", "--device", "cpu", word)
    with pytest.raises(UsageError, match="it becomes .* all the same|must be above 0|invalid configuration"):
        env_cfg, _ = launch.resolve(args, overrides)
        configure(args, overrides, registry.find(args.task), env_cfg)


def test_a_seed_may_be_an_override_too():
    args, overrides = parse("--task", "Lift-Custom-IK", "--device", "cpu", "env.seed=4")
    assert (args.seed, launch.resolve(args, overrides)[0].seed) == (4, 4)
    with pytest.raises(UsageError, match="env.seed=-1: '-1' is not"):
        parse("--task", "Lift-Custom-IK", "--device", "cpu", "env.seed=-1")


@pytest.mark.parametrize("task", ["PickPlace-Rev2Fwd", "Lift-Custom-IK"])
def test_an_episode_has_as_many_steps_as_are_asked_for(task):
    env_cfg, _ = launch.resolve(*parse("--task", task, "--device", "cpu"))
    for steps in range(1, 1000):
        limit_steps(env_cfg, steps)
        assert math.ceil(env_cfg.episode_length_s / (env_cfg.sim.dt * env_cfg.decimation)) == steps


@pytest.mark.parametrize("video", [[], ["--video"]])
def test_what_evaluate_decides_is_not_overridden(video, tmp_path):
    words = ["--task", "PickPlace-Rev2Fwd", "--device", "cpu", "--max_steps", "100", "env.episode_length_s=20"]
    words += ["--expert", "state_machine", "--episodes", "1", "--out", str(tmp_path), *video]
    args, overrides = launch.parse(evaluation.build_parser(words), words)
    env_cfg, _ = launch.resolve(args, overrides)
    with pytest.raises(UsageError, match="^env.episode_length_s=20: it becomes 3.3"):
        evaluation.configure(args, overrides, registry.find(args.task), env_cfg, SimpleNamespace())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--inference_steps", "7"], "--inference_steps is for a learned policy: give --policy"),
        (["--policy", "runs/A", "--checkpoint", "a.pt"], "leave out --expert, --checkpoint and the like"),
        (["--policy", "runs/A", "--expert", "zero"], "leave out --expert, --checkpoint and the like"),
    ],
)
def test_options_of_an_expert_and_of_a_policy_do_not_mix(words, said):
    args, _ = parse("--task", "PickPlace-Rev2Fwd", "--device", "cpu", *words)
    with pytest.raises(UsageError, match=said):
        actors.check_one(args)


def test_an_override_that_says_the_same_is_not():
    words = ["--num_envs", "3", "env.scene.num_envs=3", "--max_steps", "50", "env.episode_length_s=1", "env.seed=0"]
    args, overrides = parse("--task", "Lift-Custom-IK", "--device", "cpu", *words)
    env_cfg, _ = launch.resolve(args, overrides)
    configure(args, overrides, registry.find(args.task), env_cfg)


def test_a_runtime_that_is_not_installed_is_refused(monkeypatch):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    args, overrides = parse("--task", TASKS[0], "--device", "cpu", "--viz", "kit")
    env_cfg, _ = launch.resolve(args, overrides)
    with pytest.raises(UsageError, match="'isaacsim', which is not installed"), launch.simulation(env_cfg, args):
        pass


NUCLEUS_ASSET = f"{NUCLEUS_ASSET_ROOT_DIR}/Isaac/franka_panda.usda"


@pytest.mark.parametrize("physics", ["physx", "ovphysx"])
def test_a_runtime_that_is_not_installed_is_refused_in_the_users_words(monkeypatch, physics):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    args, overrides = parse("--task", TASKS[0], "--device", "cpu", f"physics={physics}")
    env_cfg, _ = launch.resolve(args, overrides)
    with pytest.raises(UsageError, match=f"^physics={physics} needs 'ovphysx'"), launch.simulation(env_cfg, args):
        pass


@pytest.mark.parametrize(
    ("error", "status", "parts"),
    [
        (UsageError("bad"), 2, ["bad"]),
        (RunError("disk"), 1, ["disk"]),
        (torch.OutOfMemoryError("CUDA out of memory"), 1, ["num_envs=9", "320x240", "kept"]),
        (torch.AcceleratorError("CUDA error: out of memory"), 1, ["num_envs=9", "320x240", "kept"]),
        (
            FileNotFoundError(f"Unable to find the file: {NUCLEUS_ASSET}"),
            *(1, [f"{NUCLEUS_ASSET} could not be fetched: NVIDIA's asset server could not be reached"]),
        ),
        (
            FileNotFoundError("Unable to find the file: http://here/robot.usd"),
            *(1, ["http://here/robot.usd could not be fetched: its server could not be reached"]),
        ),
    ],
)
def test_errors_in_a_simulation_end_it_with_their_status(no_launch, capsys, error, status, parts):
    args, overrides = parse("--task", TASKS[0], "--device", "cpu", "--num_envs", "9")
    env_cfg, _ = launch.resolve(args, overrides)
    with pytest.raises(SystemExit) as caught, launch.simulation(env_cfg, args):
        raise error
    assert caught.value.code == status
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert all(part in text for part in parts)


def test_a_file_that_is_missing_here_keeps_its_traceback(no_launch):
    with pytest.raises(FileNotFoundError), launch.simulation(SimpleNamespace(), Namespace()):
        raise FileNotFoundError("Unable to find the file: /models/robot.usd")


def test_the_format_is_asked_for_or_the_tasks_own():
    assert launch.format_name(["--task", TASKS[0]]) == registry.find(TASKS[0]).default_format
    assert launch.format_name(["--task", TASKS[0], "--format", "other"]) == "other"
    assert launch.format_name([]) is None
