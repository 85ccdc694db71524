"""What ``collect.py`` does between its options and the loop."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isaaclab.utils import to_dict
from tqdm import tqdm

from isaaclab_datagen import registry
from isaaclab_datagen.cli import cameras, interrupts, robots
from isaaclab_datagen.cli.jobs import Job
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.datasets.manifest import derive_seed, json_clean
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.rollout.plans import CollectionPlan, RoundsPlan

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started

    from isaaclab_datagen.recorders.stream import EpisodeStream

NOT_DATA = ("viewer", "video_recorders", "log_dir", "ui_window_class_type", "rewards", "xr", "teleop_devices")
"""Parts of an environment's configuration that leave the recorded data as they are."""


def keeps_failures(args: argparse.Namespace, env_cfg: Any, format_name: str) -> bool:
    """Whether episodes that are no success are written.

    Raises:
        UsageError: If only successes are, and nobody knows which they are.
    """
    keep = args.keep_failures or (formats.load(format_name).KEEPS_FAILURES and not args.success_only)
    if not keep and env_cfg.recorders.frames.success_term is None:
        raise UsageError(
            f"{args.task} has no success rule, so that no episode would be written: give --keep_failures"
            + ("" if args.success_only else f" (format {format_name} keeps successes only)")
        )
    return keep


def plan(
    args: argparse.Namespace, committed: Sequence[int], num_envs: int, share: range | None = None
) -> CollectionPlan | RoundsPlan:
    """Which episodes are recorded: up to ``--episodes``, or ``--num_episodes`` rounds; so many more with ``--append``.

    Args:
        args: Parsed options.
        committed: Numbers of the episodes that are there.
        num_envs: Number of environments.
        share: Numbers of the episodes, where several experts share the dataset.
    """
    if share is not None and args.num_episodes is None and not args.append:
        return CollectionPlan(len(share), [n for n in committed if n in share], args.keep_failures, share.start)
    there = len(committed) if args.append else 0
    if args.num_episodes is None:
        return CollectionPlan(args.episodes + there, committed, args.keep_failures, args.start_index)
    rounds = args.num_episodes + math.ceil(there / num_envs)
    return RoundsPlan(rounds, num_envs, committed, args.keep_failures, args.start_index)


def identity(args: argparse.Namespace, made: Sequence[Job], format_name: str) -> dict[str, Any]:
    """All that changes the data, JSON-clean. To be asked before anything is simulated, which changes configurations.

    The environment is the first job's; what others take over from their runs is named with them. Fills in ``args.seed``
    and ``args.keep_failures``.
    """
    env_cfg, actor = made[0].env_cfg, made[0].actor
    args.seed = args.seed or 0
    args.keep_failures = keeps_failures(args, env_cfg, format_name)
    settings = actor.settings if len(made) == 1 else {"policies": [job.actor.settings for job in made]}
    resolved = {key: value for key, value in readable(to_dict(env_cfg)).items() if key not in NOT_DATA}
    resolved.pop("seed", None)
    return {
        "task": args.task,
        "cameras": list(env_cfg.recorders.frames.cameras),
        "data_types": list(env_cfg.recorders.frames.data_types),
        "language": args.language,
        "expert": actor.name,
        "expert_settings": json_clean(settings),
        "seed": args.seed,
        "num_envs": env_cfg.scene.num_envs,
        "device": env_cfg.sim.device.partition(":")[0],
        "keep_failures": args.keep_failures,
        "start_index": vars(args).get("start_index", 0),
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


@contextmanager
def opened(
    args: argparse.Namespace, whole: Mapping[str, Any], job: Job, format_name: str
) -> Iterator[formats.OpenWriter]:
    """Open the dataset, and derive this session's seed from it. What fails before recording leaves no empty one behind.

    The options and overrides go into its provenance: the configuration can be built anew from them.

    Args:
        args: Parsed options.
        whole: From :func:`identity`.
        job: The one that is to be done now.
        format_name: What is written.

    Raises:
        UsageError: There can be no such dataset there. As the format's own ``open_writer``, too.
    """
    env_cfg = job.env_cfg
    out = Path(args.out)
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is a file; give a folder")
    for other in formats.names() if out.is_dir() else ():
        if other != format_name and (found := formats.load(other).find(out)):
            raise UsageError(f"--out {out}: holds a dataset of format {other}, {found[0]}; give another folder")
    known = facts(args, job.overrides, env_cfg)
    writer = formats.load_live(format_name).open_writer(out, args, whole, known)
    env_cfg.seed = derive_seed(args.seed, writer.session)

    def undo() -> None:
        if not writer.committed:
            writer.lock.undo()

    interrupts.undo_first(undo)
    try:
        yield writer
    except BaseException:
        undo()
        raise


def facts(args: argparse.Namespace, overrides: Sequence[str], env_cfg: Any) -> dict[str, Any]:
    """What the provenance says before there is a simulation, JSON-clean."""
    robot = robots.find(registry.find(args.task), env_cfg, args.ee_body)
    scene = cameras.of_scene(env_cfg)
    return {
        "step_dt": env_cfg.sim.dt * env_cfg.decimation,
        "robot": None if robot is None else robot.label,
        "language": args.language,
        "env_spacing": env_cfg.scene.env_spacing,
        "camera_sizes": {name: [scene[name].width, scene[name].height] for name in env_cfg.recorders.frames.cameras},
        "command": sys.argv[0],
        "args": {name: value for name, value in readable(vars(args)).items() if value is not None},
        "overrides": list(overrides),
    }


class Progress:
    """A progress bar of kept episodes, with success rate and recorded steps per second."""

    PERIOD = 0.1
    """Seconds between two looks of it, at least."""

    def __init__(self, plan: CollectionPlan | RoundsPlan, stream: EpisodeStream) -> None:
        self._plan = plan
        self._stream = stream
        self._start = time.monotonic()
        self._shown = -math.inf
        self._bar = tqdm(total=plan.target, initial=plan.kept, unit="episode", dynamic_ncols=True)

    def step(self) -> None:
        """After every step."""
        now = time.monotonic()
        if now - self._shown > self.PERIOD:
            self._shown, tally = now, self._plan.tally
            rate = f"{100 * tally.rate:.0f} %" if tally.judged else "unknown" if tally.total else "-"
            self._bar.set_postfix_str(
                f"success {rate}, {self._stream.steps / (now - self._start):.0f} steps/s", refresh=False
            )
            self._bar.update(self._plan.kept - self._bar.n)
            self._bar.refresh()

    def close(self) -> str:
        """Leave the last state on the screen, and return how long it took and how fast that was."""
        self._bar.update(self._plan.kept - self._bar.n)
        self._bar.close()
        seconds = time.monotonic() - self._start
        return f"{seconds:.0f} s, {self._stream.steps / seconds:,.0f} recorded steps/s"


def record(
    env: ManagerBasedRLEnv,
    actor: Any,
    writer: formats.OpenWriter,
    plan: CollectionPlan | RoundsPlan,
    said: Mapping[str, Any] | None = None,
) -> str:
    """Run the loop until the plan is done.

    Args:
        env: The environment.
        actor: Who acts.
        writer: Where episodes go. Closed at the end.
        plan: Which of them count.
        said: What is said of each, JSON-clean.

    Returns:
        One line that says what was recorded.

    Raises:
        UsageError: If the end effector is not there.
    """
    from isaaclab_datagen.recorders import terms
    from isaaclab_datagen.recorders.provenance import describe
    from isaaclab_datagen.recorders.stream import EpisodeStream
    from isaaclab_datagen.rollout.loop import rollout

    facts = {"seed": env.cfg.seed, "session": writer.session, **(said or {})}
    end_effector = robots.end_effector(env)
    with (
        RecordingSession(writer, env.num_envs) as session,
        closing(EpisodeStream(plan, env.num_envs, session, facts)) as stream,
    ):
        recorder = terms.find(env)
        source = recorder.bind(stream)
        writer.manifest.describe({**describe(env, source), **end_effector})
        session.start()
        progress = Progress(plan, stream)
        try:
            rollout(env, actor, lambda: plan.done, progress.step, recorder.start_frame)
        finally:
            recorder.bind(None)
            took = progress.close()
    return f"{plan.kept} episodes in the dataset; this run: {plan.tally} in {took}"
