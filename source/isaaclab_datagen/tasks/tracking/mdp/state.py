"""Where a robot is, where it is to be, and how far apart the two are. N environments, J joints, B tracked bodies."""

from __future__ import annotations

from typing import NamedTuple

import torch
from isaaclab.utils.math import matrix_from_quat, quat_apply_inverse, quat_inv, quat_mul

from isaaclab_datagen.replayed import replayed

from .rotations import angle_between, heading_between, turn_quaternions, turn_vectors

ERRORS = ("anchor_pos", "anchor_rot", "body_pos", "body_rot", "body_lin_vel", "body_ang_vel", "joint_pos")
"""What an episode is measured by: distances [m], angles [rad] and speeds, means over the bodies; of joint positions the
vector's length [rad]."""


class TrackingErrors(NamedTuple):
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


class TrackingState(NamedTuple):
    """A commanded frame and the robot, in the world, and what follows from the two."""

    joints: torch.Tensor
    """Commanded joint positions, then velocities. Shape is (N, 2 J)."""
    body_pose: torch.Tensor
    """Commanded positions, quaternions. Shape is (N, B, 7)."""
    robot_pose: torch.Tensor
    """The robot's. Shape is (N, B, 7)."""
    relative_pos: torch.Tensor
    """Commanded positions, shifted and turned so that the anchor's x, y and heading are the robot's. (N, B, 3)."""
    positions_in_anchor: torch.Tensor
    """The robot's bodies, then the commanded anchor, in the robot's anchor frame. Shape is (N, B + 1, 3)."""
    rotations_in_anchor: torch.Tensor
    """The same: the first two columns of rotation matrices, row by row. Shape is (N, B + 1, 6)."""
    errors: TrackingErrors
    measured: torch.Tensor
    """What :data:`ERRORS` names. Shape is (N, 7)."""


class Tracking:
    """Finds a :class:`TrackingState`: on a GPU, hundreds of small kernels that are replayed at once."""

    def __init__(self, bodies: int, anchor: int, device: str) -> None:
        """Prepare.

        Args:
            bodies: B.
            anchor: Index of the anchor among them.
            device: Where it is computed.
        """
        self._anchor = anchor
        errors = (), (), *((bodies,),) * 4
        self._shapes = (bodies, 7), (bodies, 3), (bodies + 1, 3), (bodies + 1, 6), *errors, (len(ERRORS),)
        self._find_now = replayed(self._find, device)

    def __call__(
        self,
        joints: torch.Tensor,
        pose: torch.Tensor,
        vel: torch.Tensor,
        robot_joint_pos: torch.Tensor,
        robot_pose: torch.Tensor,
        robot_vel: torch.Tensor,
        origins: torch.Tensor,
    ) -> TrackingState:
        """Compare.

        Args:
            joints: Commanded joint positions, then velocities. Shape is (N, 2 J).
            pose: Commanded positions in the environment's frame, quaternions. Shape is (N, B, 7).
            vel: Commanded linear, then angular velocities. Shape is (N, B, 6).
            robot_joint_pos: The robot's. Shape is (N, J).
            robot_pose: The robot's, in the world. Shape is (N, B, 7).
            robot_vel: The robot's. Shape is (N, B, 6).
            origins: Origins of the environments. Shape is (N, 3).
        """
        found = self._find_now(joints, pose, vel, robot_joint_pos, robot_pose, robot_vel, origins)
        sizes = [torch.Size(shape).numel() for shape in self._shapes]
        parts = [part.view(-1, *shape) for part, shape in zip(found.split(sizes, dim=1), self._shapes, strict=True)]
        wanted, relative, positions, rotations, *errors, measured = parts
        errors = TrackingErrors(*errors)
        return TrackingState(joints, wanted, robot_pose, relative, positions, rotations, errors, measured)

    def _find(
        self,
        joints: torch.Tensor,
        pose: torch.Tensor,
        vel: torch.Tensor,
        robot_joint_pos: torch.Tensor,
        robot_pose: torch.Tensor,
        robot_vel: torch.Tensor,
        origins: torch.Tensor,
    ) -> torch.Tensor:
        """Everything of a state from :attr:`~TrackingState.body_pose` on but the robot's, side by side. (N, ...)."""
        at = self._anchor
        body_pos = pose[..., :3] + origins[:, None]
        anchor, robot = body_pos[:, at], robot_pose[:, at]
        heading = heading_between(robot[:, 3:], pose[:, at, 3:])[:, None]
        shift = torch.cat([robot[:, :2], anchor[:, 2:]], dim=-1)
        relative_pos = shift[:, None] + turn_vectors(heading, body_pos - anchor[:, None])
        relative_quat = turn_quaternions(heading, pose[..., 3:])

        positions = torch.cat([robot_pose[..., :3], anchor[:, None]], dim=1)
        quaternions = torch.cat([robot_pose[..., 3:], pose[:, at, None, 3:]], dim=1)
        turn = robot[:, None, 3:].expand_as(quaternions)
        columns = matrix_from_quat(quat_mul(quat_inv(turn), quaternions))[..., :2]

        velocity2 = (vel - robot_vel) ** 2
        errors = TrackingErrors(
            ((anchor - robot[:, :3]) ** 2).sum(dim=-1),
            angle_between(pose[:, at, 3:], robot[:, 3:]),
            ((relative_pos - robot_pose[..., :3]) ** 2).sum(dim=-1),
            angle_between(relative_quat, robot_pose[..., 3:]),
            velocity2[..., :3].sum(dim=-1),
            velocity2[..., 3:].sum(dim=-1),
        )
        parts = (
            torch.cat([body_pos, pose[..., 3:]], dim=-1),
            relative_pos,
            quat_apply_inverse(turn, positions - robot[:, None, :3]),
            columns,
            *errors,
            _measured(errors, joints[:, : robot_joint_pos.shape[1]] - robot_joint_pos),
        )
        return torch.cat([part.reshape(len(pose), -1) for part in parts], dim=1)


def _measured(errors: TrackingErrors, joints: torch.Tensor) -> torch.Tensor:
    """What :data:`ERRORS` names (N, 7), from errors and differences of joint positions (N, J)."""
    found = [
        errors.anchor_pos2.sqrt(),
        errors.anchor_rot,
        *(values.mean(dim=-1) for values in (errors.body_pos2.sqrt(), errors.body_rot)),
        *(values.sqrt().mean(dim=-1) for values in (errors.body_lin_vel2, errors.body_ang_vel2)),
        torch.linalg.vector_norm(joints, dim=-1),
    ]
    return torch.stack(found, dim=-1)
