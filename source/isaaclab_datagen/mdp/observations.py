"""Poses in the environment's frame, as observations and as recorded channels. Quaternions are x y z w."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch
from isaaclab.managers import SceneEntityCfg
from isaaclab.utils.math import combine_frame_transforms

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv, ManagerBasedRLEnv

from isaaclab_datagen.mdp.actions import DelayedAction

__all__ = [
    "action_delay",
    "body_pose",
    "command_position",
    "executed_action",
    "gripper_width",
    "joint_position",
    "joint_velocity",
    "object_pose",
]


@cache
def constant(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """Numbers (n,) on a device, made once: to copy them to a GPU is to wait for all that it has yet to do."""
    return torch.tensor(values, device=device)


def action_delay(env: ManagerBasedEnv, name: str) -> torch.Tensor:
    """Time from a :class:`DelayedAction` to its effect, in this episode [ms]. Shape is (num_envs,).

    Args:
        env: The environment.
        name: Of the action term.
    """
    return delayed_action(env, name).delay * (1e3 * env.physics_dt)


def executed_action(env: ManagerBasedEnv, name: str) -> torch.Tensor:
    """What acts in this control step, late and with noise, in the policy's units. Arguments as :func:`action_delay`.

    Shape is (num_envs, A): the mean over the control step's physics steps.
    """
    return delayed_action(env, name).executed_actions


def delayed_action(env: ManagerBasedEnv, name: str) -> DelayedAction:
    """An action term that is a :class:`DelayedAction`.

    Raises:
        TypeError: It is none.
    """
    term = env.action_manager.get_term(name)
    if not isinstance(term, DelayedAction):
        raise TypeError(f"action {name!r} is a {type(term).__name__}, which has no delay: wrap it in DelayedActionCfg")
    return term


def body_pose(
    env: ManagerBasedEnv, asset_cfg: SceneEntityCfg, offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> torch.Tensor:
    """Pose of a point fixed to one body. Shape is (num_envs, 7): position [m], quaternion.

    Read from the body, not from a frame transformer: the latter is stale after a reset.

    Args:
        env: The environment.
        asset_cfg: The articulation and its body (exactly one).
        offset: The point in the body's frame [m].
    """
    # the index lies on the device: taken apart, it would be fetched, and a GPU waited for
    (pose_w,) = env.scene[asset_cfg.name].data.body_link_pose_w.torch[:, asset_cfg.body_ids].unbind(1)
    shift = constant(tuple(offset), pose_w.device).expand(len(pose_w), 3)
    position_w, quaternion = combine_frame_transforms(pose_w[:, :3], pose_w[:, 3:7], shift)
    return torch.cat([position_w - env.scene.env_origins, quaternion], dim=-1)


def object_pose(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg = SceneEntityCfg("object")) -> torch.Tensor:
    """Pose of a rigid object. Shape is (num_envs, 7): position [m], quaternion."""
    pose_w = env.scene[asset_cfg.name].data.root_link_pose_w.torch
    return torch.cat([pose_w[:, :3] - env.scene.env_origins, pose_w[:, 3:7]], dim=-1)


def joint_position(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg = SceneEntityCfg("robot")) -> torch.Tensor:
    """Joint positions [rad or m]. Shape is (num_envs, num_joints)."""
    return env.scene[asset_cfg.name].data.joint_pos.torch[:, asset_cfg.joint_ids]


def joint_velocity(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg = SceneEntityCfg("robot")) -> torch.Tensor:
    """Joint velocities [rad/s or m/s]. Shape is (num_envs, num_joints)."""
    return env.scene[asset_cfg.name].data.joint_vel.torch[:, asset_cfg.joint_ids]


def gripper_width(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg) -> torch.Tensor:
    """Measured distance between the fingers [m], the sum of their joints. Shape is (num_envs, 1)."""
    return env.scene[asset_cfg.name].data.joint_pos.torch[:, asset_cfg.joint_ids].sum(dim=-1, keepdim=True)


def command_position(
    env: ManagerBasedRLEnv, command_name: str, asset_cfg: SceneEntityCfg = SceneEntityCfg("robot")
) -> torch.Tensor:
    """Position of a pose command [m], from the asset's root frame to the environment's. Shape is (num_envs, 3)."""
    root = env.scene[asset_cfg.name].data.root_link_pose_w.torch
    command = env.command_manager.get_command(command_name)
    position_w, _ = combine_frame_transforms(root[:, :3], root[:, 3:7], command[:, :3])
    return position_w - env.scene.env_origins
