"""Where a camera looks, and which way a gripper points. Quaternions are x y z w; rotation matrices are (3, 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

AXES = ("x", "y", "z", "-x", "-y", "-z")
"""Axes of a body, by name."""

_PARALLEL = 1e-6
"""Sine of the angle below which two directions count as the same."""


def look_at(eye: Sequence[float], target: Sequence[float], up: Sequence[float] = (0.0, 0.0, 1.0)) -> np.ndarray:
    """Rotation of a camera that stands at ``eye``, looks at ``target`` and holds ``up`` upwards in its image.

    Where the view runs along ``up``, the frame's x axis points upwards in the image instead.

    Args:
        eye: Position [m]. Shape is (3,).
        target: Point that appears in the image's centre [m]. Shape is (3,).
        up: Direction. Shape is (3,).

    Returns:
        Camera (ROS optical axes: x right, y down, z forward) to the frame of the arguments. Shape is (3, 3).

    Raises:
        ValueError: If the camera is to look at its own place.
    """
    forward = np.subtract(target, eye, dtype=float)
    length = np.linalg.norm(forward)
    if length < _PARALLEL:
        raise ValueError(f"a camera at {tuple(eye)} cannot look at {tuple(target)}: that is where it stands")
    forward /= length
    right = np.cross(forward, np.asarray(up, dtype=float))
    if np.linalg.norm(right) < _PARALLEL:
        right = np.cross(forward, (1.0, 0.0, 0.0))
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def gripper_frame(approach: str) -> np.ndarray:
    """Axes of the gripper frame in an end-effector body's frame.

    x is the approach direction, in which fingers point. z, upwards, is the body's z axis, or its x axis where the
    gripper approaches along z. y completes a right-handed frame.

    Args:
        approach: The body's axis that fingers point along, one of :data:`AXES`. On the Panda's hand it is z.

    Returns:
        Gripper to body frame. Shape is (3, 3).

    Raises:
        ValueError: If there is no such axis.
    """
    if approach not in AXES:
        raise ValueError(f"approach axis {approach!r}: choose from {', '.join(AXES)}")
    forward = np.eye(3)["xyz".index(approach[-1])] * (-1.0 if approach[0] == "-" else 1.0)
    up = np.eye(3)[0 if approach[-1] == "z" else 2]
    return np.stack([forward, np.cross(up, forward), up], axis=1)


def quaternion(rotation: np.ndarray) -> tuple[float, float, float, float]:
    """Unit quaternion (x, y, z, w), w not negative, of a rotation matrix (3, 3).

    The components are found from the largest of the four (J. Guidance and Control 1, 223, 1978).
    """
    trace = np.trace(rotation)
    squares = [*(2.0 * np.diag(rotation) - trace), trace]
    largest = int(np.argmax(squares))
    if largest == 3:
        found = np.array([*_skew(rotation), 1.0 + trace])
    else:
        i, j, k = largest, (largest + 1) % 3, (largest + 2) % 3
        found = np.empty(4)
        found[i] = 1.0 + squares[i]
        found[j] = rotation[j, i] + rotation[i, j]
        found[k] = rotation[k, i] + rotation[i, k]
        found[3] = _skew(rotation)[i]
    found *= (-1.0 if found[3] < 0 else 1.0) / np.linalg.norm(found)
    x, y, z, w = found.tolist()
    return x, y, z, w


def _skew(rotation: np.ndarray) -> np.ndarray:
    """Twice the sine of the angle, times the axis."""
    return np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
