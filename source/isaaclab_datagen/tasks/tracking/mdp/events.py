"""What differs from robot to robot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from isaaclab.managers import SceneEntityCfg

from isaaclab_datagen.mdp.actions import undelayed

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv

__all__ = ["randomize_default_joint_pos"]


def randomize_default_joint_pos(
    env: ManagerBasedEnv,
    env_ids: torch.Tensor | slice | None,
    offset_range: tuple[float, float],
    action_name: str,
    asset_cfg: SceneEntityCfg = SceneEntityCfg("robot"),
) -> None:
    """Shift the default joint positions, which observations and actions are relative to: encoders' zeros are off.

    The nominal ones remain in the robot's configuration.

    Args:
        env: The environment.
        env_ids: Environments; all when None.
        offset_range: Least and largest shift of a joint [rad].
        action_name: Joint position action that follows.
        asset_cfg: The robot.
    """
    ids = torch.arange(env.num_envs, device=env.device)[slice(None) if env_ids is None else env_ids]
    default = env.scene[asset_cfg.name].data.default_joint_pos.torch
    shifted = default[ids] + torch.empty_like(default[ids]).uniform_(*offset_range)
    default[ids] = shifted
    term = undelayed(env.action_manager.get_term(action_name))
    term._offset[ids] = shifted[:, term._joint_ids]  # the term copied the defaults when it was made
