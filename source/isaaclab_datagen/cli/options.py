"""Option groups that scripts share. One spelling for each idea; other spellings are aliases."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isaaclab.app import add_launcher_args

from isaaclab_datagen.assets import rig
from isaaclab_datagen.cli.numbers import names, non_negative_int, positive_float, positive_int
from isaaclab_datagen.cli.parser import Alias, Parser
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.geometry.frames import AXES
from isaaclab_datagen.recorders.streams import PREFIXES

SHOWS_NOTHING = Alias(None, because="nothing is shown unless --viz says so")
RENDERS_ANYWAY = Alias(None, because="cameras that are read are rendered")

COMMON_ALIASES: dict[str, Alias | str] = {
    "--headless": SHOWS_NOTHING,
    "--enable_cameras": RENDERS_ANYWAY,
    "--cpu": Alias("--device", "cpu"),
}
"""Spellings of older Isaac Lab releases, for every script that simulates."""

CHECKPOINT_ALIASES: dict[str, Alias | str] = {
    "--use_pretrained_checkpoint": Alias("--checkpoint", "published"),
    "--resume": Alias(None, because="--checkpoint, --load_run or --load_checkpoint say what to go on from"),
}
"""Spellings of older commands for where a network comes from."""

RL_ALIASES = COMMON_ALIASES | CHECKPOINT_ALIASES
"""Spellings for the scripts that train and play a network."""

COLLECT_ALIASES: dict[str, Alias | str] = {
    **COMMON_ALIASES,
    **CHECKPOINT_ALIASES,
    "--num_rollouts": "--episodes",
    "--steps": "--max_steps",
    "--width": "--camera_width",
    "--height": "--camera_height",
    "--enable_wrist_camera": Alias("--cameras", "overview,wrist"),
    "--dataset_root": "--out",
    "--output_dir": "--out",
    "--camera_sensor": "--cameras",
    "--metadata": Alias(None, because="metadata is always written"),
    "--camera_env_index": Alias(None, takes_value=True, because="every environment is recorded"),
    "--frame_digits": Alias(None, takes_value=True, because="frame numbers begin at two digits and grow as needed"),
    "--agent": Alias(None, takes_value=True, because="the task's registration names its agent configuration"),
}
"""Spellings of the first collector's options."""


def finite_float(text: str) -> float:
    """Argparse type for any number but infinity and NaN."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def data_types(text: str) -> tuple[str, ...]:
    """Argparse type for what is recorded of a camera; ``rgb`` always comes first."""
    found = names(text)
    for name in found:
        if name not in PREFIXES:
            raise argparse.ArgumentTypeError(f"{name!r} is not recorded, choose from {', '.join(PREFIXES)}")
    return tuple(dict.fromkeys(("rgb", *found)))


def add_task(parser: Parser, num_envs: int | None = None) -> None:
    """Add what is simulated: the task, how many of it, from which seed."""
    group = parser.add_argument_group("task")
    group.add_argument("--task", required=True, metavar="ID", help="gym id of the task")
    own = "" if num_envs else " (default: the task's own number, however short the run)"
    text = f"parallel environments{own}"
    group.add_argument("--num_envs", type=positive_int, default=num_envs, metavar="K", help=text)
    group.add_argument("--seed", type=non_negative_int, metavar="S", help="seed of the whole run")


def add_cameras(parser: Parser) -> None:
    """Add which cameras are used, their resolution, what they give, and where those of the rig are."""
    group = parser.add_argument_group("cameras")
    group.add_argument(
        "--cameras",
        type=names,
        metavar="A,B",
        help=f"cameras of the task's scene or of the rig ({', '.join(rig.names())}); default: those the task names",
    )
    group.add_argument("--camera_width", type=positive_int, metavar="W", help="image width [px] of every camera")
    group.add_argument("--camera_height", type=positive_int, metavar="H", help="image height [px] of every camera")
    group.add_argument(
        "--data_types", type=data_types, default=("rgb",), metavar="A,B", help=f"rgb, and any of {', '.join(PREFIXES)}"
    )
    group.add_argument(
        "--env_spacing", type=positive_float, default=5.0, metavar="D", help="distance between environments [m]"
    )
    group.add_argument(
        "--ee_body", metavar="NAME", help="end-effector body, or a regular expression for it (default: the hand)"
    )
    group.add_argument("--ee_axis", choices=AXES, default="z", help="axis of that body that the fingers point along")
    for spec in rig.RIG:
        for option, what, value in zip(spec.options, ("stands", "looks"), (spec.eye, spec.target), strict=True):
            frame = "the gripper's" if spec.mounted else "the environment's"
            text = f"where {spec.name} {what}, in {frame} frame [m]"
            group.add_argument(
                f"--{option}", type=finite_float, nargs=3, default=value, metavar=("X", "Y", "Z"), help=text
            )


def add_checkpoint(parser: Parser) -> None:
    """Add where a trained network comes from."""
    group = parser.add_argument_group(
        "checkpoint", "Where the rl expert's network comes from: --checkpoint, else the newest local run, else shipped."
    )
    group.add_argument("--checkpoint", metavar="FILE|latest|best|shipped|published|wandb:...", help="network to load")
    group.add_argument("--load_run", metavar="REGEX", help="run folder under logs/rsl_rl/<experiment>")
    group.add_argument("--load_checkpoint", metavar="REGEX", help="file in the run folder")
    group.add_argument("--experiment_name", metavar="NAME", help="folder under logs/rsl_rl (default: the agent's own)")


def add_policy(parser: Parser) -> None:
    """Add a learned policy in place of an expert."""
    group = parser.add_argument_group("policy")
    group.add_argument("--policy", type=Path, metavar="P", help="run, checkpoint or pretrained_model of learn.py")
    group.add_argument(
        "--inference_steps", type=positive_int, metavar="N", help="denoising steps (default: as it was trained for)"
    )


def add_policy_paths(parser: Parser) -> None:
    """Add several networks at once, each in an environment as it was trained in."""
    parser.add_argument(
        "--policy_paths", nargs="+", metavar="RUN", help="training runs' folders, or networks: one after the other"
    )


def add_agent(parser: Parser) -> None:
    """Add which of the task's learners is meant."""
    group = parser.add_argument_group("agent")
    group.add_argument("--agent", default="rsl_rl_cfg_entry_point", metavar="KEY", help="its key in the registration")


def add_launcher(parser: Parser) -> None:
    """Add Isaac Lab's launcher options. The device is chosen after parsing, when nothing is said."""
    add_launcher_args(parser)
    parser.set_defaults(device=None)


def collect_parser(format_name: str | None = None, task_options: Any = None) -> Parser:
    """Build the parser of ``collect.py``.

    Args:
        format_name: Format whose own options are added; none when None.
        task_options: The task's module of options, see :class:`~isaaclab_datagen.registry.TaskInfo`; none when None.

    Raises:
        UsageError: If there is no such format.
    """
    parser = Parser(description="Run an expert in a task and write its episodes as a dataset.")
    add_task(parser)
    group = parser.add_argument_group("collection")
    count = group.add_mutually_exclusive_group(required=True)
    count.add_argument("--episodes", type=positive_int, metavar="N", help="episodes the dataset will hold")
    count.add_argument(
        "--num_episodes", type=positive_int, metavar="R", help="instead: rounds of one episode in every environment"
    )
    count.add_argument(
        "--episodes_per_policy", type=positive_int, metavar="N", help="instead: episodes of each of --policy_paths"
    )
    group.add_argument("--append", action="store_true", help="record so many more than there are, instead of up to")
    group.add_argument("--expert", metavar="NAME", help="state_machine, rl, random or zero (default: the task's)")
    group.add_argument("--format", metavar="NAME", help=f"{', '.join(formats.names())} (default: the task's)")
    group.add_argument("--out", default="datasets", metavar="DIR", help="folder of the dataset")
    group.add_argument("--max_steps", type=positive_int, metavar="M", help="cut episodes after so many steps")
    kept = group.add_mutually_exclusive_group()
    kept.add_argument("--keep_failures", action="store_true", help="write every episode, marked as what it is")
    kept.add_argument("--success_only", action="store_true", help="write successes only (default: the format's way)")
    group.add_argument("--language", metavar="TEXT", help="what the robot does, in words, stored with the dataset")
    group.add_argument("--start_index", type=non_negative_int, default=0, metavar="I", help="first episode's number")
    add_policy(parser)
    add_cameras(parser)
    add_checkpoint(parser)
    add_policy_paths(parser)
    if format_name is not None:
        formats.load(format_name).add_options(parser.add_argument_group(f"format {format_name}"))
    if task_options is not None:
        task_options.add_options(parser.add_argument_group("task's own options"))
    add_launcher(parser)
    parser.add_aliases(COLLECT_ALIASES)
    return parser


def peek(argv: Sequence[str], option: str) -> str | None:
    """Return an option's value before the parser that needs it is built."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(option, dest="value", nargs="?")
    return parser.parse_known_args(list(argv))[0].value
