"""Looking at a point, and the gripper's frame."""

import numpy as np
import pytest
from isaaclab.utils.math import create_rotation_matrix_from_view, matrix_from_quat
from torch import from_numpy, tensor

from isaaclab_datagen.geometry.cameras import project
from isaaclab_datagen.geometry.frames import AXES, gripper_frame, look_at, quaternion

RNG = np.random.default_rng(0)
INTRINSICS = np.array([[100.0, 0.0, 160.0], [0.0, 100.0, 120.0], [0.0, 0.0, 1.0]])
OPENGL = np.diag([1.0, -1.0, -1.0])
"""ROS optical axes to those of OpenGL."""


def pose(eye, rotation):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, eye
    return matrix


def is_rotation(matrix):
    return np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-12) and np.isclose(np.linalg.det(matrix), 1.0)


@pytest.mark.parametrize("_", range(20))
def test_the_target_is_in_the_middle_and_up_is_up(_):
    eye, target, up = RNG.normal(size=(3, 3))
    rotation = look_at(eye, target, up)
    assert is_rotation(rotation)
    (middle, higher), depths = project(np.stack([target, target + 0.01 * up]), INTRINSICS, pose(eye, rotation))
    assert np.allclose(middle, [160, 120])
    assert depths[0] == pytest.approx(np.linalg.norm(target - eye))
    assert higher[1] < 120
    assert higher[0] == pytest.approx(160)


def test_it_is_the_view_that_isaac_lab_makes():
    eyes, targets = RNG.normal(size=(2, 10, 3))
    expected = create_rotation_matrix_from_view(from_numpy(eyes).float(), from_numpy(targets).float()).numpy()
    ours = np.stack([look_at(eye, target) @ OPENGL for eye, target in zip(eyes, targets, strict=True)])
    assert np.allclose(ours, expected, atol=1e-5)


def test_straight_down_has_x_upwards():
    pixels, _ = project(
        np.array([[0.1, 0.0, 0.0], [0.0, -0.1, 0.0]]), INTRINSICS, pose((0, 0, 1), look_at((0, 0, 1), (0, 0, 0)))
    )
    assert np.allclose(pixels, [[160, 110], [170, 120]])


def test_it_cannot_look_at_itself():
    with pytest.raises(ValueError, match="that is where it stands"):
        look_at((1, 2, 3), (1, 2, 3))


@pytest.mark.parametrize("approach", AXES)
def test_x_of_the_gripper_frame_is_the_approach(approach):
    frame = gripper_frame(approach)
    assert is_rotation(frame)
    axis = np.eye(3)["xyz".index(approach[-1])] * (-1 if approach.startswith("-") else 1)
    assert np.array_equal(frame[:, 0], axis)


def test_the_gripper_frame_of_the_pandas_hand():
    """Fingers point along the hand's z, open along its y; its x is up when the hand reaches forward."""
    x, y, z = gripper_frame("z").T
    assert (x.tolist(), y.tolist(), z.tolist()) == ([0, 0, 1], [0, -1, 0], [1, 0, 0])


def test_an_axis_that_there_is_not():
    with pytest.raises(ValueError, match="'w': choose from x, y, z"):
        gripper_frame("w")


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1.0, np.pi / 2, 3.0, np.pi])
def test_quaternions_turn_as_their_matrices_do(angle):
    for axis in [*np.eye(3), *RNG.normal(size=(5, 3))]:
        k = axis / np.linalg.norm(axis)
        cross = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
        rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
        found = quaternion(rotation)
        assert np.linalg.norm(found) == pytest.approx(1.0)
        assert found[3] >= 0
        assert np.allclose(matrix_from_quat(tensor([found], dtype=float))[0].numpy(), rotation, atol=1e-9)
