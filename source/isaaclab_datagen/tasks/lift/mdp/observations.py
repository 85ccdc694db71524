"""What the policy needs to know of tip, cube and goal, relative to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from isaaclab.managers import SceneEntityCfg
from isaaclab.utils.math import quat_apply

from isaaclab_datagen.mdp import body_pose, command_position, object_pose

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv

__all__ = ["object_position", "object_to_goal", "tip_to_object", "yaw_error"]


def object_position(env: ManagerBasedEnv) -> torch.Tensor:
    """Centre of the cube in the environment's frame [m]. Shape is (num_envs, 3)."""
    return object_pose(env)[:, :3]


def tip_to_object(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg, offset: tuple[float, float, float]) -> torch.Tensor:
    """Vector from the tip to the cube's centre in the environment's frame [m]. Shape is (num_envs, 3)."""
    return object_pose(env)[:, :3] - body_pose(env, asset_cfg, offset)[:, :3]


def object_to_goal(env: ManagerBasedEnv, command_name: str = "object_pose") -> torch.Tensor:
    """Vector from the cube's centre to the goal in the environment's frame [m]. Shape is (num_envs, 3)."""
    return command_position(env, command_name) - object_pose(env)[:, :3]


def yaw_error(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg) -> torch.Tensor:
    """Angle from the fingers' closing axis to the nearest face of the cube, as cos and sin of four times it.

    A cube looks the same after a quarter turn, so that the pair has no jump. Shape is (num_envs, 2).
    """
    (hand,) = env.scene[asset_cfg.name].data.body_link_pose_w.torch[:, asset_cfg.body_ids, 3:7].unbind(1)
    cube = env.scene["object"].data.root_link_pose_w.torch[:, 3:7]
    x_axis = torch.zeros_like(hand[:, :3])  # not of numbers: those are copied to a GPU, which has to be waited for
    x_axis[:, 0] = 1.0
    hand_x, cube_x = quat_apply(hand, x_axis), quat_apply(cube, x_axis)
    angle = torch.atan2(cube_x[:, 1], cube_x[:, 0]) - torch.atan2(hand_x[:, 1], hand_x[:, 0])
    return torch.stack([torch.cos(4 * angle), torch.sin(4 * angle)], dim=-1)
