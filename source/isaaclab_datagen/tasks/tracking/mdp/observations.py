"""What a tracker sees of the reference and of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from isaaclab.utils.math import matrix_from_quat, quat_inv, quat_mul, subtract_frame_transforms

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

    from .commands import MotionCommand

__all__ = ["anchor_ori_b", "anchor_pos_b", "robot_body_ori_b", "robot_body_pos_b"]


def _command(env: ManagerBasedRLEnv, name: str) -> MotionCommand:
    return cast("MotionCommand", env.command_manager.get_term(name))


def anchor_pos_b(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Position of the reference's anchor in the robot's anchor frame [m]. Shape is (N, 3)."""
    at = _command(env, command_name).state
    position, _ = subtract_frame_transforms(at.robot_anchor_pos, at.robot_anchor_quat, at.anchor_pos)
    return position


def anchor_ori_b(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Rotation of the reference's anchor in the robot's anchor frame, two columns row by row. Shape is (N, 6)."""
    at = _command(env, command_name).state
    return _two_columns(quat_mul(quat_inv(at.robot_anchor_quat), at.anchor_quat))


def robot_body_pos_b(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Positions of the robot's tracked bodies in its anchor's frame [m]. Shape is (N, 3 B)."""
    at = _command(env, command_name).state
    shape = at.robot_body_pos.shape
    origin, turn = at.robot_anchor_pos[:, None].expand(shape), at.robot_anchor_quat[:, None].expand(*shape[:2], 4)
    position, _ = subtract_frame_transforms(origin, turn, at.robot_body_pos)
    return position.reshape(len(position), -1)


def robot_body_ori_b(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Rotations of the robot's tracked bodies in its anchor's frame, two columns of each. Shape is (N, 6 B)."""
    at = _command(env, command_name).state
    turn = quat_inv(at.robot_anchor_quat)[:, None].expand_as(at.robot_body_quat)
    return _two_columns(quat_mul(turn, at.robot_body_quat)).reshape(len(turn), -1)


def _two_columns(quaternions: torch.Tensor) -> torch.Tensor:
    columns = matrix_from_quat(quaternions)[..., :2]
    return columns.reshape(*columns.shape[:-2], 6)
