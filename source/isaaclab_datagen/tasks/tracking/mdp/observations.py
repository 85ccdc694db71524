"""What a tracker sees of the reference and of itself. Rotations are the first two columns of matrices, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

    from .commands import MotionCommand

__all__ = ["anchor_ori_b", "anchor_pos_b", "motion_command", "robot_body_ori_b", "robot_body_pos_b"]


def motion_command(env: ManagerBasedRLEnv, name: str) -> MotionCommand:
    """Return the motion command of an environment."""
    return cast("MotionCommand", env.command_manager.get_term(name))


def anchor_pos_b(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Position of the reference's anchor in the robot's anchor frame [m]. Shape is (N, 3)."""
    return motion_command(env, command_name).state.positions_in_anchor[:, -1]


def anchor_ori_b(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Rotation of the reference's anchor in the robot's anchor frame. Shape is (N, 6)."""
    return motion_command(env, command_name).state.rotations_in_anchor[:, -1]


def robot_body_pos_b(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Positions of the robot's tracked bodies in its anchor's frame [m]. Shape is (N, 3 B)."""
    return motion_command(env, command_name).state.positions_in_anchor[:, :-1].flatten(1)


def robot_body_ori_b(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Rotations of the robot's tracked bodies in its anchor's frame. Shape is (N, 6 B)."""
    return motion_command(env, command_name).state.rotations_in_anchor[:, :-1].flatten(1)
