"""Checkpoint files of RSL-RL, of the current and of older releases, as what the current release loads."""

from __future__ import annotations

import errno
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from isaaclab_datagen.errors import UsageError

CURRENT = "actor_state_dict"
"""Where RSL-RL 5 keeps the actor and its normaliser (``PPO.save``)."""
_CRITIC = "critic_state_dict"
"""Where it keeps the critic."""
OLDER = ("model_state_dict", "state_dict")
"""Where older releases keep actor and critic together. A file may also hold the tensors themselves."""
_NORMALISER = "obs_norm_state_dict"
"""Where the oldest of them keep the observation normaliser, beside the model."""

_RENAMED = {
    "actor.": "mlp.",
    "memory_a.": "rnn.",
    "actor_obs_normalizer.": "obs_normalizer.",
    "log_std": "distribution.log_std_param",
    "std": "distribution.std_param",
    "_std": "distribution.std_param",
}
"""Beginnings of the names in older releases to those of the current one."""
_NOT_THE_ACTOR = ("critic.", "memory_c.", "critic_obs_normalizer.")

State = dict[str, torch.Tensor]


def read(path: Path) -> tuple[State, bool]:
    """Read the actor's tensors. Only tensors are unpickled, so a checkpoint cannot run code.

    Returns:
        Names as in the current release to tensors, and whether the file is of an older one.

    Raises:
        UsageError: If there is no such file, or it holds no actor of RSL-RL.
    """
    loaded = _load(path)
    if isinstance(loaded, Mapping) and CURRENT in loaded:
        return dict(loaded[CURRENT]), False
    return _from_older(path, loaded), True


def joint_names(path: Path) -> dict[str, list[str]]:
    """Articulation to its joints in the order of the training, where a file tells. Errors as :func:`read`."""
    loaded = _load(path)
    infos = loaded.get("infos") if isinstance(loaded, Mapping) else None
    names = infos.get("joint_names") if isinstance(infos, Mapping) else None
    return dict(names) if isinstance(names, Mapping) else {}


def check_fit(path: Path, wanted: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor], net: str = "") -> None:
    """Refuse a network whose input, output or layers differ from what the task's would be.

    Args:
        path: The checkpoint.
        wanted: The tensors of a network made for the task.
        found: Those of the checkpoint.
        net: Which of its networks, where it is not the one that acts.

    Raises:
        UsageError: Names both shapes.
    """
    task_shapes, shapes = _shapes(wanted), _shapes(found)
    if task_shapes == shapes:
        return
    ends, task_ends = _ends(shapes), _ends(task_shapes)
    if ends != task_ends:
        takes = f"the network takes {ends[0]} observations and gives {ends[1]} actions"
        gives = f"the task gives {task_ends[0]} and takes {task_ends[1]}"
        if net:
            takes, gives = f"its {net} takes {ends[0]} observations", f"the task gives it {task_ends[0]}"
        raise UsageError(f"{path} does not fit the task: {takes}, {gives}")
    name = next(n for n in sorted(task_shapes | shapes) if task_shapes.get(n) != shapes.get(n))
    raise UsageError(
        f"{path} is built otherwise than its agent configuration says: {name} is {shapes.get(name, 'missing')} in the"
        f" file and {task_shapes.get(name, 'missing')} in the configuration; set agent.{net or 'actor'}.* as it was"
        " trained"
    )


def check_same(path: Path, wanted: Mapping[str, Any]) -> None:
    """Refuse a file whose networks differ from those of a training that would go on from it.

    Args:
        path: The checkpoint.
        wanted: What that training would save.

    Raises:
        UsageError: As :func:`check_fit`.
    """
    loaded = _load(path)
    for name, net in ((CURRENT, ""), (_CRITIC, "critic")):
        if name in wanted and name in loaded:
            check_fit(path, wanted[name], loaded[name], net)


def _shapes(state: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _ends(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int | None, int | None]:
    """Return the numbers of inputs and outputs of a network, by its first and its last layer."""
    layers = [shape for name, shape in shapes.items() if name.endswith("weight") and len(shape) == 2]
    first = shapes.get("rnn.rnn.weight_ih_l0", layers[0] if layers else (None, None))
    return first[-1], layers[-1][0] if layers else None


def check_trainable(path: Path) -> None:
    """Refuse a file that a training cannot go on from.

    Raises:
        UsageError: It is of an older release, or holds no state of the optimizer.
    """
    loaded = _load(path)
    wanted = {CURRENT, _CRITIC, "optimizer_state_dict"}
    missing = wanted - set(loaded if isinstance(loaded, Mapping) else ())
    if missing:
        raise UsageError(
            f"{path} lacks {', '.join(sorted(missing))}: it may act, but a training cannot go on from it. Give a file "
            "that RSL-RL 5 saved while training, model_N.pt"
        )


_BROKEN = (
    *(pickle.UnpicklingError, RuntimeError, EOFError, OSError),
    *(KeyError, IndexError, ValueError, AttributeError, TypeError, struct.error),
)
"""What torch's unpickler says of bytes that are no checkpoint."""
_BROKEN_ERRNOS = (errno.EISDIR, errno.EINVAL)
"""What its archive reader says: of a folder, and of a file that is cut off, in which it looks for the end too early."""


def _load(path: Path) -> Any:
    """Content of a file. Errors as :func:`read`."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UsageError(f"no checkpoint {path}") from error
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno not in _BROKEN_ERRNOS:
            raise  # of the machine
        raise UsageError(f"{path} is not an RSL-RL checkpoint (broken, exported, or of another library)") from error


def fitting(cfg: Mapping[str, Any], state: State) -> dict[str, Any]:
    """An actor's configuration with what an older file itself says: its layers, its normaliser, its kind of noise.

    What the file does not say, as the activation, stays as it is in ``cfg``.
    """
    weights = [tensor for name, tensor in state.items() if name.startswith("mlp.") and tensor.ndim == 2]
    noise = {"std_type": "log"} if "distribution.log_std_param" in state else {"std_type": "scalar"}
    distribution = {**cfg["distribution_cfg"], **noise} if cfg.get("distribution_cfg") else None
    return {
        **cfg,
        "hidden_dims": [len(weight) for weight in weights[:-1]],
        "obs_normalization": "obs_normalizer._mean" in state,
        "distribution_cfg": distribution,
    }


def _from_older(path: Path, loaded: Any) -> State:
    tree = loaded if isinstance(loaded, Mapping) else {}
    inner = next((tree[key] for key in OLDER if key in tree), tree)
    state: State = {}
    for name, tensor in inner.items() if isinstance(inner, Mapping) else ():
        if isinstance(tensor, torch.Tensor) and not str(name).startswith(_NOT_THE_ACTOR):
            state[_current_name(str(name))] = tensor
    for name, tensor in (tree.get(_NORMALISER) or {}).items():
        state[f"obs_normalizer.{name}"] = tensor
    if not any(name.startswith("mlp.") for name in state):
        held = ", ".join(map(str, tree)) if isinstance(loaded, Mapping) else type(loaded).__name__
        raise UsageError(
            f"{path} is not an RSL-RL checkpoint: expected {CURRENT}, {', '.join(OLDER)} or an actor's tensors, found "
            f"{held or 'nothing'}"
        )
    return state


def _current_name(name: str) -> str:
    for old, new in _RENAMED.items():
        if name == old or (old.endswith(".") and name.startswith(old)):
            return new + name.removeprefix(old)
    return name
