"""Where the cube shall be held, and how tip, cube and goal lie to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from isaaclab.envs.mdp.commands.pose_command import UniformPoseCommand
from isaaclab.utils.math import quat_apply

from isaaclab_datagen.replayed import replayed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isaaclab.envs import ManagerBasedEnv, ManagerBasedRLEnv

    from .commands_cfg import GoalCommandCfg

__all__ = ["GoalCommand", "Layout", "layout"]


class Layout(NamedTuple):
    """Where things are, in the environment's frame."""

    object: torch.Tensor
    """Centre of the cube [m]. Shape is (num_envs, 3)."""
    goal: torch.Tensor
    """Where it shall be held [m]. Shape is (num_envs, 3)."""
    tip_to_object: torch.Tensor
    """From the tip to the cube's centre [m]. Shape is (num_envs, 3)."""
    object_to_goal: torch.Tensor
    """From the cube's centre to the goal [m]. Shape is (num_envs, 3)."""
    yaw_error: torch.Tensor
    """Cosine and sine of four times the angle from the hand's x axis to the cube's, about z. Shape is (num_envs, 2)."""
    reach: torch.Tensor
    """Distance from the tip to the cube's centre [m]. Shape is (num_envs, 1)."""
    goal_distance: torch.Tensor
    """Distance from the cube's centre to the goal [m]. Shape is (num_envs, 1)."""

    @classmethod
    def of(cls, columns: torch.Tensor) -> Layout:
        """Take apart what is found as one tensor. Shape is (num_envs, 16)."""
        return cls(*columns.split([3, 3, 3, 3, 2, 1, 1], dim=-1))


class GoalCommand(UniformPoseCommand):
    """Isaac Lab's pose command, for the cube instead of the hand, and what depends on it and on the scene.

    Observations, rewards and terminations all ask for the same few vectors: they are found once for all of them, and
    replayed on a GPU.
    """

    cfg: GoalCommandCfg

    def __init__(self, cfg: GoalCommandCfg, env: ManagerBasedEnv) -> None:
        super().__init__(cfg, env)
        self.metrics.clear()  # the hand's distance to the goal says nothing
        self._object = env.scene[cfg.object_name]
        self._tip = torch.tensor(cfg.tip_offset, device=self.device)
        self._axis = torch.tensor((1.0, 0.0, 0.0), device=self.device)
        self._find_now = replayed(self._find, self.device)
        self._version, self._cached = 0, (-1, -1)

    @property
    def command(self) -> torch.Tensor:
        """The goal in the robot's root frame, (num_envs, 7). Whoever is given it may write it, as a replay does."""
        self._version += 1
        return super().command

    @property
    def layout(self) -> Layout:
        """Found once after physics, once after resets, and whenever the command may have been changed."""
        now = (self._env.common_step_counter, self._version)
        if self._cached != now:
            hand = self.robot.data.body_link_pose_w.torch[:, self.body_idx]
            root, cube = (asset.data.root_link_pose_w.torch for asset in (self.robot, self._object))
            found = self._find_now(hand, cube, root, self.pose_command_b, self._env.scene.env_origins)
            self._cached, self._layout = now, Layout.of(found)
        return self._layout

    def _find(
        self, hand: torch.Tensor, cube: torch.Tensor, root: torch.Tensor, goal: torch.Tensor, origins: torch.Tensor
    ) -> torch.Tensor:
        """What :class:`Layout` holds (N, 16), of poses (N, 7) in the world, the goal's in the root frame; origins."""
        tip, goal = (
            frame[:, :3] + quat_apply(frame[:, 3:], point.expand(len(frame), 3))
            for frame, point in ((hand, self._tip), (root, goal[:, :3]))
        )
        x_axis = self._axis.expand(len(hand), 3)
        cube_x, hand_x = quat_apply(cube[:, 3:], x_axis), quat_apply(hand[:, 3:], x_axis)
        yaw = torch.atan2(cube_x[:, 1:2], cube_x[:, :1]) - torch.atan2(hand_x[:, 1:2], hand_x[:, :1])
        centre = cube[:, :3]
        reach, way = centre - tip, goal - centre
        distances = [vector.norm(dim=-1, keepdim=True) for vector in (reach, way)]
        columns = [centre - origins, goal - origins, reach, way, torch.cos(4 * yaw), torch.sin(4 * yaw), *distances]
        return torch.cat(columns, dim=-1)

    def _resample_command(self, env_ids: Sequence[int]) -> None:
        self._version += 1
        super()._resample_command(env_ids)

    def _update_command(self) -> None:
        """Every step, after the resets."""
        self._version += 1

    def _update_metrics(self) -> None:
        """There are none; but a marker stands where measuring the hand's distance has put it."""
        if self.cfg.debug_vis:
            super()._update_metrics()


def layout(env: ManagerBasedRLEnv, command_name: str = "object_pose") -> Layout:
    """Where tip, cube and goal are."""
    return cast("GoalCommand", env.command_manager.get_term(command_name)).layout
