"""What the policy needs to know of tip, cube and goal, relative to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .commands import layout

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

__all__ = ["goal_position", "object_position", "object_to_goal", "tip_to_object", "yaw_error"]


def object_position(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Centre of the cube in the environment's frame [m]. Shape is (num_envs, 3)."""
    return layout(env).object


def goal_position(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Where it shall be held, in the environment's frame [m]. Shape is (num_envs, 3)."""
    return layout(env).goal


def tip_to_object(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Vector from the tip to the cube's centre in the environment's frame [m]. Shape is (num_envs, 3)."""
    return layout(env).tip_to_object


def object_to_goal(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Vector from the cube's centre to the goal in the environment's frame [m]. Shape is (num_envs, 3)."""
    return layout(env).object_to_goal


def yaw_error(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Angle from the fingers' closing axis to the nearest face of the cube, as cos and sin of four times it.

    A cube looks the same after a quarter turn, so that the pair has no jump. Shape is (num_envs, 2).
    """
    return layout(env).yaw_error
