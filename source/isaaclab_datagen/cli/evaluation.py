"""What ``evaluate.py`` does between its options and the loop."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from isaaclab_datagen import registry
from isaaclab_datagen.cli import launch
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts import runs
from isaaclab_datagen.rollout.plans import EvaluationPlan
from isaaclab_datagen.rollout.statistics import wilson_interval

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started


def subjects(args: argparse.Namespace, task: registry.TaskInfo) -> list[runs.Run | None]:
    """Whom to evaluate: each of several networks, or whom the other options mean (None)."""
    return [*runs.choose(args, task)] or [None]


def configure(args: argparse.Namespace, task: registry.TaskInfo, env_cfg: Any, run: runs.Run | None = None) -> None:
    """Watch the ends of episodes, without cameras.

    Args:
        args: Parsed options.
        task: The task.
        env_cfg: Its resolved configuration, changed in place.
        run: Whose network is to act.

    Raises:
        UsageError: If the task names no success rule.
    """
    if task.success_term is None:
        raise UsageError(f"{task.id} cannot be evaluated: its registration names no success_term")
    from isaaclab_datagen.cli.collection import keep_cameras
    from isaaclab_datagen.recorders import DatasetRecorderCfg

    own = launch.options_of(task)
    if own is not None:
        if run is not None:
            own.adopt(env_cfg, run.env, str(run.path), args)
        own.configure(args, env_cfg)
    env_cfg.recorders = DatasetRecorderCfg()
    env_cfg.recorders.frames.sources = ()
    if task.recorder_cfg_entry_point is not None:
        env_cfg.recorders.frames.facts = registry.load(task.recorder_cfg_entry_point)().frames.facts
    env_cfg.recorders.frames.success_term = task.success_term
    keep_cameras(env_cfg, [])


def evaluate(env: ManagerBasedRLEnv, actor: Any, plan: EvaluationPlan) -> int:
    """Run every episode of the plan to its end.

    Returns:
        Number of steps of the loop.
    """
    from isaaclab_datagen.recorders import terms
    from isaaclab_datagen.recorders.stream import EpisodeStream
    from isaaclab_datagen.rollout.loop import rollout

    recorder = terms.find(env)
    recorder.bind(EpisodeStream(plan, env.num_envs))
    with tqdm(total=plan.episodes, unit="episode", dynamic_ncols=True, mininterval=1.0) as bar:

        def step() -> None:
            bar.set_postfix_str(f"success {100 * plan.tally.rate:.1f} %", refresh=False)
            bar.update(plan.tally.total - bar.n)

        try:
            return rollout(env, actor, lambda: plan.done, step)
        finally:
            recorder.bind(None)


def show(plan: EvaluationPlan) -> None:
    """Print the outcomes by the values of the fact that was asked for."""
    if plan.by is None:
        return
    reasons = [reason for reason, _ in plan.tally.reasons.most_common()]
    table = Table(plan.by, "episodes", "success", "95 % interval", *reasons, box=SIMPLE_HEAD, padding=(0, 2, 0, 0))
    for value, tally in sorted(plan.groups.items()):
        low, high = wilson_interval(tally.successes, tally.judged)
        rate = (
            [f"{100 * tally.rate:.1f} %", f"{100 * low:.1f} to {100 * high:.1f} %"] if tally.judged else ["unknown", ""]
        )
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        table.add_row(shown, str(tally.total), *rate, *(str(tally.reasons[reason]) for reason in reasons))
    Console(highlight=False, soft_wrap=True).print(table)
