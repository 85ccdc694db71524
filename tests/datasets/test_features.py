"""The state of a frame is the same from a recording and from a simulation, and equal rotations are equal numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from isaaclab_datagen.datasets import features
from isaaclab_datagen.errors import UsageError

JOINTS = ["panda_joint1", "panda_joint2", "panda_finger_joint1", "panda_finger_joint2"]
WIDTHS = {"ee_pose": 7, "object_pose": 7, "joint_pos": 4}


def channels(count=50, seed=0):
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(size=(count, width)).astype(np.float32) for name, width in WIDTHS.items()}
    for name in ("ee_pose", "object_pose"):
        found[name][:, 3:] /= np.linalg.norm(found[name][:, 3:], axis=1, keepdims=True)
    return found


def downward(count=200, seed=0):
    """Quaternions of a hand that points down, turned by up to 45 degrees, tilted a little, each with either sign."""
    rng = np.random.default_rng(seed)
    half = rng.uniform(-np.pi / 8, np.pi / 8, count)
    found = np.stack([np.cos(half), np.sin(half), *0.01 * rng.normal(size=(2, count))], axis=1)
    return found / np.linalg.norm(found, axis=1, keepdims=True), rng.choice([-1.0, 1.0], (count, 1))


def test_the_same_state_comes_from_arrays_and_from_tensors():
    recorded = channels()
    spec = features.with_references(features.choose(WIDTHS, JOINTS, include_object=True), recorded)
    one = features.state(spec, recorded, np.concatenate)
    other = features.state(spec, {name: torch.from_numpy(v) for name, v in recorded.items()}, torch.cat)
    assert one.shape == (50, 15) == (50, len(spec.names))
    np.testing.assert_array_equal(one, other.numpy())


def test_the_last_number_is_the_measured_width_of_the_fingers():
    recorded = channels()
    spec = features.choose(WIDTHS, JOINTS, include_object=False)
    width = features.state(spec, recorded, np.concatenate)[:, -1]
    np.testing.assert_allclose(width, recorded["joint_pos"][:, 2:].sum(axis=1), rtol=1e-6)
    measured = features.choose({**WIDTHS, "gripper_width": 1}, JOINTS, include_object=False)
    assert measured.parts[-1].channel == "gripper_width"


def test_both_signs_of_a_quaternion_are_one_state():
    quaternions, signs = downward()
    reference = features.typical(quaternions * signs)
    np.testing.assert_allclose(reference, (1, 0, 0, 0), atol=0.05)
    np.testing.assert_allclose(features.closer(quaternions * signs, reference), quaternions)


def test_the_typical_rotation_is_far_from_where_the_sign_changes():
    quaternions, signs = downward()
    agreement = np.abs(quaternions * signs @ np.asarray(features.typical(quaternions * signs)))
    assert agreement.min() > 0.9  # while w, the usual rule, is around 0 for all of them
    assert np.abs(quaternions[:, 3]).max() < 0.1


def test_a_spec_survives_a_file():
    spec = features.with_references(features.choose(WIDTHS, JOINTS, include_object=True), channels())
    assert features.StateSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_what_is_missing_is_named():
    with pytest.raises(UsageError, match="include_obj_pose.*object_pose"):
        features.choose({"ee_pose": 7}, [], include_object=True)
    with pytest.raises(UsageError, match="neither ee_pose nor joint_pos"):
        features.choose({"depth": 3}, [], include_object=False)
    with pytest.raises(UsageError, match="needs ee_pose"):
        features.state(features.choose(WIDTHS, JOINTS, False), {"joint_pos": np.zeros((1, 4))}, np.concatenate)


def test_without_an_end_effector_the_joints_are_the_state():
    assert features.choose({"joint_pos": 2}, ["a", "b"], include_object=False).names == ["a", "b"]


def test_of_a_robot_that_walks_root_and_joints_are_the_state():
    whole = {"joint_vel": 2, "root_velocity": 6, "root_pose": 7, "joint_pos": 2}
    names = features.choose(whole, ["a", "b"], include_object=False).names
    assert (names[:2], names[6:8], names[13:]) == (
        ["root_x", "root_y"],
        ["root_qw", "root_vx"],
        ["a", "b", "a_velocity", "b_velocity"],
    )
