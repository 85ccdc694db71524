"""What a robot with bodies does, in the environment's frame: channels of datasets, and observations made of them.

Bodies and joints have the articulation's order, which a dataset names. Velocities are those of bodies' origins, not of
their centres of mass, so that they are the rates of the positions.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch
from isaaclab.managers import SceneEntityCfg

from isaaclab_datagen.geometry import state_layouts
from isaaclab_datagen.geometry.state_layouts import StateLayout, WorldState

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv

__all__ = [
    "body_position",
    "body_quaternion",
    "body_velocity",
    "robot_state",
    "root_pose",
    "root_velocity",
    "world_state",
]

ROBOT = SceneEntityCfg("robot")


def root_pose(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg = ROBOT) -> torch.Tensor:
    """Pose of the root body. Shape is (num_envs, 7): position [m], quaternion."""
    pose = env.scene[asset_cfg.name].data.root_link_pose_w.torch
    return torch.cat([pose[:, :3] - env.scene.env_origins, pose[:, 3:7]], dim=-1)


def root_velocity(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg = ROBOT) -> torch.Tensor:
    """Linear velocity of the root body's origin [m/s], its angular velocity [rad/s]. Shape is (num_envs, 6)."""
    return env.scene[asset_cfg.name].data.root_link_vel_w.torch


def body_position(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg = ROBOT) -> torch.Tensor:
    """Positions of all bodies [m]. Shape is (num_envs, B, 3)."""
    return env.scene[asset_cfg.name].data.body_link_pose_w.torch[..., :3] - env.scene.env_origins[:, None]


def body_quaternion(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg = ROBOT) -> torch.Tensor:
    """Orientations of all bodies. Shape is (num_envs, B, 4)."""
    return env.scene[asset_cfg.name].data.body_link_pose_w.torch[..., 3:7]


def body_velocity(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg = ROBOT) -> torch.Tensor:
    """Linear velocities of all bodies [m/s]. Shape is (num_envs, B, 3)."""
    return env.scene[asset_cfg.name].data.body_link_vel_w.torch[..., :3]


def world_state(env: ManagerBasedEnv, asset_cfg: SceneEntityCfg = ROBOT) -> WorldState:
    """What :mod:`~isaaclab_datagen.geometry.state_layouts` computes states from."""
    pose, velocity, data = root_pose(env, asset_cfg), root_velocity(env, asset_cfg), env.scene[asset_cfg.name].data
    return WorldState(
        root_pos=pose[:, :3],
        root_quat=pose[:, 3:],
        root_lin_vel=velocity[:, :3],
        root_ang_vel=velocity[:, 3:],
        body_pos=body_position(env, asset_cfg),
        body_lin_vel=body_velocity(env, asset_cfg),
        joint_pos=data.joint_pos.torch,
        joint_vel=data.joint_vel.torch,
    )


def robot_state(env: ManagerBasedEnv, layout: str = "body_pos", asset_cfg: SceneEntityCfg = ROBOT) -> torch.Tensor:
    """The state of a model, as its dataset's readers compute it. Shape is (num_envs, S).

    Args:
        env: The environment.
        layout: One of :data:`~isaaclab_datagen.geometry.state_layouts.NAMES`. Of those that depend on a window's
            current step it is the state at that step.
        asset_cfg: The robot.
    """
    robot = env.scene[asset_cfg.name]
    return _layout(layout, robot.num_bodies, robot.num_joints)(world_state(env, asset_cfg))


@cache
def _layout(name: str, bodies: int, joints: int) -> StateLayout:
    return state_layouts.layout(name, bodies, joints)
