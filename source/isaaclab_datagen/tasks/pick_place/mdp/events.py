"""How an episode begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from isaaclab.envs.mdp import reset_joints_by_offset, reset_scene_to_default
from isaaclab.managers import SceneEntityCfg

from .commands_cfg import DIRECTIONS

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

    from .commands import CarryCommand

__all__ = ["reset_workspace"]


def reset_workspace(
    env: ManagerBasedRLEnv,
    env_ids: torch.Tensor | slice,
    command_name: str,
    yaw: float,
    joint_offset: float,
    asset_cfg: SceneEntityCfg,
    object_cfg: SceneEntityCfg = SceneEntityCfg("object"),
) -> None:
    """Put robot and cube where an episode begins, unless it goes on from the last one's success.

    The cube lies at a random place in direction A, at the goal in direction B, turned a little.

    Args:
        env: The environment.
        env_ids: Environments that are being reset.
        command_name: Name of the :class:`CarryCommand`.
        yaw: Largest turn of the cube to either side [rad].
        joint_offset: Largest offset of a joint [rad].
        asset_cfg: The robot and its arm's joints.
        object_cfg: The cube.
    """
    command = cast("CarryCommand", env.command_manager.get_term(command_name))
    ids = torch.arange(env.num_envs, device=env.device)[env_ids]
    ids = ids[~command.goes_on[ids]]
    if len(ids) == 0:
        return
    reset_scene_to_default(env, ids, reset_joint_targets=True)
    reset_joints_by_offset(env, ids, (-joint_offset, joint_offset), (0.0, 0.0), asset_cfg)
    robot, cube = env.scene[asset_cfg.name], env.scene[object_cfg.name]
    robot.set_joint_position_target_index(target=robot.data.joint_pos.torch[ids], env_ids=ids)
    pose = cube.data.default_root_pose.torch[ids].clone()
    to_goal = command.cfg.direction == DIRECTIONS[0]
    goal = torch.tensor(command.cfg.goal_xy, device=env.device).expand(len(ids), 2)
    pose[:, :2] = command.draw_places(len(ids)) if to_goal else goal
    pose[:, :3] += env.scene.env_origins[ids]
    half = yaw * (torch.rand(len(ids), device=env.device) - 0.5)
    pose[:, 5], pose[:, 6] = half.sin(), half.cos()
    cube.write_root_pose_to_sim_index(root_pose=pose, env_ids=ids)
