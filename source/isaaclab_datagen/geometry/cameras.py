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


def point_cloud(
    depth: np.ndarray, intrinsics: np.ndarray, extrinsics: np.ndarray, max_depth: float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """What a depth image saw, as points: the inverse of :func:`project`.

    Args:
        depth: Distance along the optical axis [m], not along the ray. Shape is (H, W). A pixel that is not above 0,
            not finite or beyond ``max_depth`` saw nothing.
        intrinsics: Focal lengths and principal point [pixels]. Shape is (3, 3).
        extrinsics: Camera (ROS optical axes) to environment frame. Shape is (4, 4).
        max_depth: Depths from here on count as nothing [m].

    Returns:
        Points in the environment's frame [m], shape (K, 3), row by row of the image, and which pixels they are of,
        shape (H, W) bool: ``image[seen]`` are their colours.
    """
    seen = np.isfinite(depth) & (depth > 0) & (depth < max_depth)
    rows, columns = np.nonzero(seen)
    pixels = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1)
    points = pixels @ np.linalg.inv(intrinsics).T * depth[seen][:, None]
    return points @ extrinsics[:3, :3].T + extrinsics[:3, 3], seen
