"""When a tracker has lost its reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from .observations import motion_command
from .rotations import up_component

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

__all__ = ["anchor_height_lost", "anchor_tilt_lost", "body_height_lost"]


def anchor_height_lost(env: ManagerBasedRLEnv, command_name: str, threshold: float) -> torch.Tensor:
    """Whether the anchor's height is off by more than ``threshold`` [m]. Shape is (N,)."""
    command = motion_command(env, command_name)
    wanted, found = (pose[:, command.anchor, 2] for pose in (command.state.body_pose, command.state.robot_pose))
    return (wanted - found).abs() > threshold


def anchor_tilt_lost(env: ManagerBasedRLEnv, command_name: str, threshold: float) -> torch.Tensor:
    """Whether gravity's z component in the anchor's frame is off by more than ``threshold``. Shape is (N,)."""
    command = motion_command(env, command_name)
    poses = command.state.body_pose, command.state.robot_pose
    wanted, found = (up_component(pose[:, command.anchor, 3:]) for pose in poses)
    return (wanted - found).abs() > threshold


def body_height_lost(
    env: ManagerBasedRLEnv, command_name: str, threshold: float, body_names: Sequence[str]
) -> torch.Tensor:
    """Whether the height of any of some tracked bodies is off by more than ``threshold`` [m]. Shape is (N,)."""
    command = motion_command(env, command_name)
    state, columns = command.state, command.columns(tuple(body_names))
    error = state.relative_pos[:, columns, 2] - state.robot_pose[:, columns, 2]
    return (error.abs() > threshold).any(dim=-1)
