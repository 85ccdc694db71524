"""The pinhole camera, with the matrices that datasets hold."""

from __future__ import annotations

import numpy as np


def project(points: np.ndarray, intrinsics: np.ndarray, extrinsics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points appear in an image.

    Args:
        points: In the environment's frame [m]. Shape is (..., 3).
        intrinsics: Focal lengths and principal point [pixels]. Shape is (3, 3).
        extrinsics: Camera (ROS optical axes: x right, y down, z forward) to environment frame. Shape is (4, 4).

    Returns:
        Pixels (column, row), shape (..., 2), and depths [m] along the optical axis, shape (...). A pixel's centre is at
        its number plus a half. Where the depth is not positive the point is behind the camera and its pixel is NaN.
    """
    rotation, position = extrinsics[:3, :3], extrinsics[:3, 3]
    seen = (np.asarray(points) - position) @ rotation
    depth = seen[..., 2]
    front = np.where(depth > 0, depth, np.nan)
    pixels = (seen @ intrinsics.T)[..., :2] / front[..., None]
    return pixels, depth
