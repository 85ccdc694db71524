"""What a task's gym registration says about it. Nothing here imports a task: everything is named by string.

Beside Isaac Lab's own (``env_cfg_entry_point``, ``rsl_rl_cfg_entry_point``, ``default_agent``), a registration's kwargs
may hold the fields of :class:`TaskInfo` of the same names.
"""

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec

from isaaclab_datagen.errors import UsageError

_MARK = "success_term"
"""A registration with this key is of this package's kind: it names its success rule, cameras and experts."""


@dataclass(frozen=True)
class TaskInfo:
    """Facts of one registered task."""

    id: str
    env_cfg_entry_point: str
    rsl_rl_cfg_entry_point: str | None = None
    recorder_cfg_entry_point: str | None = None
    """What is recorded, as ``module:Class``."""
    experts: Mapping[str, str] = field(default_factory=dict)
    """Experts of this task alone: name to ``module:Class`` of its configuration."""
    default_expert: str | None = None
    collect_overrides: tuple[str, ...] = ()
    """Isaac Lab overrides that apply where demonstrations are recorded, before those of the command line."""
    replay_overrides: tuple[str, ...] = ()
    """Those that apply where they are replayed, after those of the recording: against what happens by chance."""
    cameras: tuple[str, ...] = ()
    """Cameras of the scene or of the rig that are recorded when nothing else is said."""
    default_format: str | None = None
    success_term: str | None = None
    """The termination term that is the task's one success rule."""
    robot: str | None = None
    """What datasets call the robot (default: the name of its model's file)."""
    ee_body: str | None = None
    """End-effector body, or a regular expression that one body's name matches in full (default: the hand)."""
    shipped_checkpoint: str | None = None
    """``[package:]path`` of a network, relative to the package (this one when it is not named)."""
    published_task: str | None = None
    """Name under which NVIDIA publishes a network that fits this task (default: its own, for tasks of Isaac Lab)."""
    shipped_policies: tuple[str, ...] = ()
    """Networks as :attr:`shipped_checkpoint`, each in a folder with its ``params``: those that are recorded when no
    other is named, where a task is to be recorded with several."""
    options: str | None = None
    """Module with the task's own options: ``add_options(group)``, ``configure(args, env_cfg)``, which applies them, and
    ``adopt(env_cfg, saved, run, args)``, which takes over what a network was trained with."""
    aliases: tuple[str, ...] = ()
    """Other ids by which a user may ask for the task."""

    @property
    def shipped_path(self) -> Path | None:
        """File of the shipped network, or None when the task ships none."""
        return None if self.shipped_checkpoint is None else _in_package(self.shipped_checkpoint)

    @property
    def shipped_policy_paths(self) -> tuple[Path, ...]:
        """Files of :attr:`shipped_policies`."""
        return tuple(map(_in_package, self.shipped_policies))


def all_tasks() -> dict[str, TaskInfo]:
    """Return every task of this package's kind that is registered, by id."""
    return {spec.id: _read(spec) for spec in gym.registry.values() if _MARK in spec.kwargs}


def find(task: str) -> TaskInfo:
    """Return the facts of a task, also of one that only Isaac Lab knows.

    Args:
        task: Gym id, with or without a ``module:`` prefix, or one of a task's aliases.

    Raises:
        UsageError: If no such task is registered; names the closest ids.
    """
    name = task.split(":")[-1]
    spec = gym.registry.get(name)
    if spec is not None and "env_cfg_entry_point" in spec.kwargs:
        return _read(spec)
    tasks = all_tasks()
    for info in tasks.values():
        if name in info.aliases:
            return info
    near = difflib.get_close_matches(name, [i for i in gym.registry if "env_cfg_entry_point" in gym.registry[i].kwargs])
    choices = sorted(tasks) + [i for i in near if i not in tasks]
    raise UsageError(f"unknown task {task!r}: choose from {', '.join(choices) or 'nothing (no task is registered)'}")


def load(entry_point: str) -> Any:
    """Return what ``module:attribute`` names."""
    module, _, attribute = entry_point.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _in_package(name: str) -> Path:
    """The file that ``[package:]path`` means."""
    package, _, path = name.rpartition(":")
    return Path(str(resources.files(package or "isaaclab_datagen"))) / path


def _read(spec: EnvSpec) -> TaskInfo:
    """Read the kwargs of a registration, ignoring those that are not about us."""
    known: dict[str, Any] = {key: spec.kwargs[key] for key in TaskInfo.__dataclass_fields__ if key in spec.kwargs}
    return TaskInfo(id=spec.id, **known)
