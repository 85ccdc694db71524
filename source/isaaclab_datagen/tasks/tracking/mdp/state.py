"""Where a robot is, where it is to be, and how far apart the two are. N environments, J joints, B tracked bodies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from isaaclab.utils.math import matrix_from_quat, quat_apply_inverse, quat_inv, quat_mul

from .rotations import angle_between, heading_between, turn_quaternions, turn_vectors


@dataclass(frozen=True)
class TrackingErrors:
    """How far the robot is from its reference; bodies relative to the anchor's place and heading."""

    anchor_pos2: torch.Tensor
    """Squared distance [m^2]. Shape is (N,)."""
    anchor_rot: torch.Tensor
    """Angle [rad]. Shape is (N,)."""
    body_pos2: torch.Tensor
    """Squared distances [m^2]. Shape is (N, B)."""
    body_rot: torch.Tensor
    """Angles [rad]. Shape is (N, B)."""
    body_lin_vel2: torch.Tensor
    """Squared differences in the world [m^2/s^2]. Shape is (N, B)."""
    body_ang_vel2: torch.Tensor
    """Squared differences in the world [rad^2/s^2]. Shape is (N, B)."""


@dataclass
class TrackingState:
    """A commanded frame and the robot, in the world. What follows from them is computed when it is first asked for."""

    joints: torch.Tensor
    """Commanded joint positions, then velocities. Shape is (N, 2 J)."""
    body_pose: torch.Tensor
    """Commanded positions in the environment's frame, quaternions. Shape is (N, B, 7)."""
    body_vel: torch.Tensor
    """Commanded linear, then angular velocities. Shape is (N, B, 6)."""
    robot_pose: torch.Tensor
    """The robot's. Shape is (N, B, 7)."""
    robot_vel: torch.Tensor
    """The robot's. Shape is (N, B, 6)."""
    origins: torch.Tensor
    """Origins of the environments. Shape is (N, 3)."""
    anchor: int
    """Index of the anchor among the bodies."""

    @cached_property
    def body_pos(self) -> torch.Tensor:
        """Commanded positions. Shape is (N, B, 3)."""
        return self.body_pose[..., :3] + self.origins[:, None]

    @cached_property
    def relative_pos(self) -> torch.Tensor:
        """Commanded positions, shifted and turned so that the anchor's x, y and heading are the robot's. (N, B, 3)."""
        anchor = self.body_pos[:, self.anchor]
        shift = torch.cat([self.robot_pose[:, self.anchor, :2], anchor[:, 2:]], dim=-1)
        return shift[:, None] + turn_vectors(self._heading, self.body_pos - anchor[:, None])

    @cached_property
    def relative_quat(self) -> torch.Tensor:
        """Commanded rotations, turned by the same angle. Shape is (N, B, 4)."""
        return turn_quaternions(self._heading, self.body_pose[..., 3:])

    @cached_property
    def errors(self) -> TrackingErrors:
        """How far the robot is from its reference."""
        at, velocity2 = self.anchor, (self.body_vel - self.robot_vel) ** 2
        return TrackingErrors(
            anchor_pos2=((self.body_pos[:, at] - self.robot_pose[:, at, :3]) ** 2).sum(dim=-1),
            anchor_rot=angle_between(self.body_pose[:, at, 3:], self.robot_pose[:, at, 3:]),
            body_pos2=((self.relative_pos - self.robot_pose[..., :3]) ** 2).sum(dim=-1),
            body_rot=angle_between(self.relative_quat, self.robot_pose[..., 3:]),
            body_lin_vel2=velocity2[..., :3].sum(dim=-1),
            body_ang_vel2=velocity2[..., 3:].sum(dim=-1),
        )

    @cached_property
    def in_anchor(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The robot's bodies, then the commanded anchor, in the robot's anchor frame.

        Positions (N, B + 1, 3) and the first two columns of rotation matrices, row by row (N, B + 1, 6).
        """
        robot = self.robot_pose[:, self.anchor]
        positions = torch.cat([self.robot_pose[..., :3], self.body_pos[:, self.anchor, None]], dim=1)
        quaternions = torch.cat([self.robot_pose[..., 3:], self.body_pose[:, self.anchor, None, 3:]], dim=1)
        turn = robot[:, None, 3:].expand_as(quaternions)
        columns = matrix_from_quat(quat_mul(quat_inv(turn), quaternions))[..., :2]
        return quat_apply_inverse(turn, positions - robot[:, None, :3]), columns.flatten(-2)

    @cached_property
    def _heading(self) -> torch.Tensor:
        """Turn about z from the commanded anchor to the robot's, for each body [rad]. Shape is (N, 1)."""
        robot, wanted = self.robot_pose[:, self.anchor, 3:], self.body_pose[:, self.anchor, 3:]
        return heading_between(robot, wanted)[:, None]
