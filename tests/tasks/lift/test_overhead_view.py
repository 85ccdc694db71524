"""What a trainer that crops the centre of the overhead image sees, by the recorded matrices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from isaaclab.cli import load_external_tasks
from isaaclab.utils.math import matrix_from_quat
from isaaclab_tasks.utils import load_cfg_from_registry

from isaaclab_datagen.assets.objects import CUBE_SIZE
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.geometry.cameras import project

pytestmark = pytest.mark.sim
CROP = 160
"""Side of AVDC's centre crop [pixels]."""


@pytest.fixture(scope="module")
def episodes(collected):
    return list(formats.open_reader(collected))


def reset_corners() -> np.ndarray:
    """All corners of the cube, at rest at the ends of its reset range, turned by every angle. Shape is (n, 3)."""
    load_external_tasks()
    cfg = load_cfg_from_registry("Lift-Custom-IK", "env_cfg_entry_point")
    ranges = cfg.events.reset.params["pose_ranges"]["object"]
    assert ranges.keys() == {"x", "y", "yaw"}
    centres = np.array(list(itertools.product(ranges["x"], ranges["y"], [0.0]))) + cfg.scene.object.init_state.pos
    half = CUBE_SIZE / 2 * np.array(list(itertools.product([-1, 1], repeat=3)))
    angles = np.radians(np.arange(0, 90, 5))
    turned = [half @ np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]]) for a in angles]
    return (centres[:, None, None] + np.array(turned)).reshape(-1, 3)


def test_the_crop_holds_the_cubes_whole_reset_range(episodes):
    for episode in episodes:
        width, height = episode.metadata["camera_resolution"]
        intrinsics = np.array(episode.metadata["intrinsics"])
        for extrinsics in episode.frames["extrinsics/overhead_camera"]:
            pixels, depth = project(reset_corners(), intrinsics, extrinsics)
            assert (depth > 0).all()
            assert (np.abs(pixels - [width / 2, height / 2]) <= CROP / 2).all()


def test_the_crop_is_not_wider_than_it_needs_to_be(episodes):
    """The range fills at least 90 % of the crop's width: otherwise the cube would be smaller than it could."""
    episode = episodes[0]
    pixels, _ = project(
        reset_corners(), np.array(episode.metadata["intrinsics"]), episode.frames["extrinsics/overhead_camera"][0]
    )
    assert np.ptp(pixels[:, 0]) > 0.9 * CROP or np.ptp(pixels[:, 1]) > 0.9 * CROP


def test_the_recorded_cube_lies_on_its_pixels(episodes):
    for episode in episodes:
        images = episode.frames["images/overhead_camera"]
        intrinsics = np.array(episode.metadata["intrinsics"])
        for t in (0, 5, 10):
            pose = episode.frames["object_pose"][t]
            extrinsics = episode.frames["extrinsics/overhead_camera"][t]
            pixel, _ = project(pose[:3] + [0, 0, CUBE_SIZE / 2], intrinsics, extrinsics)
            red, green, blue = np.moveaxis(images[t].astype(int), -1, 0)
            seen = (red > 1.5 * green) & (red > 1.5 * blue)
            assert seen[int(pixel[1]), int(pixel[0])]
            rows, columns = np.nonzero(seen)
            assert np.abs([columns.mean() + 0.5, rows.mean() + 0.5] - pixel).max() < 3


def test_the_recorded_rotation_is_one(episodes):
    """And object_pose is position and quaternion x y z w: at rest the cube stands upright."""
    for episode in episodes:
        upright = matrix_from_quat(torch.from_numpy(episode.frames["object_pose"][:, 3:]))[:, 2, 2]
        assert (upright > 0.999).all()
