"""Putting environments back into recorded states: the inverse of reading a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isaaclab_datagen.datasets.episode import Frame
from isaaclab_datagen.errors import RunError
from isaaclab_datagen.recorders.frames import flatten

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

_SCENE, _COMMAND = "scene/", "command/"


def restore(env: ManagerBasedRLEnv, frames: Sequence[Frame], env_ids: torch.Tensor) -> None:
    """Begin new episodes in recorded states.

    Args:
        env: The environment.
        frames: One for each of ``env_ids``, with the channels ``scene/...`` and ``command/...``.
        env_ids: Environments, (K,) int64.

    Raises:
        RunError: If a frame lacks something of the scene, or a command cannot be set.
    """
    _check(env, frames)
    env.reset_to(_scene_state(frames, env.device), env_ids, is_relative=True)
    # reset_to leaves them at the restored velocities, which makes a state in mid-episode drift at once
    for articulation in env.scene.articulations.values():
        still = torch.zeros(len(env_ids), articulation.num_joints, device=env.device)
        articulation.set_joint_velocity_target_index(target=still, env_ids=env_ids)
    env.scene.write_data_to_sim()
    restore_commands(env, frames, env_ids)
    # reset_to has computed observations with commands of its own
    env.observation_manager.reset(env_ids.tolist())
    env.obs_buf = env.observation_manager.compute(update_history=True)


def restore_commands(env: ManagerBasedRLEnv, frames: Sequence[Frame], env_ids: torch.Tensor) -> None:
    """Set every command to its recorded value. Arguments and errors as :func:`restore`."""
    for name in env.command_manager.active_terms:
        value = _stack(frames, _COMMAND + name, env.device)
        env.command_manager.get_command(name)[env_ids] = value
        if not torch.equal(env.command_manager.get_command(name)[env_ids], value):
            kind = type(env.command_manager.get_term(name)).__name__
            raise RunError(f"command {name!r} ({kind}) computes its value and cannot be set to a recorded one")


def _check(env: ManagerBasedRLEnv, frames: Sequence[Frame]) -> None:
    """Refuse frames of another scene."""
    shapes = {name: tuple(value.shape[1:]) for name, value in flatten("scene", env.scene.get_state()).items()}
    shapes |= {_COMMAND + name: tuple(env.command_manager.get_command(name).shape[1:]) for name in _commands(env)}
    for name, shape in shapes.items():
        there = (frame[name].shape if name in frame else "absent" for frame in frames)
        if (found := next((other for other in there if other != shape), None)) is not None:
            raise RunError(f"cannot restore {name}: it is {found} in the dataset, {shape} in the environment")


def _commands(env: ManagerBasedRLEnv) -> list[str]:
    return list(env.command_manager.active_terms)


def _scene_state(frames: Sequence[Frame], device: str) -> dict[str, Any]:
    """What ``reset_to`` takes: kind, asset and quantity, nested."""
    state: dict[str, Any] = {}
    for name in frames[0]:
        if name.startswith(_SCENE):
            *path, leaf = name.removeprefix(_SCENE).split("/")
            node = state
            for key in path:
                node = node.setdefault(key, {})
            node[leaf] = _stack(frames, name, device)
    return state


def _stack(frames: Sequence[Mapping[str, np.ndarray]], name: str, device: str) -> torch.Tensor:
    return torch.from_numpy(np.stack([frame[name] for frame in frames])).to(device)
