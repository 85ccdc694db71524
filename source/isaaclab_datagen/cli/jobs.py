"""Who is to act in which environment, for how many episodes of a dataset."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from isaaclab_datagen import registry
from isaaclab_datagen.cli import actors, launch
from isaaclab_datagen.cli.configuring import configure, configure_policy
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts import factory, runs


@dataclass(frozen=True)
class Job:
    """Episodes of one actor in one configuration of the environment."""

    env_cfg: Any
    actor: actors.Chosen
    share: range | None = None
    """Numbers of its episodes, where several jobs fill one dataset."""
    overrides: tuple[str, ...] = ()
    """Those that its configuration was built with: the command line's, after those of the task's demonstrations."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What is said of each of its episodes, JSON-clean."""


def jobs(args: argparse.Namespace, overrides: Sequence[str], task: registry.TaskInfo, format_name: str) -> list[Job]:
    """What is to be recorded: one job for each of several networks, or one alone.

    Args:
        args: Parsed options; ``cameras`` becomes none where the format has no room for images.
        overrides: Isaac Lab overrides.
        task: The task.
        format_name: What is written.

    Raises:
        UsageError: If something asked for does not exist or does not fit together.
    """
    if args.cameras is None and "images" not in formats.load(format_name).STREAMS:
        args.cameras = ()
    if args.policy is None:
        overrides = [*task.collect_overrides, *overrides]
    found = runs.choose(args, task)
    count = _episodes_of_each(args, max(1, len(found)))
    if not found:
        return [_only_job(args, overrides, task)]
    firsts = range(args.start_index, args.start_index + count * len(found), count) if count else [0]
    return [
        _job_of_run(args, overrides, task, run, range(first, first + count))
        for run, first in zip(found, firsts, strict=True)
    ]


def _resolve(args: argparse.Namespace, overrides: Sequence[str], task: registry.TaskInfo) -> tuple[Any, Any]:
    agent = "rsl_rl_cfg_entry_point" if task.rsl_rl_cfg_entry_point else None
    return launch.resolve(args, overrides, agent, play_mode=True)


def _only_job(args: argparse.Namespace, overrides: Sequence[str], task: registry.TaskInfo) -> Job:
    env_cfg, agent_cfg = _resolve(args, overrides, task)
    if vars(env_cfg).get("chain"):
        raise UsageError("env.chain=true: a dataset has one direction. alternate.py records two policies by turns")
    actor = actors.choose(args, task, env_cfg, agent_cfg)
    if isinstance(actor, actors.Policy):
        configure_policy(args, overrides, task, env_cfg, actor.signature.cameras)
    else:
        configure(args, overrides, task, env_cfg)
    return Job(env_cfg, actor, overrides=tuple(overrides))


def _job_of_run(
    args: argparse.Namespace, overrides: Sequence[str], task: registry.TaskInfo, run: runs.Run, share: range
) -> Job:
    env_cfg, agent_cfg = _resolve(args, overrides, task)
    taken = configure(args, overrides, task, env_cfg, run)
    expert = factory.choose(task, args.expert, run.wish, env_cfg, agent_cfg)
    files = ", ".join(map(str, taken.get("motion_files", ())))
    facts = {"policy": run.name, "policy_path": str(run.path), "motion_file": files}
    expert = replace(expert, settings={**expert.settings, "run": run.name, "taken_over": taken})
    return Job(env_cfg, expert, share, tuple(overrides), facts)


def _episodes_of_each(args: argparse.Namespace, policies: int) -> int:
    """Episodes of each network; fills in ``args.episodes``, their sum."""
    if args.episodes_per_policy is not None:
        if args.append:
            raise UsageError("--append counts episodes of the dataset: give --episodes with it")
        args.episodes = args.episodes_per_policy * policies
    elif policies > 1:
        raise UsageError(f"give --episodes_per_policy: there are {policies} policies")
    return (args.episodes or 0) // policies
