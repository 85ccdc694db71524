"""docs/migration.md is run: every command in it parses, and every option in its table is one."""

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from isaaclab_datagen.cli import launch, options
from isaaclab_datagen.cli.overrides import resolve

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
TABLE = dict(re.findall(r"^\| `(--\w+)` \| (?:`(--[^`]*)`)? ?\|", TEXT, re.M))
OLD_TASK, NEW_TASK = re.search(r"^\| task `(\S+)` \| `(\S+)` \|", TEXT, re.M).groups()


def commands(kind: str) -> list[str]:
    blocks = re.findall(rf"^```bash{kind}\n(.*?)^```", TEXT, re.M | re.S)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def script_and_words(command: str) -> tuple[str, list[str]]:
    words = shlex.split(command)
    at = next(i for i, word in enumerate(words) if word.endswith(".py"))
    return Path(words[at]).name, [NEW_TASK if word == OLD_TASK else word for word in words[at + 1 :]]


def parser_of(script: str, words: list[str]):
    if script.startswith("collect"):
        return options.collect_parser(launch.format_name(words))
    return runpy.run_path(str(ROOT / "scripts" / script))["build_parser"]()


def parse(command: str):
    script, words = script_and_words(command)
    return launch.parse(parser_of(script, words), words)


@pytest.fixture(autouse=True)
def _own_argv(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["script"])


@pytest.mark.parametrize("command", commands(""))
def test_new_commands_parse_without_a_notice(command, capsys):
    args, overrides = parse(command)
    resolve(args.task, None, overrides)
    assert "note:" not in capsys.readouterr().err


@pytest.mark.parametrize("command", commands(" old"))
def test_old_commands_parse(command):
    args, overrides = parse(command)
    assert args.task == NEW_TASK
    assert overrides == []


def test_old_and_new_training_commands_mean_the_same():
    old, new = (vars(parse(commands(kind)[0])[0]) for kind in (" old", ""))
    assert old == new


def test_old_and_new_collection_commands_mean_the_same():
    old, new = (vars(parse(commands(kind)[1])[0]) for kind in (" old", ""))
    differ = {name for name in new if old[name] != new[name]}
    assert differ == {"expert", "num_envs"}


@pytest.mark.parametrize("option", [word for word in TABLE if word != "--agent"])
def test_every_option_of_the_table_is_known_to_collect(option):
    parser = options.collect_parser("avdc")
    assert option in parser._option_string_actions or option in parser.aliases
    alias = parser.aliases.get(option)
    target = "" if alias is None or alias.option is None else " ".join(filter(None, (alias.option, alias.value)))
    assert TABLE[option] == (option if alias is None else target)


def test_every_alias_stands_in_the_table():
    here = set(options.COLLECT_ALIASES) - {"--num_episodes", "--resume"}
    assert here <= set(TABLE)
