"""Rewards after the reference lift task. A cube counts as lifted only in the hand: a throw earns nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .commands import layout

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

__all__ = ["goal_distance", "is_held", "lift_height", "reach"]


def is_held(env: ManagerBasedRLEnv, radius: float = 0.04) -> torch.Tensor:
    """Whether the cube's centre is within ``radius`` [m] of the tip. Shape is (num_envs,)."""
    return layout(env).reach[:, 0] < radius


def reach(env: ManagerBasedRLEnv, std: float) -> torch.Tensor:
    """1 - tanh(d / std) of the distance d from tip to cube [m]. Shape is (num_envs,)."""
    return 1.0 - torch.tanh(layout(env).reach[:, 0] / std)


def _height(env: ManagerBasedRLEnv, rest_height: float) -> torch.Tensor:
    return layout(env).object[:, 2] - rest_height


def lift_height(env: ManagerBasedRLEnv, full_height: float, rest_height: float) -> torch.Tensor:
    """Height of the held cube over its rest, as a share of ``full_height`` [m], at most 1. Shape is (num_envs,)."""
    share = (_height(env, rest_height) / full_height).clamp(0.0, 1.0)
    return share * is_held(env)


def goal_distance(env: ManagerBasedRLEnv, std: float, minimal_height: float, rest_height: float) -> torch.Tensor:
    """1 - tanh(d / std) of the held, lifted cube's distance d to the goal [m]. Shape is (num_envs,)."""
    lifted = (_height(env, rest_height) > minimal_height) & is_held(env)
    return lifted * (1.0 - torch.tanh(layout(env).goal_distance[:, 0] / std))
