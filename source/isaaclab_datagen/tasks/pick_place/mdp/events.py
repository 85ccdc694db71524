"""How an episode begins, and what happens in it by chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from isaaclab.envs.mdp import reset_joints_by_offset, reset_scene_to_default
from isaaclab.managers import EventTermCfg, ManagerTermBase, SceneEntityCfg
from isaaclab.utils.math import quat_apply

from isaaclab_datagen.mdp import body_pose, gripper_width, object_pose

from .commands_cfg import DIRECTIONS

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

    from .commands import CarryCommand

__all__ = ["reset_workspace", "slip_away"]


def reset_workspace(
    env: ManagerBasedRLEnv,
    env_ids: torch.Tensor | slice,
    command_name: str,
    yaw: float,
    joint_offset: float,
    start_spread: float,
    asset_cfg: SceneEntityCfg,
    object_cfg: SceneEntityCfg = SceneEntityCfg("object"),
) -> None:
    """Put robot and cube where an episode begins, unless it goes on from the last one's success.

    The cube lies at a random place in direction A, at the goal or near it in direction B, turned a little.

    Args:
        env: The environment.
        env_ids: Environments that are being reset.
        command_name: Name of the :class:`CarryCommand`.
        yaw: Largest turn of the cube to either side [rad].
        joint_offset: Largest offset of a joint [rad].
        start_spread: Largest distance of the cube to the goal in direction B [m].
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
    pose[:, :2] = command.draw_places(len(ids)) if to_goal else goal + start_spread * _in_disc(len(ids), env.device)
    pose[:, :3] += env.scene.env_origins[ids]
    half = yaw * (torch.rand(len(ids), device=env.device) - 0.5)
    pose[:, 5], pose[:, 6] = half.sin(), half.cos()
    cube.write_root_pose_to_sim_index(root_pose=pose, env_ids=ids)


class slip_away(ManagerTermBase):
    """The cube is pulled out of the fingers, once, as they close on it or on the way, and lies where the reset put it.

    Where it is to happen as they close, an episode begins with the cube aside of that place, along its own x axis. The
    fingers close along its y axis, and are not in the way.
    """

    def __init__(self, cfg: EventTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self.slips = torch.zeros(env.num_envs, dtype=torch.bool, device=env.device)
        """Whether the cube is yet to slip in this episode. Shape is (num_envs,)."""
        self._pose_w = torch.zeros(env.num_envs, 7, device=env.device)
        self.way = torch.zeros(env.num_envs, device=env.device)
        """How far it is carried before [m]; 0 where it slips as the fingers close on it. Shape is (num_envs,)."""

    def reset(self, env_ids: Sequence[int] | slice | None = None) -> None:
        """Draw where it is to happen, and when, after a reset has put the cube in its place; move it aside there."""
        params: dict[str, Any] = self.cfg.params
        if params["share"] == 0.0:
            return
        ids = torch.arange(self.num_envs, device=self.device)[slice(None) if env_ids is None else env_ids]
        command = cast("CarryCommand", self._env.command_manager.get_term(params["command_name"]))
        drawn = torch.rand(len(ids), device=self.device) < params["share"]
        self.slips[ids] = drawn & (command.direction[ids] == DIRECTIONS.index("B"))
        cube, closing = self._cube(), torch.rand(len(ids), device=self.device) < params["closing_share"]
        self._pose_w[ids] = cube.data.root_link_pose_w.torch[ids]
        self.way[ids] = torch.where(closing, 0.0, self._drawn(len(ids), params["way"]))
        ids = ids[self.slips[ids] & closing]
        away = torch.zeros(len(ids), 3, device=self.device)
        away[:, 0] = self._drawn(len(ids), params["distance"])
        away[:, 0] *= 1.0 - 2.0 * torch.randint(2, (len(ids),), device=self.device)
        pose_w = self._pose_w[ids].clone()
        pose_w[:, :3] += quat_apply(pose_w[:, 3:], away)
        cube.write_root_pose_to_sim_index(root_pose=pose_w, env_ids=ids)

    def __call__(
        self,
        env: ManagerBasedRLEnv,
        env_ids: torch.Tensor | None,
        command_name: str,
        share: float,
        closing_share: float,
        distance: tuple[float, float],
        way: tuple[float, float],
        closing_width: float,
        reach: float,
        fingers_cfg: SceneEntityCfg,
        hand_cfg: SceneEntityCfg,
        offset: tuple[float, float, float],
        object_cfg: SceneEntityCfg = SceneEntityCfg("object"),
    ) -> None:
        """Let it slip where the time has come.

        Args:
            env: The environment.
            env_ids: None: all are looked at.
            command_name: Name of the :class:`CarryCommand`.
            share: In what share of the episodes of B it happens.
            closing_share: And in what share of those as the fingers close.
            distance: How far aside it lies at first then: least and most [m].
            way: In the others, how far it is carried before: least and most [m]. Those of a shorter way keep it.
            closing_width: Distance of the fingers below which they close [m].
            reach: Largest distance of the tip to the cube's middle [m].
            fingers_cfg: The robot and its finger joints.
            hand_cfg: The robot and its hand.
            offset: The tip in the hand's frame [m].
            object_cfg: The cube.
        """
        if share == 0.0:
            return
        cube = object_pose(env, object_cfg)[:, :3]
        near = (body_pose(env, hand_cfg, offset)[:, :3] - cube).norm(dim=-1) < reach
        far = (cube + env.scene.env_origins - self._pose_w[:, :3]).norm(dim=-1) >= self.way
        closing = gripper_width(env, fingers_cfg)[:, 0] < closing_width
        ids = (self.slips & near & far & closing).nonzero().flatten()
        if len(ids) == 0:
            return
        self.slips[ids] = False
        self._cube().write_root_pose_to_sim_index(root_pose=self._pose_w[ids], env_ids=ids)
        still = torch.zeros(len(ids), 6, device=self.device)
        self._cube().write_root_velocity_to_sim_index(root_velocity=still, env_ids=ids)

    def _drawn(self, count: int, limits: tuple[float, float]) -> torch.Tensor:
        """Random numbers within limits. Shape is (count,)."""
        low, high = limits
        return low + (high - low) * torch.rand(count, device=self.device)

    def _cube(self) -> Any:
        return self._env.scene[self.cfg.params["object_cfg"].name]


def _in_disc(count: int, device: str) -> torch.Tensor:
    """Random points of a disc of radius 1, all as probable. Shape is (count, 2)."""
    distance, angle = torch.rand(count, device=device).sqrt(), 2.0 * math.pi * torch.rand(count, device=device)
    return distance.unsqueeze(-1) * torch.stack([angle.cos(), angle.sin()], dim=-1)
