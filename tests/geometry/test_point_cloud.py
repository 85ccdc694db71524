"""A point cloud lies where the things are that the depth image shows."""

import numpy as np
import pytest

from isaaclab_datagen.geometry.cameras import point_cloud, project
from isaaclab_datagen.geometry.frames import look_at

INTRINSICS = np.array([[90.0, 0.0, 32.0], [0.0, 90.0, 24.0], [0.0, 0.0, 1.0]])
EYE = np.array([-0.4, 0.3, 1.1])
EXTRINSICS = np.eye(4)
EXTRINSICS[:3, :3], EXTRINSICS[:3, 3] = look_at(EYE, (0.2, -0.1, 0.0)), EYE


def depth_of_a_plane(height: float) -> np.ndarray:
    """Depth image (48, 64) of the plane z = height, pixel by pixel: the ray's length, times its cosine."""
    depth = np.zeros((48, 64))
    for row, column in np.ndindex(depth.shape):
        direction = np.array([(column + 0.5 - 32.0) / 90.0, (row + 0.5 - 24.0) / 90.0, 1.0])
        direction /= np.linalg.norm(direction)
        ray = EXTRINSICS[:3, :3] @ direction
        length = (height - EYE[2]) / ray[2]
        depth[row, column] = length * direction[2]
    return depth


@pytest.mark.parametrize("height", [0.0, 0.25])
def test_a_plane_is_a_plane(height):
    points, seen = point_cloud(depth_of_a_plane(height), INTRINSICS, EXTRINSICS)
    assert seen.all()
    assert np.allclose(points[:, 2], height)
    assert np.ptp(points[:, 0]) > 0.3


def test_points_are_projected_to_the_centres_of_their_pixels():
    depth = np.random.default_rng(0).uniform(0.2, 3.0, size=(48, 64))
    points, seen = point_cloud(depth, INTRINSICS, EXTRINSICS)
    pixels, depths = project(points, INTRINSICS, EXTRINSICS)
    rows, columns = np.nonzero(seen)
    assert np.allclose(pixels, np.stack([columns, rows], axis=1) + 0.5)
    assert np.allclose(depths, depth[seen])


def test_pixels_that_saw_nothing_give_no_points():
    depth = np.ones((48, 64), np.float32)
    depth[0, :3] = 0.0, np.inf, np.nan
    depth[1, 0] = 7.0
    points, seen = point_cloud(depth, INTRINSICS, EXTRINSICS, max_depth=5.0)
    assert (~seen).sum() == 4
    assert len(points) == 48 * 64 - 4
