"""The order in which networks are looked for, and what is said about it."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.experts import checkpoints
from isaaclab_datagen.experts.checkpoints import Wish
from isaaclab_datagen.registry import TaskInfo

AGENT = SimpleNamespace(experiment_name="exp", load_checkpoint="model_.*.pt")


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    file = tmp_path / "shipped.pt"
    file.touch()
    monkeypatch.setattr(TaskInfo, "shipped_path", file)
    return file


def run(logs: Path, name: str, *models: str, task: str = "T") -> Path:
    folder = logs / "exp" / name
    folder.mkdir(parents=True)
    manifest = {"version": 1, "library": "rsl_rl", "task": task, "created_at": f"2026-01-0{name[-1]}T00:00:00+00:00"}
    (folder / "run.json").write_text(json.dumps(manifest))
    for model in models:
        (folder / model).touch()
    return folder


def find(logs: Path, **wish: str):
    return checkpoints.resolve(Wish(**wish), TaskInfo("T", "m:C"), SimpleNamespace(), AGENT, logs)


def test_a_named_file_comes_first(tmp_path, shipped, capsys):
    run(tmp_path, "run_1", "model_1.pt")
    file = tmp_path / "mine.pt"
    file.touch()
    assert find(tmp_path, checkpoint=str(file)).path == file
    assert capsys.readouterr().out == f"checkpoint: {file} (named by --checkpoint)\n"


def test_then_the_newest_local_run_in_natural_order(tmp_path, shipped, capsys):
    run(tmp_path, "run_1", "model_900.pt")
    newest = run(tmp_path, "run_2", "model_9.pt", "model_100.pt", "events.out")
    assert find(tmp_path).path == newest / "model_100.pt"
    assert "newest local run" in capsys.readouterr().out


def test_runs_without_a_network_or_of_another_task_are_passed_over(tmp_path, shipped):
    mine = run(tmp_path, "run_1", "model_1.pt")
    run(tmp_path, "run_2")
    run(tmp_path, "run_3", "model_5.pt", task="Other")
    assert find(tmp_path).path == mine / "model_1.pt"


def test_a_folder_means_the_newest_network_in_it_or_the_one_that_ships(tmp_path):
    trained, ships = (
        run(tmp_path, "run_1", "model_9.pt", "model_10.pt"),
        run(tmp_path, "walk_2", "policy.pt", "notes.txt"),
    )
    assert checkpoints.of_run(trained, "--policy_paths") == trained / "model_10.pt"
    assert checkpoints.of_run(ships, "--policy_paths") == ships / "policy.pt"
    with pytest.raises(UsageError, match="no network in .*run_3"):
        checkpoints.of_run(run(tmp_path, "run_3", "events.out"), "--policy_paths")


def test_then_the_shipped_one(tmp_path, shipped, capsys):
    assert find(tmp_path).path == shipped
    assert "shipped with the task: no run in" in capsys.readouterr().out


def test_shipped_can_be_asked_for_past_local_runs(tmp_path, shipped):
    run(tmp_path, "run_1", "model_1.pt")
    assert find(tmp_path, checkpoint="shipped").path == shipped


def test_load_run_and_load_checkpoint_narrow_the_local_runs(tmp_path, shipped):
    first = run(tmp_path, "run_1", "model_1.pt", "model_2.pt")
    run(tmp_path, "run_2", "model_3.pt")
    assert find(tmp_path, load_run="run_1").path == first / "model_2.pt"
    assert find(tmp_path, load_run="run_1", load_checkpoint="model_1.pt").path == first / "model_1.pt"
    assert find(tmp_path, load_checkpoint="model_1.pt").path == first / "model_1.pt"


def test_what_was_asked_for_and_is_not_there_is_never_replaced(tmp_path, shipped):
    run(tmp_path, "run_1", "model_1.pt")
    with pytest.raises(UsageError, match="--load_run nope.*runs there: run_1"):
        find(tmp_path, load_run="nope")
    for name in ("nope.pt", ""):
        with pytest.raises(UsageError, match="no such file, choose from FILE, latest"):
            find(tmp_path, checkpoint=name)


@pytest.mark.parametrize("selector", ["latest", "best"])
def test_selectors_read_the_manifests(tmp_path, selector):
    run(tmp_path, "run_2", "model_1.pt")
    newest = run(tmp_path, "run_3", "model_2.pt", "model_10.pt")
    run(tmp_path, "run_4", "model_7.pt", task="Other")
    assert find(tmp_path, checkpoint=selector).path == newest / "model_10.pt"


def test_a_selector_without_runs_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="--checkpoint latest: no training run of T"):
        find(tmp_path, checkpoint="latest")


def test_a_run_folder_gives_its_newest(tmp_path):
    folder = run(tmp_path, "run_1", "model_1.pt", "model_20.pt")
    assert find(tmp_path, checkpoint=str(folder)).path == folder / "model_20.pt"


def test_a_run_folder_may_be_named_from_here(tmp_path, monkeypatch):
    run(tmp_path, "run_1", "model_1.pt")
    monkeypatch.chdir(tmp_path / "exp")
    assert find(tmp_path, checkpoint="run_1").path == tmp_path / "exp" / "run_1" / "model_1.pt"


def test_nothing_at_all_names_the_choices(tmp_path):
    with pytest.raises(UsageError, match="no network for T.*--checkpoint FILE, latest"):
        find(tmp_path)
    with pytest.raises(UsageError, match="ships no network"):
        find(tmp_path, checkpoint="shipped")


def test_a_published_network_that_cannot_be_fetched_is_a_run_error(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(checkpoints, "get_pretrained_checkpoint_backend_names", lambda cfg: ("newtonmjwarp", "newton"))
    monkeypatch.setattr(
        checkpoints, "get_published_pretrained_checkpoint", lambda *names, **_: asked.append(names) and None
    )
    with pytest.raises(RunError, match="none could be fetched for T with newtonmjwarp"):
        find(tmp_path, checkpoint="published")
    assert asked == [("rsl_rl", "T", "newtonmjwarp", "none")]


def test_a_task_of_this_kind_asks_nobody_for_a_network_that_it_does_not_name(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "get_published_pretrained_checkpoint", lambda *a, **k: pytest.fail("it asked"))
    task = TaskInfo("T", "m:C", success_term="success")
    with pytest.raises(UsageError, match="publishes no network for T, choose from FILE, latest, best, shipped, wandb:"):
        checkpoints.resolve(Wish("published"), task, SimpleNamespace(), AGENT, tmp_path)


def test_a_published_network_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(checkpoints, "get_pretrained_checkpoint_backend_names", lambda cfg: ("physx", "none"))
    monkeypatch.setattr(checkpoints, "get_published_pretrained_checkpoint", lambda *a, **k: "nvidia.pt")
    assert find(tmp_path, checkpoint="published").path == Path("nvidia.pt")
    assert "published by NVIDIA" in capsys.readouterr().out


def test_wandb_errors_are_one_line(tmp_path, monkeypatch):
    def fail(name: str) -> str:
        raise ImportError("wandb is required")

    monkeypatch.setattr("isaaclab_rl.utils.wandb.resolve_wandb_checkpoint", fail)
    with pytest.raises(RunError, match="wandb:a/b/c: wandb is required"):
        find(tmp_path, checkpoint="wandb:a/b/c")


def test_weights_and_biases_is_loaded_only_where_something_is_fetched():
    code = "import sys; from isaaclab_datagen.experts import checkpoints, factory; print('wandb' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@pytest.mark.parametrize("name", ["wandb:a/b", "https://wandb.ai/a/b"])
def test_an_address_at_weights_and_biases_that_is_none_is_a_usage_error(tmp_path, name):
    with pytest.raises(UsageError, match=f"--checkpoint {name}: "):
        find(tmp_path, checkpoint=name)


def test_a_missing_shipped_file_is_a_run_error(tmp_path, monkeypatch):
    monkeypatch.setattr(TaskInfo, "shipped_path", tmp_path / "gone.pt")
    with pytest.raises(RunError, match="missing"):
        find(tmp_path)
