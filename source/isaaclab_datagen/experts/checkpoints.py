"""Where a trained network comes from: named by the user, else the newest local run, else shipped with the task."""

import importlib.util
import json
import re
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isaaclab.utils.assets import retrieve_file_path
from isaaclab_rl.entrypoints.common import CHECKPOINT_SELECTORS, RUN_MANIFEST_FILENAME, resolve_checkpoint_selector
from isaaclab_rl.utils.pretrained_checkpoint import (
    get_pretrained_checkpoint_backend_names,
    get_published_pretrained_checkpoint,
)
from isaaclab_tasks.utils import get_checkpoint_path

from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.registry import TaskInfo

CHOICES = "FILE, latest, best, shipped, published, wandb:ENTITY/PROJECT/RUN"
_MODELS = r"model_.*\.pt"
_SHIPPED = r"policy\.pt"
_WANDB = ("wandb:", "https://wandb.ai/", "https://www.wandb.ai/")
"""How the name of a network at Weights & Biases begins."""


@dataclass(frozen=True)
class Wish:
    """What the user asked for; None where nothing was said."""

    checkpoint: str | None = None
    load_run: str | None = None
    """Regular expression of the run folder under ``logs/rsl_rl/<experiment>``."""
    load_checkpoint: str | None = None
    """Regular expression of the file in the run folder."""
    reason: str = "named by --checkpoint"
    """What is said of :attr:`checkpoint` where it is a file."""

    @classmethod
    def of(cls, args: Namespace) -> "Wish":
        """Read the options ``--checkpoint``, ``--load_run`` and ``--load_checkpoint``."""
        return cls(args.checkpoint, args.load_run, args.load_checkpoint)


@dataclass(frozen=True)
class Checkpoint:
    """A network's file, and why it was taken."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"checkpoint: {self.path} ({self.reason})"


def resolve(wish: Wish, task: TaskInfo, env_cfg: Any, agent_cfg: Any, logs: Path = Path("logs/rsl_rl")) -> Checkpoint:
    """Find the network to load, and tell which and why in one line.

    Args:
        wish: What the user asked for.
        task: The task to act in.
        env_cfg: Its resolved configuration: a published network depends on the physics.
        agent_cfg: Its RSL-RL configuration: names the experiment.
        logs: Folder of the local experiments.

    Raises:
        UsageError: If what was asked for does not exist, or nothing is there to fall back on.
        RunError: If it exists elsewhere but cannot be fetched.
    """
    root = (logs / agent_cfg.experiment_name).absolute()
    if wish.checkpoint is not None:
        found = _named(wish, task, env_cfg, root)
    else:
        found = _newest_local(wish, task, root, agent_cfg.load_checkpoint) or _shipped(task, f"no run in {root}")
    if found is None:
        raise UsageError(
            f"no network for {task.id}: none in {root} and none is shipped; train one or give --checkpoint {CHOICES}"
        )
    print(found)
    return found


def of_run(path: Path, option: str) -> Path:
    """Return the network that a path means: a file, the newest in a run's folder, or the one in a shipped folder.

    Raises:
        UsageError: If there is none; names the option that the path came from.
    """
    if path.is_dir():
        return _in_run(path, rf"({_MODELS})|{_SHIPPED}")
    if not path.is_file():
        raise UsageError(f"{option} {path}: no such folder or file: give a training run's folder, or a network's file")
    return path


def _named(wish: Wish, task: TaskInfo, env_cfg: Any, root: Path) -> Checkpoint:
    """Resolve ``--checkpoint``."""
    name = str(wish.checkpoint)
    if name in CHECKPOINT_SELECTORS:
        return _selected(name, task, root)
    if name == "shipped":
        found = _shipped(task, "--checkpoint shipped")
        if found is None:
            raise UsageError(f"--checkpoint shipped: {task.id} ships no network, choose from {CHOICES}")
        return found
    if name in ("published", "pretrained"):
        return _published(task, env_cfg)
    if name.startswith(_WANDB):
        return _from_wandb(name)
    return _from_path(name, wish)


def _selected(name: str, task: TaskInfo, root: Path) -> Checkpoint:
    """Resolve ``latest`` and ``best`` by the manifests that training writes."""
    try:
        path = resolve_checkpoint_selector(str(root), name, library="rsl_rl", task=task.id, checkpoint_pattern=_MODELS)
    except ValueError as error:
        raise UsageError(
            f"--checkpoint {name}: no training run of {task.id} with a network in {root}, choose from {CHOICES}"
        ) from error
    return Checkpoint(Path(path), f"--checkpoint {name}")


def _shipped(task: TaskInfo, reason: str) -> Checkpoint | None:
    path = task.shipped_path
    if path is None:
        return None
    if not path.is_file():
        raise RunError(f"the network shipped with {task.id} is missing: {path}; install the package again")
    return Checkpoint(path, f"shipped with the task: {reason}")


def _published(task: TaskInfo, env_cfg: Any) -> Checkpoint:
    """Fetch NVIDIA's network. Tasks of this kind act on states, so it is the one trained without a renderer."""
    others = CHOICES.replace("published, ", "")
    if task.published_task is None and task.success_term is not None:  # not a task that Isaac Lab knows too
        raise UsageError(f"--checkpoint published: NVIDIA publishes no network for {task.id}, choose from {others}")
    name = task.published_task or task.id
    physics, _ = get_pretrained_checkpoint_backend_names(env_cfg)
    try:
        path = get_published_pretrained_checkpoint("rsl_rl", name, physics, "none", preset_names=())
    except RuntimeError as error:
        raise RunError(f"--checkpoint published: {error}") from error
    if path is None:
        raise RunError(
            f"--checkpoint published: none could be fetched for {name} with {physics} physics "
            f"(none is published, or there is no connection); choose from {others}"
        )
    return Checkpoint(Path(path), f"published by NVIDIA for {name}")


def _from_wandb(name: str) -> Checkpoint:
    from isaaclab_rl.utils import wandb as fetching  # takes 1.7 s: only where something is fetched

    errors: tuple[type[Exception], ...] = (ImportError, OSError)
    if importlib.util.find_spec("wandb") is not None:  # not part of the core
        errors += (importlib.import_module("wandb.errors").Error,)
    try:
        return Checkpoint(Path(fetching.resolve_wandb_checkpoint(name)), f"--checkpoint {name}")
    except errors as error:
        raise RunError(f"--checkpoint {name}: {error}") from error
    except ValueError as error:
        raise UsageError(f"--checkpoint {name}: {error}") from error


def _from_path(name: str, wish: Wish) -> Checkpoint:
    """Resolve a file, a run folder, or an address on an asset server."""
    if "://" in name:
        try:
            return Checkpoint(Path(retrieve_file_path(name)), f"--checkpoint {name}")
        except FileNotFoundError as error:
            raise RunError(f"--checkpoint {name}: could not be fetched") from error
    path = Path(name).expanduser()
    if name and path.is_dir():
        return Checkpoint(_in_run(path, wish.load_checkpoint or _MODELS), "newest in the folder named by --checkpoint")
    if not path.is_file():
        raise UsageError(f"--checkpoint {name or "''"}: no such file, choose from {CHOICES}")
    return Checkpoint(path, wish.reason)


def _newest_local(wish: Wish, task: TaskInfo, root: Path, pattern: str) -> Checkpoint | None:
    """Return the newest network of the newest local run of this task, or None when there is no such run."""
    asked = wish.load_run is not None or wish.load_checkpoint is not None
    runs = sorted((run for run in root.iterdir() if run.is_dir()), reverse=True) if root.is_dir() else []
    for run in runs:
        if not re.match(wish.load_run or ".*", run.name) or not _is_of(run, task):
            continue
        if any(re.match(wish.load_checkpoint or pattern, file.name) for file in run.iterdir()):
            path = _in_run(run, wish.load_checkpoint or pattern)
            reason = "as --load_run and --load_checkpoint say" if asked else "newest local run"
            return Checkpoint(path, reason)
    if asked:
        raise UsageError(
            f"--load_run {wish.load_run or '.*'} --load_checkpoint {wish.load_checkpoint or pattern}: nothing in {root}"
            f" matches; runs there: {', '.join(run.name for run in runs[:8]) or 'none'}"
        )
    return None


def _in_run(run: Path, pattern: str) -> Path:
    """Return the last file of a run folder that matches, in natural order."""
    try:
        return Path(get_checkpoint_path(str(run.absolute().parent), re.escape(run.name) + "$", pattern))
    except ValueError as error:
        raise UsageError(
            f"no network in {run} matches {pattern}: give a training run's folder, or a network's file"
        ) from error


def _is_of(run: Path, task: TaskInfo) -> bool:
    """Whether a run is of this task: by its manifest where it has one, else by standing there."""
    manifest = run / RUN_MANIFEST_FILENAME
    if not manifest.is_file():
        return True
    try:
        return json.loads(manifest.read_text(encoding="utf-8")).get("task") == task.id
    except json.JSONDecodeError:
        return False
