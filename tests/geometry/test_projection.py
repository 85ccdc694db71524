"""The pinhole, against its definition."""

import numpy as np

from isaaclab_datagen.geometry.cameras import project

INTRINSICS = np.array([[200.0, 0.0, 160.0], [0.0, 210.0, 120.0], [0.0, 0.0, 1.0]])
DOWN = np.array([[1.0, 0, 0, 0.5], [0, -1, 0, 0.1], [0, 0, -1, 0.9], [0, 0, 0, 1]])
"""A camera at (0.5, 0.1, 0.9) that looks down; right in its image is +x, down is -y."""


def test_a_point_below_the_camera_is_at_the_principal_point():
    pixels, depth = project(np.array([0.5, 0.1, 0.2]), INTRINSICS, DOWN)
    assert np.allclose(pixels, [160, 120])
    assert np.isclose(depth, 0.7)


def test_right_is_right_and_up_is_up():
    pixels, _ = project(np.array([[0.6, 0.1, 0.4], [0.5, 0.2, 0.4]]), INTRINSICS, DOWN)
    assert np.allclose(pixels, [[160 + 200 * 0.1 / 0.5, 120], [160, 120 - 210 * 0.1 / 0.5]])


def test_what_is_behind_the_camera_has_no_pixel():
    pixels, depth = project(np.array([0.5, 0.1, 1.0]), INTRINSICS, DOWN)
    assert np.isnan(pixels).all()
    assert depth < 0


def test_pixels_and_depths_lead_back_to_the_points():
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    extrinsics = np.eye(4)
    extrinsics[:3, :3], extrinsics[:3, 3] = rotation, rng.normal(size=3)
    points = (rng.normal(size=(4, 5, 3)) + [0, 0, 6]) @ rotation.T + extrinsics[:3, 3]
    pixels, depth = project(points, INTRINSICS, extrinsics)
    assert pixels.shape == (4, 5, 2)
    rays = np.concatenate([pixels, np.ones((4, 5, 1))], axis=-1) @ np.linalg.inv(INTRINSICS).T
    assert np.allclose((rays * depth[..., None]) @ rotation.T + extrinsics[:3, 3], points)
