"""What ``evaluate.py`` does between its options and the loop."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from isaaclab_datagen import registry
from isaaclab_datagen.cli import actors, configuring, launch, options
from isaaclab_datagen.cli.overrides import check_kept
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.datasets.files import write_atomically
from isaaclab_datagen.datasets.video import VideoWriter
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.evaluation.episodes import Ended, Score, evaluate
from isaaclab_datagen.experts import factory, runs
from isaaclab_datagen.rollout.statistics import wilson_interval

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started

SEED = 1000
"""First seed where none is given: not that of collecting, whose beginnings a policy has learned from."""
FILMS = 8
"""Failures that are filmed at most."""
REPORT = "evaluation.json"


def build_parser(argv: list[str] | None = None) -> Parser:
    """Build the parser, with the options of the task that ``argv`` names."""
    parser = Parser(
        description="Measure how often an expert or a policy succeeds. Every episode that is started counts; every "
        "actor is given the same beginnings, round by round from a fixed list of seeds."
    )
    options.add_task(parser)
    group = parser.add_argument_group("evaluation")
    group.add_argument("--episodes", type=options.positive_int, default=100, metavar="N", help="episodes to run")
    group.add_argument("--expert", metavar="NAME", help="state_machine, rl, random or zero (default: the task's)")
    group.add_argument("--by", metavar="FACT", help="a table by what is said of an episode, such as action_delay")
    group.add_argument("--out", type=Path, metavar="DIR", help=f"folder for {REPORT} and the videos")
    group.add_argument(
        "--video",
        action="store_true",
        help=f"film the first {FILMS} failures in the first {2 * FILMS} environments (needs --out)",
    )
    group.add_argument("--max_steps", type=options.positive_int, metavar="M", help="cut episodes after so many steps")
    options.add_policy(parser)
    options.add_cameras(parser)
    options.add_checkpoint(parser)
    options.add_policy_paths(parser)
    own = launch.task_options(argv)
    if own is not None:
        own.add_options(parser.add_argument_group("task's own options"))
    options.add_launcher(parser)
    parser.set_defaults(seed=SEED)
    parser.add_aliases(options.RL_ALIASES)
    return parser


def subjects(args: argparse.Namespace, task: registry.TaskInfo) -> list[runs.Run | None]:
    """Whom to evaluate: each of several networks, or whom the other options mean (None).

    Raises:
        UsageError: If several would write to one folder.
    """
    found = runs.choose(args, task)
    if len(found) > 1 and args.out is not None:
        raise UsageError(f"--out: one report has no room for {len(found)} networks, evaluate one after the other")
    return [*found] or [None]


def choose(
    args: argparse.Namespace, task: registry.TaskInfo, run: runs.Run | None, env_cfg: Any, agent_cfg: Any
) -> actors.Chosen:
    """Who acts: the run's network, or whom the options mean. Errors as :func:`actors.choose`."""
    if run is None:
        return actors.choose(args, task, env_cfg, agent_cfg)
    expert = factory.choose(task, args.expert, run.wish, env_cfg, agent_cfg)
    return dataclasses.replace(expert, name=run.name)


def configure(
    args: argparse.Namespace,
    overrides: Sequence[str],
    task: registry.TaskInfo,
    env_cfg: Any,
    chosen: actors.Chosen,
    run: runs.Run | None = None,
) -> None:
    """Watch the ends of episodes, with the cameras that the policy or a film needs, or without any.

    Args:
        args: Parsed options.
        overrides: Isaac Lab overrides.
        task: The task.
        env_cfg: Its resolved configuration, changed in place.
        chosen: Who acts.
        run: Whose network that is, where the task takes something over from what it was trained with.

    Raises:
        UsageError: If the task names no success rule, or something does not fit together.
    """
    if task.success_term is None:
        raise UsageError(f"{task.id} cannot be evaluated: its registration names no success_term")
    if args.video and args.out is None:
        raise UsageError("--video needs --out, the folder for the videos")
    if isinstance(chosen, actors.Policy):
        configuring.configure_policy(args, overrides, task, env_cfg, chosen.signature.cameras)
    elif args.video:
        configuring.configure(args, overrides, task, env_cfg, run)
    else:
        _configure_blind(args, overrides, task, env_cfg, run)


def _configure_blind(
    args: argparse.Namespace,
    overrides: Sequence[str],
    task: registry.TaskInfo,
    env_cfg: Any,
    run: runs.Run | None = None,
) -> None:
    """Have nothing read but how episodes end, and what is said of them."""
    from isaaclab_datagen.recorders import DatasetRecorderCfg

    own = launch.options_of(task)
    if own is not None:
        if run is not None:
            own.adopt(env_cfg, run.env, str(run.path), args)
        own.configure(args, env_cfg)
    recorder = DatasetRecorderCfg()
    recorder.frames.sources = ()
    if task.recorder_cfg_entry_point is not None:
        recorder.frames.facts = registry.load(task.recorder_cfg_entry_point)().frames.facts
    recorder.frames.success_term = configuring.success_rule(task, env_cfg)
    env_cfg.recorders = recorder
    configuring.keep_cameras(env_cfg, [])
    configuring.drop_rewards(env_cfg)
    configuring.limit_steps(env_cfg, args.max_steps)
    check_kept(env_cfg, overrides)


def run(env: ManagerBasedRLEnv, args: argparse.Namespace, chosen: actors.Chosen) -> Score:
    """Run every episode to its end.

    Raises:
        UsageError: If the policy does not fit the task.
    """
    from isaaclab_datagen.recorders import terms

    recorder = terms.find(env)
    actor = actors.build_recorded(chosen, env, args.seed)
    seeds = range(args.seed, args.seed + math.ceil(args.episodes / env.num_envs))
    film = Films(args.out / "failures", env.step_dt) if args.video else None
    with tqdm(total=args.episodes, unit="episode", dynamic_ncols=True, mininterval=1.0) as bar:

        def step(score: Score) -> None:
            bar.set_postfix_str(f"success {100 * score.tally.rate:.1f} %", refresh=False)
            bar.update(len(score.episodes) - bar.n)

        return evaluate(env, recorder, actor, seeds, args.episodes, film, step)


def report(score: Score, facts: dict[str, Any], out: Path | None) -> None:
    """Write ``evaluation.json``, if there is a folder for it."""
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**facts, **score.to_json()}, indent=1)
        write_atomically(out / REPORT, text.encode())


class Films:
    """Videos of the first failures, all cameras side by side, in simulated time."""

    def __init__(self, folder: Path, step_dt: float) -> None:
        """Nothing is filmed yet.

        Args:
            folder: For the videos.
            step_dt: Length of a step [s].
        """
        self._folder, self._fps = folder, Fraction(1 / step_dt).limit_denominator(1000)
        self._count = 0

    def wants(self, slot: int) -> bool:
        """The first environments are filmed, twice as many as there may be videos: memory is limited."""
        return self._count < FILMS and slot < 2 * FILMS

    def take(self, ended: Ended, images: list[dict[str, np.ndarray]]) -> None:
        """Write a video, ``<seed>_<slot>_<reason>.mp4``."""
        if self._count >= FILMS:
            return
        self._count += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{ended.seed}_{ended.slot:03d}_{ended.outcome.reason}.mp4"
        path.unlink(missing_ok=True)
        first = side_by_side(images[0])
        writer = VideoWriter(path, first.shape[0], first.shape[1], self._fps)
        for frame in images:
            writer.append(side_by_side(frame))
        writer.close()


def side_by_side(images: dict[str, np.ndarray]) -> np.ndarray:
    """Images (H, W, 3) as one, those that are lower on black."""
    height = max(image.shape[0] for image in images.values())
    padded = [np.pad(image, ((0, height - len(image)), (0, 0), (0, 0))) for image in images.values()]
    return np.concatenate(padded, axis=1)


def show(score: Score, by: str | None) -> None:
    """Print the numbers that are said of episodes, and the outcomes by the values of a fact, if one was asked for.

    Raises:
        UsageError: Nothing of that name is said of an episode.
    """
    tables = [] if by is None else [_grouped(score, by)]
    if score.numbers:
        tables.insert(0, _numbers(score))
    for table in tables:
        Console(highlight=False, soft_wrap=True).print(table)


def _numbers(score: Score) -> Table:
    """Mean and range of what is said of every episode in numbers."""
    table = Table("of an episode", "mean", "least", "most", box=SIMPLE_HEAD, padding=(0, 2, 0, 0))
    for name, spread in score.numbers.items():
        table.add_row(name, *(f"{value:.4g}" for value in spread))
    return table


def _grouped(score: Score, by: str) -> Table:
    """Outcomes by the values of a fact. Errors as :func:`show`."""
    reasons = [reason for reason, _ in score.tally.reasons.most_common()]
    table = Table(by, "episodes", "success", "95 % interval", *reasons, box=SIMPLE_HEAD, padding=(0, 2, 0, 0))
    for value, tally in sorted(score.grouped(by).items()):
        low, high = wilson_interval(tally.successes, tally.judged)
        rate = (
            [f"{100 * tally.rate:.1f} %", f"{100 * low:.1f} to {100 * high:.1f} %"] if tally.judged else ["unknown", ""]
        )
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        table.add_row(shown, str(tally.total), *rate, *(str(tally.reasons[reason]) for reason in reasons))
    return table
