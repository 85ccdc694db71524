"""Resets that help training: some episodes start in the middle of a demonstration."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv

__all__ = ["reset_to_demonstration"]


@cache
def _states(path: str, device: str) -> dict[str, torch.Tensor]:
    with np.load(path) as file:
        return {name: torch.from_numpy(values).to(device) for name, values in file.items()}


def reset_to_demonstration(env: ManagerBasedEnv, env_ids: torch.Tensor | slice, path: str, probability: float) -> None:
    """Start with ``probability`` at rest in a random state of a demonstration: before a grasp, at it, after it.

    A grasp is too rare an accident for exploration to find soon; from these states its worth is learnt first.

    Args:
        env: The environment.
        env_ids: Environments that are being reset.
        path: NPZ with K states: ``<asset>/joint_pos`` (K, num_joints) [rad or m] of articulations, and
            ``<asset>/root_pose`` (K, 7) of rigid objects in the environment's frame.
        probability: Share of the episodes that start so.
    """
    ids = torch.arange(env.num_envs, device=env.device)[env_ids]
    ids = ids[torch.rand(len(ids), device=env.device) < probability]
    if len(ids) == 0:
        return
    states = _states(path, env.device)
    rows = torch.randint(len(next(iter(states.values()))), (len(ids),), device=env.device)
    for name, values in states.items():
        asset, _, quantity = name.partition("/")
        _WRITERS[quantity](env, asset, values[rows], ids)


def _write_joint_pos(env: ManagerBasedEnv, asset: str, joint_pos: torch.Tensor, ids: torch.Tensor) -> None:
    """Put an articulation's joints (n, num_joints) where they are to be, at rest and commanded to stay."""
    articulation = env.scene[asset]
    articulation.write_joint_position_to_sim_index(position=joint_pos, env_ids=ids)
    articulation.write_joint_velocity_to_sim_index(velocity=torch.zeros_like(joint_pos), env_ids=ids)
    articulation.set_joint_position_target_index(target=joint_pos, env_ids=ids)


def _write_root_pose(env: ManagerBasedEnv, asset: str, pose: torch.Tensor, ids: torch.Tensor) -> None:
    """Put a rigid object at rest at a pose (n, 7) of the environment's frame."""
    pose_w = torch.cat([pose[:, :3] + env.scene.env_origins[ids], pose[:, 3:]], dim=-1)
    env.scene[asset].write_root_pose_to_sim_index(root_pose=pose_w, env_ids=ids)
    velocity = torch.zeros(len(ids), 6, device=env.device)
    env.scene[asset].write_root_velocity_to_sim_index(root_velocity=velocity, env_ids=ids)


_WRITERS = {"joint_pos": _write_joint_pos, "root_pose": _write_root_pose}
