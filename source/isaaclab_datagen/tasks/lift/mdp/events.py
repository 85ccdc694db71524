"""Resets that help training: some episodes start in the middle of a demonstration."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from isaaclab.managers import SceneEntityCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv

__all__ = ["reset_to_demonstration"]


@cache
def _states(path: str, device: str) -> dict[str, torch.Tensor]:
    with np.load(path) as file:
        return {name: torch.from_numpy(file[name]).to(device) for name in ("joint_pos", "object_pose")}


def reset_to_demonstration(
    env: ManagerBasedEnv,
    env_ids: torch.Tensor | slice,
    path: str,
    probability: float,
    robot_cfg: SceneEntityCfg = SceneEntityCfg("robot"),
) -> None:
    """Start with ``probability`` at rest in a random state of a demonstration: above the cube, at it, holding it.

    A grasp is too rare an accident for exploration to find soon; from these states its worth is learnt first.

    Args:
        env: The environment.
        env_ids: Environments that are being reset.
        path: NPZ with ``joint_pos`` (K, num_joints) [rad or m] and ``object_pose`` (K, 7) in the environment's frame.
        probability: Share of the episodes that start so.
        robot_cfg: The robot.
    """
    ids = torch.arange(env.num_envs, device=env.device)[env_ids]
    ids = ids[torch.rand(len(ids), device=env.device) < probability]
    if len(ids) == 0:
        return
    states = _states(str(Path(path)), env.device)
    rows = torch.randint(len(states["joint_pos"]), (len(ids),), device=env.device)
    robot, cube = env.scene[robot_cfg.name], env.scene["object"]
    joint_pos = states["joint_pos"][rows]
    robot.write_joint_position_to_sim_index(position=joint_pos, env_ids=ids)
    robot.write_joint_velocity_to_sim_index(velocity=torch.zeros_like(joint_pos), env_ids=ids)
    robot.set_joint_position_target_index(target=joint_pos, env_ids=ids)
    pose = states["object_pose"][rows].clone()
    pose[:, :3] += env.scene.env_origins[ids]
    cube.write_root_pose_to_sim_index(root_pose=pose, env_ids=ids)
    cube.write_root_velocity_to_sim_index(root_velocity=torch.zeros(len(ids), 6, device=env.device), env_ids=ids)
