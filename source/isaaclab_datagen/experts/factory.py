"""Experts by name."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isaaclab_datagen import registry
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts import checkpoints
from isaaclab_datagen.registry import TaskInfo
from isaaclab_datagen.rollout.actor import Actor

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started

GENERAL = ("rl", "random", "zero")
"""Experts that any task has: a trained network, uniform actions, none."""


@dataclass(frozen=True)
class Expert:
    """An expert that was chosen, before there is an environment."""

    name: str
    settings: dict[str, Any]
    """What identifies its behaviour, JSON-clean: its configuration, or its network's hash."""
    cfg: Any = None
    checkpoint: Path | None = None


def choices(task: TaskInfo) -> list[str]:
    """Names of the experts that a task has."""
    general = [name for name in GENERAL if name != "rl" or task.rsl_rl_cfg_entry_point]
    return [*task.experts, *general]


def choose(task: TaskInfo, name: str | None, wish: checkpoints.Wish, env_cfg: Any, agent_cfg: Any) -> Expert:
    """Find an expert and check that it can be had.

    Args:
        task: The task it acts in.
        name: What the user said, or None for the task's own choice.
        wish: Where the network of ``rl`` comes from.
        env_cfg: Resolved environment configuration.
        agent_cfg: Resolved agent configuration, needed for ``rl``.

    Raises:
        UsageError: If the task has no such expert, or a network was asked for that the expert does not use.
    """
    name = name or ("rl" if wish != checkpoints.Wish() else task.default_expert)
    there = choices(task)
    if name not in there:
        near = difflib.get_close_matches(str(name), there, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        if name == "rl":
            hint = " (for rl its registration lacks rsl_rl_cfg_entry_point, which says how networks are read)"
        said = "give --expert" if name is None else f"--expert {name}: {task.id} has no such expert"
        raise UsageError(f"{said}: choose from {', '.join(there)}{hint}")
    if name == "rl":
        found = checkpoints.resolve(wish, task, env_cfg, agent_cfg)
        digest = hashlib.sha256(found.path.read_bytes()).hexdigest()
        return Expert(name, {"checkpoint_sha256": digest}, agent_cfg, found.path)
    if wish != checkpoints.Wish():
        raise UsageError(f"--checkpoint, --load_run and --load_checkpoint are for --expert rl, not for {name}")
    if name in task.experts:
        cfg = registry.load(task.experts[name])()
        settings = {key: value for key, value in vars(cfg).items() if key != "class_type"}
        return Expert(name, settings, cfg)
    return Expert(name, {})


def build(expert: Expert, env: ManagerBasedRLEnv, seed: int = 0) -> Actor:
    """Make the expert act in an environment.

    Args:
        expert: From :func:`choose`.
        env: The environment.
        seed: For the random expert.

    Raises:
        UsageError: If a network does not fit the task.
    """
    from isaaclab_datagen.experts import simple  # loads simulation modules

    if expert.checkpoint is not None:
        from isaaclab_datagen.experts import rl_policy  # takes 5 s: only where there is a network

        return rl_policy.load(expert.checkpoint, env, expert.cfg)
    if expert.name == "random":
        return simple.RandomActor(env, seed)
    if expert.name == "zero":
        return simple.ZeroActor(env)
    return expert.cfg.class_type(expert.cfg, env)
