"""What ``collect.py`` does between its options and the loop."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isaaclab.utils import to_dict
from tqdm import tqdm

from isaaclab_datagen import registry
from isaaclab_datagen.cli import cameras
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.datasets.manifest import derive_seed, json_clean
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts.factory import Expert
from isaaclab_datagen.rollout.plans import CollectionPlan

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started

NOT_DATA = ("viewer", "video_recorders", "log_dir", "ui_window_class_type", "rewards", "xr", "teleop_devices")
"""Parts of an environment's configuration that leave the recorded data as they are."""


def configure(args: argparse.Namespace, task: registry.TaskInfo, env_cfg: Any) -> None:
    """Give the environment its recorder, its cameras and its limits.

    Raises:
        UsageError: If the task names no recorder, no success rule or no camera.
    """
    if task.recorder_cfg_entry_point is None or task.success_term is None:
        raise UsageError(
            f"{task.id} cannot be recorded: its registration names no recorder_cfg_entry_point and success_term"
        )
    env_cfg.recorders = registry.load(task.recorder_cfg_entry_point)()
    env_cfg.recorders.frames.cameras = list(cameras.choose(args.cameras, task.cameras, env_cfg))
    env_cfg.recorders.frames.success_term = task.success_term
    keep_cameras(env_cfg, env_cfg.recorders.frames.cameras)
    if args.max_steps is not None:
        env_cfg.episode_length_s = args.max_steps * env_cfg.sim.dt * env_cfg.decimation


def keep_cameras(env_cfg: Any, wanted: list[str]) -> None:
    """Take the cameras that nobody reads out of the scene: they would take memory."""
    from isaaclab.sensors import CameraCfg

    for name, value in list(vars(env_cfg.scene).items()):
        if isinstance(value, CameraCfg) and name not in wanted:
            setattr(env_cfg.scene, name, None)


def identity(args: argparse.Namespace, env_cfg: Any, expert: Expert) -> dict[str, Any]:
    """All that changes the data, JSON-clean."""
    resolved = {key: value for key, value in readable(to_dict(env_cfg)).items() if key not in NOT_DATA}
    resolved.pop("seed", None)
    return {
        "task": args.task,
        "cameras": list(env_cfg.recorders.frames.cameras),
        "expert": expert.name,
        "expert_settings": json_clean(expert.settings),
        "seed": args.seed,
        "num_envs": env_cfg.scene.num_envs,
        "device": env_cfg.sim.device.partition(":")[0],
        "keep_failures": args.keep_failures,
        "env": resolved,
    }


def readable(tree: Any) -> Any:
    """A configuration's dictionary with everything that JSON lacks as text."""
    if isinstance(tree, Mapping):
        return {str(key): readable(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple | set):
        return [readable(value) for value in tree]
    if tree is None or isinstance(tree, str | int | float | bool):
        return tree
    return str(tree)


def open_writer(
    args: argparse.Namespace, overrides: Sequence[str], env_cfg: Any, expert: Expert, format_name: str
) -> formats.OpenWriter:
    """Open the dataset, and derive this session's seed from it.

    The options and overrides go into its provenance: the configuration can be built anew from them.
    """
    args.seed = args.seed or 0
    out = Path(args.out)
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is a file; give a folder")
    facts = {
        "step_dt": env_cfg.sim.dt * env_cfg.decimation,
        "command": sys.argv[0],
        "args": {name: value for name, value in readable(vars(args)).items() if value is not None},
        "overrides": list(overrides),
    }
    writer = formats.load_live(format_name).open_writer(out, args, identity(args, env_cfg, expert), facts)
    env_cfg.seed = derive_seed(args.seed, writer.session)
    return writer


class Progress:
    """A progress bar of kept episodes, with success rate and frames per second."""

    def __init__(self, plan: CollectionPlan, num_envs: int) -> None:
        self._plan = plan
        self._num_envs = num_envs
        self._steps = 0
        self._start = time.monotonic()
        self._bar = tqdm(total=plan.target, initial=plan.kept, unit="episode", dynamic_ncols=True)

    def step(self) -> None:
        """After every step."""
        self._steps += 1
        if self._plan.kept != self._bar.n or self._steps % 10 == 0:
            seconds = time.monotonic() - self._start
            tally = self._plan.tally
            rate = f"{100 * tally.rate:.0f} %" if tally.total else "-"
            self._bar.set_postfix_str(
                f"success {rate}, {self._steps * self._num_envs / seconds:.0f} frames/s", refresh=False
            )
            self._bar.update(self._plan.kept - self._bar.n)
            self._bar.refresh()

    def close(self) -> float:
        """Leave the last state on the screen, and return the seconds since the start."""
        self._bar.update(self._plan.kept - self._bar.n)
        self._bar.close()
        return time.monotonic() - self._start


def record(env: ManagerBasedRLEnv, actor: Any, writer: formats.OpenWriter, plan: CollectionPlan) -> str:
    """Run the loop until the plan is done.

    Returns:
        One line that says what was recorded.
    """
    from isaaclab_datagen.recorders import terms
    from isaaclab_datagen.recorders.provenance import describe
    from isaaclab_datagen.recorders.stream import EpisodeStream
    from isaaclab_datagen.rollout.loop import rollout

    with RecordingSession(writer, env.num_envs) as session:
        recorder = terms.find(env)
        source = recorder.bind(EpisodeStream(plan, env.num_envs, session))
        writer.manifest.describe(describe(env, source))
        progress = Progress(plan, env.num_envs)
        try:
            rollout(env, actor, lambda: plan.done, progress.step)
        finally:
            recorder.bind(None)
            seconds = progress.close()
    return f"{plan.kept} episodes in the dataset; this run: {plan.tally} in {seconds:.0f} s"
