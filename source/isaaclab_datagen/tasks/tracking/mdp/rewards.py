"""What tracking is worth: 1 on the reference, falling with the mean squared error over ``std`` squared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .observations import motion_command

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

__all__ = [
    "anchor_ori_tracking",
    "anchor_pos_tracking",
    "body_ang_vel_tracking",
    "body_lin_vel_tracking",
    "body_ori_tracking",
    "body_pos_tracking",
]


def anchor_pos_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Anchor's position in the world; ``std`` in m. Shape is (N,)."""
    return torch.exp(-motion_command(env, command_name).state.errors.anchor_pos2 / std**2)


def anchor_ori_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Anchor's rotation in the world; ``std`` in rad. Shape is (N,)."""
    return torch.exp(-(motion_command(env, command_name).state.errors.anchor_rot ** 2) / std**2)


def body_pos_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Bodies' positions relative to the anchor; ``std`` in m. Shape is (N,)."""
    return torch.exp(-motion_command(env, command_name).state.errors.body_pos2.mean(dim=-1) / std**2)


def body_ori_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Bodies' rotations relative to the anchor's heading; ``std`` in rad. Shape is (N,)."""
    return torch.exp(-(motion_command(env, command_name).state.errors.body_rot ** 2).mean(dim=-1) / std**2)


def body_lin_vel_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Bodies' linear velocities in the world; ``std`` in m/s. Shape is (N,)."""
    return torch.exp(-motion_command(env, command_name).state.errors.body_lin_vel2.mean(dim=-1) / std**2)


def body_ang_vel_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Bodies' angular velocities in the world; ``std`` in rad/s. Shape is (N,)."""
    return torch.exp(-motion_command(env, command_name).state.errors.body_ang_vel2.mean(dim=-1) / std**2)
