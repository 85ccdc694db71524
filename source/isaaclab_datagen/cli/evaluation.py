"""What ``evaluate.py`` does between its options and the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from isaaclab_datagen import registry
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.rollout.plans import EvaluationPlan

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started


def configure(task: registry.TaskInfo, env_cfg: Any) -> None:
    """Watch the ends of episodes, without cameras.

    Raises:
        UsageError: If the task names no success rule.
    """
    if task.success_term is None:
        raise UsageError(f"{task.id} cannot be evaluated: its registration names no success_term")
    from isaaclab_datagen.cli.collection import keep_cameras
    from isaaclab_datagen.recorders import DatasetRecorderCfg

    env_cfg.recorders = DatasetRecorderCfg()
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
