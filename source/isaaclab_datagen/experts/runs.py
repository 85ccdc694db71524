"""Training runs, by their folders: a network, and the configuration that it was trained with."""

from __future__ import annotations

import hashlib
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts import checkpoints
from isaaclab_datagen.registry import TaskInfo


@dataclass(frozen=True)
class Run:
    """A network and where it came from."""

    name: str
    """Of its folder; unique among the runs of a command."""
    path: Path
    """As it was given: the run's folder, or the network's file."""
    checkpoint: Path
    env: Mapping[str, Any] | None
    """``params/env.yaml``: the environment that it was trained in. None where it was not saved."""
    reason: str = "named by --policy_paths"
    """Why it was taken."""

    @property
    def digest(self) -> str:
        """SHA-256 of the network's file."""
        return hashlib.sha256(self.checkpoint.read_bytes()).hexdigest()

    @property
    def wish(self) -> checkpoints.Wish:
        """What asks for its network."""
        return checkpoints.Wish(str(self.checkpoint), reason=self.reason)


def choose(args: Namespace, task: TaskInfo) -> list[Run]:
    """The networks of ``--policy_paths``, else those that the task ships, unless another expert is asked for.

    Raises:
        UsageError: If they and another expert are asked for; and as :func:`find`.
    """
    expert = checkpoints.Wish.of(args) != checkpoints.Wish() or args.expert not in (None, "rl")
    others = expert or args.policy is not None
    if args.policy_paths and others:
        raise UsageError("--policy_paths names the networks: leave out --expert, --checkpoint, --load_run and --policy")
    return [] if others else find(args.policy_paths or (), task)


def find(paths: Sequence[str], task: TaskInfo) -> list[Run]:
    """Find the runs that a user names, else those that the task ships.

    Args:
        paths: Folders of runs, of which the newest network is taken, or networks' files.
        task: The task.

    Raises:
        UsageError: If one does not exist, is named twice, or its parameters cannot be read.
    """
    chosen = [Path(path).expanduser() for path in paths] or list(task.shipped_policy_paths)
    runs: list[Run] = []
    for path in chosen:
        checkpoint = checkpoints.of_run(path, "--policy_paths")
        folder = checkpoint.parent
        if any(run.checkpoint.samefile(checkpoint) for run in runs):
            raise UsageError(f"--policy_paths {path}: named twice")
        taken = {run.name for run in runs}
        name = next(name for name in _names(folder, checkpoint) if name not in taken)
        reason = Run.reason if paths else "shipped with the task"
        runs.append(Run(name, path, checkpoint, read(folder / "params" / "env.yaml"), reason))
    return runs


class _PlainLoader(yaml.SafeLoader):
    """Reads what Isaac Lab saves, which names Python's types: tuples as lists, slices as their three numbers."""


def _plain(loader: yaml.SafeLoader, kind: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return node.value


_PlainLoader.add_multi_constructor("tag:yaml.org,2002:python/", _plain)


def _names(folder: Path, checkpoint: Path) -> tuple[str, ...]:
    """What a run may be called, the shortest first."""
    return folder.name, f"{folder.name}/{checkpoint.stem}", str(checkpoint)


def read(path: Path) -> Mapping[str, Any] | None:
    """Read a configuration that Isaac Lab saved, without building anything that it names. None if it is not there.

    Raises:
        UsageError: It cannot be read.
    """
    if not path.is_file():
        return None
    try:
        saved = yaml.load(path.read_text(), _PlainLoader)
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
    if not isinstance(saved, Mapping):
        raise UsageError(f"{path}: is no configuration")
    return saved
