"""What is asked for, and what is measured, as observations and as recorded channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from isaaclab.managers import SceneEntityCfg

from isaaclab_datagen.mdp import body_pose

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv, ManagerBasedRLEnv

    from .commands import CarryCommand

__all__ = ["actor_phase", "downward_pose", "goal_pose", "place_pose", "target_pose"]


def downward_pose(
    env: ManagerBasedEnv, asset_cfg: SceneEntityCfg, offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> torch.Tensor:
    """As :func:`~isaaclab_datagen.mdp.body_pose`, of a hand that points down: x of its quaternion is never negative.

    Of the two quaternions of an orientation, the one near (1, 0, 0, 0): without a rule for it the numbers would jump.
    """
    pose = body_pose(env, asset_cfg, offset)
    pose[:, 3:] *= torch.where(pose[:, 3:4] < 0.0, -1.0, 1.0)
    return pose


def goal_pose(env: ManagerBasedRLEnv, command_name: str, height: float) -> torch.Tensor:
    """Where a cube of the green disc rests, its middle at ``height`` [m]. Shape is (num_envs, 7)."""
    return _upright(_command(env, command_name).goal, height)


def place_pose(env: ManagerBasedRLEnv, command_name: str, height: float) -> torch.Tensor:
    """As :func:`goal_pose`, of the red disc."""
    return _upright(_command(env, command_name).place, height)


def target_pose(env: ManagerBasedRLEnv, command_name: str, height: float) -> torch.Tensor:
    """As :func:`goal_pose`, of the disc that the cube is to be carried to."""
    return _upright(_command(env, command_name).target, height)


def actor_phase(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """What the actor says that it is doing; -1 where it says nothing. Shape is (num_envs,)."""
    return _command(env, command_name).phase


def _command(env: ManagerBasedRLEnv, name: str) -> CarryCommand:
    return cast("CarryCommand", env.command_manager.get_term(name))


def _upright(position: torch.Tensor, height: float) -> torch.Tensor:
    pose = torch.zeros(len(position), 7, device=position.device)
    pose[:, :2], pose[:, 2], pose[:, 6] = position, height, 1.0
    return pose
