"""When a tracker has lost its reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from isaaclab.utils.math import quat_apply_inverse

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

    from .commands import MotionCommand

__all__ = ["anchor_height_lost", "anchor_tilt_lost", "body_height_lost"]


def _command(env: ManagerBasedRLEnv, name: str) -> MotionCommand:
    return cast("MotionCommand", env.command_manager.get_term(name))


def anchor_height_lost(env: ManagerBasedRLEnv, command_name: str, threshold: float) -> torch.Tensor:
    """Whether the anchor's height is off by more than ``threshold`` [m]. Shape is (N,)."""
    at = _command(env, command_name).state
    return (at.anchor_pos[:, 2] - at.robot_anchor_pos[:, 2]).abs() > threshold


def anchor_tilt_lost(env: ManagerBasedRLEnv, command_name: str, threshold: float) -> torch.Tensor:
    """Whether gravity's z component in the anchor's frame is off by more than ``threshold``. Shape is (N,)."""
    at = _command(env, command_name).state
    down = torch.zeros_like(at.anchor_pos)
    down[:, 2] = -1.0
    wanted, found = (quat_apply_inverse(quat, down)[:, 2] for quat in (at.anchor_quat, at.robot_anchor_quat))
    return (wanted - found).abs() > threshold


def body_height_lost(
    env: ManagerBasedRLEnv, command_name: str, threshold: float, body_names: Sequence[str]
) -> torch.Tensor:
    """Whether the height of any of some tracked bodies is off by more than ``threshold`` [m]. Shape is (N,)."""
    command = _command(env, command_name)
    columns = [command.cfg.body_names.index(name) for name in body_names]
    error = command.state.relative_body_pos[:, columns, 2] - command.state.robot_body_pos[:, columns, 2]
    return (error.abs() > threshold).any(dim=-1)
