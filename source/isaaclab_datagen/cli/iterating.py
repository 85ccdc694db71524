"""What ``iterate.py`` does between its options and the loop: its file of variables, its processes, its picture."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import math
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib

from isaaclab_datagen.cli.numbers import dataset_folder
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.datasets.processes import die_with
from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.evaluation.alternation import DIRECTIONS
from isaaclab_datagen.evaluation.iteration import LoopConfig, Phase
from isaaclab_datagen.policies.checkpoints import resolve
from isaaclab_datagen.policies.signature import Signature

PICTURE = "progress.png"
_UNITS = {"steps_per_iter": "training steps", "horizon": "steps", "batch_size": "samples"} | dict.fromkeys(
    ("height_threshold", "distance_threshold", "goal_x", "goal_y"), "m"
)
_ABOVE = sys.float_info.min, " above 0"
_LEAST = {"goal_x": (-math.inf, ""), "goal_y": (-math.inf, ""), "seed": (0.0, " not below 0")}
"""The numbers that need not be above 0: the least one, and what is said of it."""


def build_parser() -> Parser:
    """Build the parser."""
    fields = dataclasses.fields(LoopConfig)
    parser = Parser(
        description="Test both policies by turns, finetune them on what they did, and again. The same command goes on\n"
        "where it was stopped. The file has lines NAME=VALUE; needed, or with these defaults:\n\n"
        + "\n".join(f"  {field.name.upper()}{_default(field)}" for field in fields)
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the loop's variables")
    parser.add_argument("--device", metavar="NAME", help="of simulation and training (default: a GPU if there is one)")
    parser.add_argument(
        "--learn_devices",
        type=_devices,
        metavar="A,B",
        help="of the two trainings, which then run at the same time, such as cuda:0,cuda:1, or twice the same one "
        "(default: one after the other on --device)",
    )
    parser.add_argument("--viz", metavar="A,B", help="visualizers of the tests, as for alternate.py")
    parser.add_argument("--alternate_args", type=_words, metavar="TEXT", help="further words for every alternate.py")
    parser.add_argument("--learn_args", type=_words, metavar="TEXT", help="further words for every learn.py")
    return parser


def _default(field: dataclasses.Field) -> str:
    if field.default is dataclasses.MISSING:
        return ""
    unit = _UNITS.get(field.name)
    return f"={field.default}{f' [{unit}]' if unit else ''}"


def _devices(text: str) -> tuple[str, ...]:
    """Argparse type for devices separated by commas, two of which may be the same."""
    found = tuple(name.strip() for name in text.split(","))
    if not all(found) or len(found) > len(DIRECTIONS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a device, or two separated by a comma")
    return found


def _words(text: str) -> list[str]:
    """Argparse type for words as a shell splits them."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be split into words: {error}") from error


def read_config(path: Path) -> LoopConfig:
    """Read a file of ``NAME=VALUE`` lines, as the head of a shell script has them.

    Raises:
        UsageError: It cannot be read, or a variable is unknown, missing or of another kind.
    """
    if not path.is_file():
        raise UsageError(f"--config {path}: no such file")
    known = {field.name: field for field in dataclasses.fields(LoopConfig)}
    values: dict[str, Any] = {}
    for line in path.read_text().splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise UsageError(f"{path}: cannot read {line!r}: {error}") from error
        if not words:
            continue
        name, equals, text = words[0].partition("=")
        if not equals or len(words) > 1:
            raise UsageError(f"{path}: cannot read {line!r}: write NAME=VALUE")
        if name.lower() not in known:
            near = difflib.get_close_matches(name, [key.upper() for key in known], n=1)
            raise UsageError(f"{path}: there is no variable {name}" + (f", did you mean {near[0]}?" if near else ""))
        values[name.lower()] = _value(path, known[name.lower()], text)
    needed = {name for name, field in known.items() if field.default is dataclasses.MISSING}
    for name in ("data_a", "data_b"):
        if name in values:
            values[name] = str(dataset_folder(values[name]))
    missing = sorted(name.upper() for name in needed - values.keys())
    if missing:
        raise UsageError(f"{path} lacks {', '.join(missing)}")
    return LoopConfig(**values)


def _value(path: Path, field: dataclasses.Field, text: str) -> Any:
    kind = {"int": int, "float": float, "str": str}[str(field.type)]
    try:
        value = kind(text)
    except ValueError:
        value = None
    what = {int: "a whole number", float: "a number", str: "a path"}[kind]
    bound, least = (-math.inf, "") if kind is str else _LEAST.get(field.name, _ABOVE)
    fits = bool(value) if isinstance(value, str) else value is not None and bound <= value < math.inf
    if not fits:
        raise UsageError(f"{path}: {field.name.upper()}={text}: must be {what}{least}")
    return value


def check(config: LoopConfig) -> None:
    """Refuse policies and data that a phase would refuse later.

    Raises:
        UsageError: One is not there, or is of the other direction.
    """
    for name in DIRECTIONS:
        policy, data = (getattr(config, variable.format(name.lower())) for variable in ("policy_{}_dir", "data_{}"))
        learned = Signature.load(resolve(Path(policy))).facts.get("direction")
        recorded = formats.open_reader(Path(data)).manifest.identity.get("env", {}).get("direction")
        for what, direction in ((f"POLICY_{name}_DIR={policy}", learned), (f"DATA_{name}={data}", recorded)):
            if direction not in (None, name):
                raise UsageError(f"{what} is of direction {direction}")


def runner(scripts: Path) -> Any:
    """Runs phases as processes of this Python, which end with it: the loop that goes on after a kill begins them anew.

    Args:
        scripts: Folder of the scripts.
    """

    def run(phase: Phase) -> None:
        print(f"{phase.name}: {phase.script} {shlex.join(phase.words)}", flush=True)
        command = [sys.executable, str(scripts / phase.script), *phase.words]
        status = subprocess.run(command, preexec_fn=partial(die_with, os.getpid())).returncode
        if status:
            raise RunError(f"{phase.name} ended with status {status}; the same command goes on there")

    return run


def draw(results: Mapping[int, Mapping[str, Any]], path: Path) -> None:
    """Draw success rates with their intervals, and cycles, over the iterations."""
    matplotlib.use("Agg")
    from matplotlib import pyplot  # after the choice of its back end

    numbers = sorted(results)
    figure, (rates, cycles) = pyplot.subplots(1, 2, figsize=(10, 4))
    for name, color in zip(DIRECTIONS, ("tab:red", "tab:blue"), strict=True):
        there = [number for number in numbers if results[number][f"{name}_success_rate"] is not None]
        values = [results[number][f"{name}_success_rate"] for number in there]
        low, high = zip(*(results[number][f"{name}_interval"] for number in there), strict=True) if there else ((), ())
        below = [value - bound for value, bound in zip(values, low, strict=True)]
        above = [bound - value for value, bound in zip(values, high, strict=True)]
        rates.errorbar(there, values, yerr=[below, above], label=f"task {name}", color=color, marker="o", capsize=3)
    rates.set(xlabel="iteration", ylabel="success rate of a leg (95 % interval)", ylim=(0, 1.02), xticks=numbers)
    rates.legend()
    means = [results[number]["consecutive_success"]["mean"] for number in numbers]
    cycles.plot(numbers, means, color="tab:green", marker="o")
    cycles.set(xlabel="iteration", ylabel="consecutive_success (mean cycles)", xticks=numbers)
    for axes in (rates, cycles):
        axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def table(results: Mapping[int, Mapping[str, Any]]) -> str:
    """The figures of every iteration, a line each."""

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.1f} %"

    lines = ["iteration  A_success_rate  B_success_rate  consecutive_success"]
    for number in sorted(results):
        found = results[number]
        rates = [f"{percent(found[f'{name}_success_rate']):>14}" for name in DIRECTIONS]
        lines.append(f"{number:>9}  {'  '.join(rates)}  {found['consecutive_success']['mean']:>19.2f}")
    return "\n".join(lines)
