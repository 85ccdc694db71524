"""docs/migration.md is run: every command in it parses, and every option in its table is one."""

import re
import shlex
import sys
from argparse import Namespace
from itertools import product
from pathlib import Path

import pytest
from shell import WITHOUT_TASK, commands, parser_of

from isaaclab_datagen.cli import iterating, launch, learning, options
from isaaclab_datagen.cli.overrides import resolve

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
TABLE = dict(re.findall(r"^\| `(--\w+)` \| (?:`(--[^`]*)`)? ?\|", TEXT, re.M))
TASKS = dict(re.findall(r"^\| task `(\S+)` \| `(\S+)` \|", TEXT, re.M))


SCRIPTS = {
    "collect_data.py": "collect.py",
    "4_train_diffusion.py": "learn.py",
    "6_test_alternating.py": "alternate.py",
    "7_finetune_with_rollout.py": "learn.py",
    "run_iterative_training.sh": "iterate.py",
}
"""What scripts of the later pipelines are called here."""


def script_and_words(command: str) -> tuple[str, list[str]]:
    words = shlex.split(command)
    at = next(i for i, word in enumerate(words) if word.endswith(".py") or Path(word).name in SCRIPTS)
    name = Path(words[at]).name
    return SCRIPTS.get(name, name), [TASKS.get(word, word) for word in words[at + 1 :]]


def parse(command: str):
    script, words = script_and_words(command)
    if script == "learn.py":
        options = learning.parse(parser_of(script, words), words)
        return Namespace(**vars(options), task=None), []
    if script == "iterate.py":
        words = words or ["--config", "loop.conf"]  # which stood in the old script itself
        return parser_of(script, words).parse_args(words), []
    if script == "alternate.py":
        words = [*words, "--task", "PickPlace-Rev2Fwd"]  # which it asks the policy for
    if script == "collect.py" and "--task" not in words:
        words = [*words, "--task", "Tracking-Diffusion-G1"]  # the old script knew no other
    return launch.parse(parser_of(script, words), words)


def simulates(command: str) -> bool:
    """Whether it names a task."""
    return script_and_words(command)[0] not in ("learn.py", "iterate.py")


@pytest.fixture(autouse=True)
def _own_argv(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["script"])


@pytest.mark.parametrize("command", commands(TEXT))
def test_new_commands_parse_without_a_notice(command, capsys, monkeypatch):
    script, words = script_and_words(command)
    if script in WITHOUT_TASK:
        monkeypatch.setattr(sys, "argv", [script, *words])
        parser_of(script, words).parse_args(words)
        return
    args, overrides = parse(command)
    if simulates(command):
        resolve(args.task, None, overrides)
    assert "note:" not in capsys.readouterr().err


@pytest.mark.parametrize("command", commands(TEXT, " old"))
def test_old_commands_parse(command):
    args, overrides = parse(command)
    if simulates(command):
        assert args.task in {*TASKS.values(), "Tracking-Diffusion-G1"}
    assert overrides == []


def command(kind: str, *parts: str) -> str:
    """The first command of a kind that has all these parts."""
    return next(text for text in commands(TEXT, kind) if all(part in text for part in parts))


@pytest.mark.parametrize(
    ("old", "new", "differ"),
    [
        (["train.py", "4096"], ["train.py", "4096"], set()),
        (["train.py", "3000"], ["train.py", "3000"], set()),
        (["--num_rollouts 10"], ["--episodes 10"], {"expert", "num_envs"}),
        (["--steps 60"], ["--max_steps 60"], set()),
        (["--num_episodes 10"], ["--num_episodes 10"], set()),
        (["--width 640"], ["--camera_width 640"], set()),
        (["--wrist_cam_offset"], ["--wrist_cam_offset"], {"cameras"}),
        (["--top_cam_offset"], ["--top_cam_offset"], {"cameras"}),
        *(
            (["4_train", *parts], ["learn.py", *parts], set())
            for parts in product(("29500", "29501"), ("8000", "20000"))
        ),
        (["6_test"], ["alternate.py"], {"num_envs", "policy_A", "policy_B"}),
        (["6_test", "cycles 50"], ["alternate.py", "cycles 50"], {"num_envs", "policy_A", "policy_B"}),
        (["6_test", "debug"], ["alternate.py", "debug"], {"visualizer", "policy_A", "policy_B"}),
        *((["7_finetune", data], ["--finetune", data], {"finetune"}) for data in ("A_circle", "B_circle")),
        (["nproc_per_node=3 ", "7_finetune"], ["nproc_per_node=3 ", "--finetune"], {"finetune"}),
        (["training.sh"], ["iterate.py"], set()),
    ],
)
def test_old_and_new_commands_mean_the_same(old, new, differ):
    then, now = (vars(parse(command(kind, *parts))[0]) for kind, parts in ((" old", old), ("", new)))
    assert {name for name in now if then[name] != now[name]} == differ


def test_the_loops_variables_are_read(tmp_path):
    file = tmp_path / "loop.conf"
    file.write_text(re.search(r"^```conf\n(.*?)^```", TEXT, re.M | re.S).group(1))
    config = iterating.read_config(file)
    assert (config.max_iterations, config.steps_per_iter, config.data_b) == (10, 5000, "data/B_circle")


@pytest.mark.parametrize("option", [word for word in TABLE if word != "--agent"])
def test_every_option_of_the_table_is_known_to_collect(option):
    parser = options.collect_parser("avdc")
    assert option in parser._option_string_actions or option in parser.aliases
    alias = parser.aliases.get(option)
    target = "" if alias is None or alias.option is None else " ".join(filter(None, (alias.option, alias.value)))
    assert TABLE[option] == (option if alias is None else target)


def test_every_alias_stands_in_the_table():
    here = set(options.COLLECT_ALIASES) - {"--resume"}
    assert here <= set(TABLE)
