"""What tracking is worth: 1 on the reference, falling with the mean squared error over ``std`` squared."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from isaaclab.utils.math import quat_error_magnitude

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

    from .commands import MotionCommand

__all__ = [
    "anchor_ori_tracking",
    "anchor_pos_tracking",
    "body_ang_vel_tracking",
    "body_lin_vel_tracking",
    "body_ori_tracking",
    "body_pos_tracking",
]


def _command(env: ManagerBasedRLEnv, name: str) -> MotionCommand:
    return cast("MotionCommand", env.command_manager.get_term(name))


def anchor_pos_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Anchor's position in the world; ``std`` in m. Shape is (N,)."""
    at = _command(env, command_name).state
    return torch.exp(-torch.sum((at.anchor_pos - at.robot_anchor_pos) ** 2, dim=-1) / std**2)


def anchor_ori_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Anchor's rotation in the world; ``std`` in rad. Shape is (N,)."""
    at = _command(env, command_name).state
    return torch.exp(-(quat_error_magnitude(at.anchor_quat, at.robot_anchor_quat) ** 2) / std**2)


def body_pos_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Bodies' positions relative to the anchor; ``std`` in m. Shape is (N,)."""
    at = _command(env, command_name).state
    return _kernel(at.relative_body_pos, at.robot_body_pos, std)


def body_ori_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Bodies' rotations relative to the anchor's heading; ``std`` in rad. Shape is (N,)."""
    at = _command(env, command_name).state
    error = quat_error_magnitude(at.relative_body_quat, at.robot_body_quat)
    return torch.exp(-(error**2).mean(dim=-1) / std**2)


def body_lin_vel_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Bodies' linear velocities in the world; ``std`` in m/s. Shape is (N,)."""
    at = _command(env, command_name).state
    return _kernel(at.body_lin_vel, at.robot_body_lin_vel, std)


def body_ang_vel_tracking(env: ManagerBasedRLEnv, command_name: str, std: float) -> torch.Tensor:
    """Bodies' angular velocities in the world; ``std`` in rad/s. Shape is (N,)."""
    at = _command(env, command_name).state
    return _kernel(at.body_ang_vel, at.robot_body_ang_vel, std)


def _kernel(reference: torch.Tensor, robot: torch.Tensor, std: float) -> torch.Tensor:
    return torch.exp(-torch.sum((reference - robot) ** 2, dim=-1).mean(dim=-1) / std**2)
