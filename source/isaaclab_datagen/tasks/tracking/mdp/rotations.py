"""Rotations in few tensor operations: on a GPU a step of the task costs what its operations cost to launch.

Quaternions are x y z w. A quaternion is viewed as two complex numbers, x + iy and z + iw.
"""

from __future__ import annotations

import torch
from isaaclab.utils.math import quat_inv, quat_mul


def angle_between(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Angle between rotations (..., 4) [rad]. Shape is (...).

    From the chord between unit quaternions, 2 sin(angle / 4): exact where the angle is small.
    """
    chord = torch.minimum(torch.linalg.vector_norm(a - b, dim=-1), torch.linalg.vector_norm(a + b, dim=-1))
    return 4.0 * torch.asin((0.5 * chord).clamp(max=1.0))


def heading_between(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Turn about z that leads from the heading of rotations ``b`` (..., 4) to that of ``a`` [rad]. Shape is (...)."""
    x, y, z, w = quat_mul(a, quat_inv(b)).unbind(-1)
    return torch.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def turn_quaternions(angle: torch.Tensor, quaternions: torch.Tensor) -> torch.Tensor:
    """Turn rotations (..., 4) about the world's z axis by ``angle`` (...) [rad]."""
    half = torch.polar(torch.ones_like(angle), 0.5 * angle)
    pairs = torch.view_as_complex(quaternions.contiguous().unflatten(-1, (2, 2)))
    return torch.view_as_real(pairs * torch.stack([half, half.conj()], dim=-1)).flatten(-2)


def turn_vectors(angle: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """Turn vectors (..., 3) about the world's z axis by ``angle`` (...) [rad]."""
    turn = torch.polar(torch.ones_like(angle), angle)
    plane = torch.view_as_complex(vectors[..., :2].contiguous()) * turn
    return torch.cat([torch.view_as_real(plane), vectors[..., 2:]], dim=-1)


def up_component(quaternions: torch.Tensor) -> torch.Tensor:
    """Cosine of the tilt of rotations (..., 4): the world's z component of their z axis. Shape is (...)."""
    return 1.0 - 2.0 * (quaternions[..., :2] ** 2).sum(dim=-1)
