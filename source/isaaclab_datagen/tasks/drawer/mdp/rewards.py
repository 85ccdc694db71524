"""Rewards after the reference drawer task. Opening counts only with the bar in the hand: a push earns nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from isaaclab.managers import SceneEntityCfg

from isaaclab_datagen.mdp import joint_position
from isaaclab_datagen.mdp.observations import constant

from .observations import hand_axes, pads_at_handle, tip_to_handle

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

__all__ = ["align", "approach", "around", "grasp", "is_around", "is_held", "open_held", "pinch", "reach", "stages_held"]

Offset = tuple[float, float, float]


def approach(
    env: ManagerBasedRLEnv, threshold: float, asset_cfg: SceneEntityCfg, offset: Offset, handle_cfg: SceneEntityCfg
) -> torch.Tensor:
    """1 / (1 + d^2)^2 of the distance d from tip to bar [m], twice that within ``threshold``. Shape is (num_envs,)."""
    distance = tip_to_handle(env, asset_cfg, offset, handle_cfg).norm(dim=-1)
    share = (1.0 + distance.square()).pow(-2)
    return torch.where(distance <= threshold, 2.0 * share, share)


def reach(
    env: ManagerBasedRLEnv, std: float, asset_cfg: SceneEntityCfg, offset: Offset, handle_cfg: SceneEntityCfg
) -> torch.Tensor:
    """1 - tanh(d / std) of the distance d from tip to bar [m]. Shape is (num_envs,)."""
    return 1.0 - torch.tanh(tip_to_handle(env, asset_cfg, offset, handle_cfg).norm(dim=-1) / std)


def align(env: ManagerBasedRLEnv, asset_cfg: SceneEntityCfg, handle_cfg: SceneEntityCfg) -> torch.Tensor:
    """How well the hand points into the cabinet and closes vertically: 1 at best. Shape is (num_envs,).

    Half the sum of the two squared cosines; that of the pointing keeps its sign, the fingers may be swapped.
    """
    axes = hand_axes(env, asset_cfg, handle_cfg)
    closing, into = axes[:, 2], -axes[:, 3]
    return 0.5 * (into.sign() * into.square() + closing.square())


def is_around(
    env: ManagerBasedRLEnv, fingers_cfg: SceneEntityCfg, pad: Offset, handle_cfg: SceneEntityCfg
) -> torch.Tensor:
    """Whether one finger is above the bar and the other below. Shape is (num_envs,)."""
    height = pads_at_handle(env, fingers_cfg, pad, handle_cfg)[..., 2]
    return height[:, 0] * height[:, 1] < 0.0


def around(
    env: ManagerBasedRLEnv, fingers_cfg: SceneEntityCfg, pad: Offset, handle_cfg: SceneEntityCfg
) -> torch.Tensor:
    """1 where the fingers are on both sides of the bar, else 0. Shape is (num_envs,)."""
    return is_around(env, fingers_cfg, pad, handle_cfg).float()


def pinch(
    env: ManagerBasedRLEnv, opening: float, fingers_cfg: SceneEntityCfg, pad: Offset, handle_cfg: SceneEntityCfg
) -> torch.Tensor:
    """Sum over both fingers of ``opening`` less their height over or under the bar [m]; 0 unless around it.

    Shape is (num_envs,).
    """
    height = pads_at_handle(env, fingers_cfg, pad, handle_cfg)[..., 2]
    return (height[:, 0] * height[:, 1] < 0.0) * (opening - height.abs()).sum(dim=-1)


def is_held(
    env: ManagerBasedRLEnv,
    fingers_cfg: SceneEntityCfg,
    pad: Offset,
    handle_cfg: SceneEntityCfg,
    reach: float = 0.015,
    width: float = 0.03,
) -> torch.Tensor:
    """Whether the bar is between the pads and the hand is closed. Shape is (num_envs,).

    Args:
        env: The environment.
        fingers_cfg: The robot, its two fingers and their joints.
        pad: A pad's middle in its finger's frame [m].
        handle_cfg: The cabinet and its handle.
        reach: Largest distance of the pads before or behind the bar [m].
        width: Largest distance of the fingers [m].
    """
    pads = pads_at_handle(env, fingers_cfg, pad, handle_cfg)
    between = (pads[:, 0, 2] * pads[:, 1, 2] < 0.0) & (pads[..., 0].abs() < reach).all(dim=-1)
    return between & (joint_position(env, fingers_cfg).sum(dim=-1) < width)


def grasp(
    env: ManagerBasedRLEnv, opening: float, fingers_cfg: SceneEntityCfg, pad: Offset, handle_cfg: SceneEntityCfg
) -> torch.Tensor:
    """How far the fingers have closed from ``opening`` [m] with the bar between the pads, summed. Shape (num_envs,)."""
    between = is_held(env, fingers_cfg, pad, handle_cfg, reach=0.015, width=float("inf"))
    return between * (opening - joint_position(env, fingers_cfg)).sum(dim=-1)


def open_held(
    env: ManagerBasedRLEnv,
    drawer_cfg: SceneEntityCfg,
    fingers_cfg: SceneEntityCfg,
    pad: Offset,
    handle_cfg: SceneEntityCfg,
) -> torch.Tensor:
    """Opening of the drawer [m] while its bar is held. Shape is (num_envs,)."""
    return joint_position(env, drawer_cfg)[:, 0] * is_held(env, fingers_cfg, pad, handle_cfg)


def stages_held(
    env: ManagerBasedRLEnv,
    stages: tuple[float, ...],
    drawer_cfg: SceneEntityCfg,
    fingers_cfg: SceneEntityCfg,
    pad: Offset,
    handle_cfg: SceneEntityCfg,
) -> torch.Tensor:
    """Number of ``stages`` [m] that the opening has passed while the bar is held. Shape is (num_envs,)."""
    opening = joint_position(env, drawer_cfg)
    passed = opening > constant(tuple(stages), opening.device)
    return passed.sum(dim=-1) * is_held(env, fingers_cfg, pad, handle_cfg)
