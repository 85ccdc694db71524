"""What ``replay.py`` does between its options and the loop."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from isaaclab.cli import load_external_tasks
from isaaclab.utils import to_dict
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from isaaclab_datagen import registry
from isaaclab_datagen.cli import cameras, collection, configuring, launch
from isaaclab_datagen.datasets import channels, checks, conversion
from isaaclab_datagen.datasets.episode import Episode
from isaaclab_datagen.datasets.manifest import differences, json_clean
from isaaclab_datagen.datasets.reader import DatasetReader
from isaaclab_datagen.datasets.views import Selection
from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.rollout.replay import COMPARED, Agreement, Replay, batches

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started

REQUIRED = 0.95
"""Share of the recorded successes that must succeed again on the same kind of device."""
SHOWN = 30
"""Rows of the table at most."""
_OF_DATASET = ("camera_width", "camera_height", "max_steps", "deterministic", *cameras.OPTIONS)
"""Options of the recording that shape the environment's configuration, beside its overrides."""


def recorded(reader: DatasetReader) -> dict[str, Any]:
    """What a dataset says of its recording: task, cameras, seed, num_envs, device, env, args, overrides, joint_names.

    Raises:
        RunError: If it does not say so, is empty, or is of a task that is not registered here.
    """
    facts = {**reader.manifest.provenance, **reader.manifest.identity}
    needed = ("task", "cameras", "seed", "num_envs", "device", "env", "args", "overrides", "joint_names")
    missing = [name for name in needed if name not in facts]
    if missing:
        raise RunError(f"{reader.manifest.path} does not say {', '.join(missing)}: it cannot be replayed")
    if not reader.indices:
        raise RunError(f"{reader.manifest.path.parent} holds no committed episode")
    load_external_tasks()
    try:
        registry.find(facts["task"])
    except UsageError as error:
        raise RunError(f"{reader.manifest.path}: {error}") from error
    return {name: facts[name] for name in needed}


def device(facts: Mapping[str, Any]) -> str:
    """The kind of device that recorded, where there is one here."""
    return "cuda:0" if facts["device"] == "cuda" and torch.cuda.is_available() else "cpu"


def configure(args: argparse.Namespace, overrides: Sequence[str], facts: Mapping[str, Any]) -> Any:
    """Build the environment's configuration as it was when the dataset was recorded.

    Its cameras stay in the scene but nobody reads them. Says where the configuration is another one than then.

    Args:
        args: Parsed options; ``num_envs`` is filled in if it is None.
        overrides: Of this command line, after those of the recording.
        facts: From :func:`recorded`.

    Raises:
        UsageError: If the configuration cannot be built any more.
    """
    for name, default in launch.own_defaults(registry.find(args.task)).items():
        setattr(args, name, facts["args"].get(name, default))
    args.num_envs = args.num_envs or facts["num_envs"]
    args.seed, args.cameras, args.max_steps = facts["seed"], facts["cameras"], None
    deterministic = args.deterministic
    for name in _OF_DATASET:
        setattr(args, name, facts["args"].get(name))
    args.deterministic = deterministic or args.deterministic
    task = registry.find(args.task)
    agent = "rsl_rl_cfg_entry_point" if task.rsl_rl_cfg_entry_point else None
    overrides = [*facts["overrides"], *task.replay_overrides, *overrides]
    env_cfg, _ = launch.resolve(args, overrides, agent, play_mode=True)
    configuring.configure(args, overrides, task, env_cfg)
    here = json_clean(collection.readable(to_dict(env_cfg)))
    for line in differences(facts["env"], {name: here.get(name) for name in facts["env"]}):
        if not line.startswith(("scene.num_envs ", "sim.device ")):
            print(f"note: another configuration than the recorded one: env.{line}", file=sys.stderr)
    env_cfg.recorders.frames.cameras = []
    return env_cfg


def share_out(reader: DatasetReader, args: argparse.Namespace, facts: Mapping[str, Any]) -> list[dict[int, int]]:
    """Which environment replays which episodes, one batch after the other.

    An episode is replayed in its own slot where as many environments run as did then: that makes it bitwise equal on
    the CPU.

    Raises:
        RunError: If an episode is broken, differs in kind from the others, or names a slot that there was not.
    """
    slots, kinds = {}, {}
    for index in reader.indices[: args.episodes]:
        episode = reader.read(index, images=False)
        if broken := checks.problems(reader, index, episode):
            raise RunError(f"{reader.manifest.path.parent} is broken: {broken[0]}")
        slots[index], kinds[index] = episode.outcome.env_index, channels.kinds(episode)
    for broken in channels.disagreements(kinds).values():
        raise RunError(f"{reader.manifest.path.parent} is broken: {broken[0]}")
    any_slot = args.num_envs != facts["num_envs"]
    if not any_slot and max(slots.values()) >= args.num_envs:
        raise RunError(f"{reader.manifest.path.parent}: an episode names slot {max(slots.values())} of {args.num_envs}")
    return list(batches(slots, args.num_envs, any_slot))


def replay(
    env: ManagerBasedRLEnv, reader: DatasetReader, shares: Sequence[Mapping[int, int]], grace: int
) -> list[Agreement]:
    """Replay all batches.

    Raises:
        RunError: If an episode is broken, or not of this environment.
    """
    from isaaclab_datagen.recorders import restoring, terms
    from isaaclab_datagen.rollout.loop import rollout

    check_joints(env, reader.manifest.provenance["joint_names"])
    restore, commands = partial(restoring.restore, env), partial(restoring.restore_commands, env)
    recorder, agreements = terms.find(env), []
    with tqdm(total=sum(map(len, shares)), unit="episode", dynamic_ncols=True) as bar:
        for share in shares:
            episodes = {slot: (index, reader.read(index, images=False)) for slot, index in share.items()}
            check_actions(env, episodes)
            acting = Replay(episodes, restore, commands, grace)
            recorder.bind(acting)
            rollout(env, acting, acting.done)
            recorder.bind(None)
            agreements += acting.agreements.values()
            bar.update(len(share))
    return sorted(agreements, key=lambda agreement: agreement.index)


def check_joints(env: ManagerBasedRLEnv, joint_names: Mapping[str, Sequence[str]]) -> None:
    """Refuse a dataset whose joints are other ones, or the same in another order."""
    for name, articulation in env.scene.articulations.items():
        here, there = list(articulation.joint_names), list(joint_names.get(name, ()))
        if here != there:
            raise RunError(f"the joints of {name} are {', '.join(here)}; in the dataset {', '.join(there) or 'absent'}")


def check_actions(env: ManagerBasedRLEnv, episodes: Mapping[int, tuple[int, Episode]]) -> None:
    """Refuse episodes whose actions have another width."""
    for index, episode in episodes.values():
        here, there = env.action_manager.total_action_dim, episode.actions.shape[1]
        if here != there:
            raise RunError(f"episode {index}: actions have {there} numbers, the task takes {here}")


def keep(reader: DatasetReader, agreements: Sequence[Agreement], out: Path) -> str:
    """Write the episodes that succeeded again as a dataset of their own, in the same format.

    Returns:
        One line that says which.

    Raises:
        RunError: If there is none.
        UsageError: If there is such a dataset below ``out`` already, or it cannot be written.
    """
    kept = [agreement.index for agreement in agreements if agreement.success is True]
    if not kept:
        raise RunError(f"none of {len(agreements)} episodes succeeded in the replay: nothing is written to {out}")
    selected = Selection(reader, kept, {"by": "replay", "kept": len(kept), "of": len(agreements)})
    made = conversion.convert(selected, reader.manifest.format, out, conversion.own_options(reader), True)
    return f"{len(kept)} of {len(agreements)} episodes are kept, in {made.root}"


def show(agreements: Sequence[Agreement]) -> None:
    """Print a table, with the worst episodes if there are too many for all."""
    channels = [name for name in COMPARED if name in agreements[0].largest]
    table = Table("episode", "slot", "steps", "success", "identical", *channels, box=SIMPLE_HEAD, padding=(0, 2, 0, 0))
    rows = agreements
    if len(agreements) > SHOWN:
        rows = sorted(agreements, key=lambda a: (a.success == a.recorded.success, -max(a.largest.values())))[:SHOWN]
    for a in rows:
        steps = f"{a.recorded_steps}" if a.steps == a.recorded_steps else f"{a.recorded_steps}, now {a.steps}"
        success = _word(a.recorded.success) + ("" if a.success == a.recorded.success else f", now {_word(a.success)}")
        numbers = [f"{a.largest[name]:.0e} ({a.mean(name):.0e})" for name in channels]
        table.add_row(str(a.index), str(a.slot), steps, success, _word(a.identical), *numbers)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print("differences: the largest of the episode (mean of each frame's largest), in m, joints in rad or m")
    if len(rows) < len(agreements):
        console.print(f"the {len(rows)} episodes that agree least, of {len(agreements)}")


def judge(agreements: Sequence[Agreement], same_device: bool) -> str:
    """One line of summary.

    Raises:
        RunError: If too few recorded successes succeed again, on the same kind of device.
    """
    successes = [a for a in agreements if a.recorded.success]
    again = sum(a.success is True for a in successes)
    identical = sum(a.identical for a in agreements)
    line = (
        f"{again} of {len(successes)} recorded successes succeed again; "
        f"{identical} of {len(agreements)} episodes are identical in every bit"
    )
    if again < REQUIRED * len(successes):
        if same_device:
            raise RunError(f"only {line}; {100 * REQUIRED:.0f} % were expected")
        line += " (recorded on another kind of device: not held against it)"
    return line


def _word(yes: bool | None) -> str:
    return {True: "yes", False: "no", None: "unknown"}[yes]
