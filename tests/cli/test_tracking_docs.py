"""The commands of docs/tracking*.md parse, and runs that they name are folders that training makes."""

import re
import shlex
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from shell import WITHOUT_TASK, commands, parser_of

from isaaclab_datagen import registry
from isaaclab_datagen.cli import launch
from isaaclab_datagen.cli.overrides import resolve
from isaaclab_datagen.experts import runs

ROOT = Path(__file__).parents[2]
DOCUMENTS = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("tracking.md", "tracking_dataset.md")]
MIGRATION = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
COMMANDS = [command for text in DOCUMENTS for command in commands(text)]
AGENT = "rsl_rl_cfg_entry_point"


@pytest.fixture(autouse=True)
def _own_argv(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["script"])


def parse(command: str, monkeypatch):
    """Options and overrides."""
    _, script, *words = shlex.split(command, comments=True)
    name = Path(script).name
    monkeypatch.setattr(sys, "argv", [name, *words])
    parser = parser_of(name, words)
    return (parser.parse_args(words), []) if name in WITHOUT_TASK else launch.parse(parser, words)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_parses(command, monkeypatch):
    args, overrides = parse(command, monkeypatch)
    if "task" in vars(args):
        resolve(args.task, None, overrides, play_mode="train.py" not in command)


def trained(monkeypatch) -> set[str]:
    """Folders of the runs that the documents train, and of two that the migration's reader has."""
    made = [parse(command, monkeypatch)[0] for command in COMMANDS if "train.py" in command]
    ends = {(resolve(args.task, AGENT, [])[1].experiment_name, args.run_name) for args in made}
    ends |= {("tracking_flat_g1", "run1"), ("tracking_flat_g1", "run2")}
    return {f"logs/rsl_rl/{experiment}/2026-01-02_03-04-05_{name}" for experiment, name in ends}


def test_runs_that_are_named_are_folders_that_training_makes(monkeypatch):
    folders = trained(monkeypatch)
    there = [command for command in [*COMMANDS, *commands(MIGRATION)] if "--task Tracking" in command]
    parsed = [parse(command, monkeypatch)[0] for command in there]
    paths = [path for args in parsed for path in vars(args).get("policy_paths") or () if path.startswith("logs/")]
    assert len(paths) >= 4 and all(any(fnmatch(folder, path) for folder in folders) for path in paths)
    patterns = [args.load_run for args in parsed if vars(args).get("load_run")]
    assert patterns and all(any(re.match(pattern, Path(folder).name) for folder in folders) for pattern in patterns)


def test_shipped_runs_that_are_named_are_there(monkeypatch):
    args = [parse(command, monkeypatch)[0] for command in COMMANDS]
    named = [path for one in args for path in vars(one).get("policy_paths") or () if path.startswith("source/")]
    named += [one.checkpoint for one in args if str(vars(one).get("checkpoint")).startswith("source/")]
    task = registry.find("Tracking-Diffusion-G1")
    assert len(named) >= 3 and all(runs.find([ROOT / path], task) for path in named)


def test_no_two_commands_write_into_one_folder(monkeypatch):
    args = [parse(command, monkeypatch)[0] for command in COMMANDS if re.search(r"collect.py|convert.py", command)]
    folders = [one.out for one in args]
    assert len(set(folders)) == len(folders)
