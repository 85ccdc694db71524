"""Where hand and fingers are, seen from the handle: x points out of the cabinet, y along the bar, z up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from isaaclab.managers import SceneEntityCfg
from isaaclab.utils.math import combine_frame_transforms, matrix_from_quat, subtract_frame_transforms

from isaaclab_datagen.mdp import body_pose
from isaaclab_datagen.mdp.observations import constant

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv

__all__ = ["hand_axes", "pads_at_handle", "tip_to_handle"]


def tip_to_handle(
    env: ManagerBasedEnv, asset_cfg: SceneEntityCfg, offset: tuple[float, float, float], handle_cfg: SceneEntityCfg
) -> torch.Tensor:
    """Vector from the tip to the middle of the bar in the environment's frame [m]. Shape is (num_envs, 3)."""
    return body_pose(env, handle_cfg)[:, :3] - body_pose(env, asset_cfg, offset)[:, :3]


def hand_axes(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg, handle_cfg: SceneEntityCfg) -> torch.Tensor:
    """The hand's y and z axes, in which it closes and approaches, in the handle's frame. Shape is (num_envs, 6)."""
    hand = matrix_from_quat(body_pose(env, asset_cfg)[:, 3:7])
    handle = matrix_from_quat(body_pose(env, handle_cfg)[:, 3:7])
    return (handle.transpose(1, 2) @ hand)[:, :, 1:].transpose(1, 2).reshape(-1, 6)


def pads_at_handle(
    env: ManagerBasedEnv, fingers_cfg: SceneEntityCfg, pad: tuple[float, float, float], handle_cfg: SceneEntityCfg
) -> torch.Tensor:
    """Middles of the two finger pads in the handle's frame [m]. Shape is (num_envs, 2, 3).

    Args:
        env: The environment.
        fingers_cfg: The robot and its two fingers.
        pad: A pad's middle in its finger's frame [m].
        handle_cfg: The cabinet and its handle.
    """
    fingers = env.scene[fingers_cfg.name].data.body_link_pose_w.torch[:, fingers_cfg.body_ids]
    handle = env.scene[handle_cfg.name].data.body_link_pose_w.torch[:, handle_cfg.body_ids].expand_as(fingers)
    fingers, handle = fingers.flatten(0, 1), handle.flatten(0, 1)
    shift = constant(tuple(pad), fingers.device).expand(len(fingers), 3)
    pads_w, _ = combine_frame_transforms(fingers[:, :3], fingers[:, 3:7], shift)
    pads, _ = subtract_frame_transforms(handle[:, :3], handle[:, 3:7], pads_w)
    return pads.view(env.num_envs, -1, 3)
