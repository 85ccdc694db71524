"""What success means in the drawer task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from isaaclab.managers import SceneEntityCfg

from isaaclab_datagen.mdp import joint_position

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

__all__ = ["is_open"]


def is_open(env: ManagerBasedRLEnv, opening: float, drawer_cfg: SceneEntityCfg) -> torch.Tensor:
    """Whether the drawer is open by at least ``opening`` [m]. Shape is (num_envs,)."""
    return joint_position(env, drawer_cfg)[:, 0] >= opening
