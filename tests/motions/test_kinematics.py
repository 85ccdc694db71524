"""The G1's kinematics, against pinocchio and against finite differences."""

from __future__ import annotations

import numpy as np
import pinocchio
import pytest
from scipy.spatial.transform import Rotation

from isaaclab_datagen.assets.g1 import BODY_NAMES, JOINT_NAMES, URDF
from isaaclab_datagen.assets.urdf import robot_data
from isaaclab_datagen.motions.inverse_kinematics import Configuration, Target, solve
from isaaclab_datagen.motions.kinematics import centre_of_mass, forward, g1, jacobian, velocities

FRAMES = 3


@pytest.fixture(scope="module")
def posed():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(FRAMES, 3)), Rotation.random(FRAMES, random_state=1).as_quat()
    return *root, 0.5 * rng.normal(size=(FRAMES, len(JOINT_NAMES)))


def test_poses_and_centre_of_mass_agree_with_pinocchio(posed):
    model = pinocchio.buildModelFromUrdf(str(robot_data(URDF)), pinocchio.JointModelFreeFlyer())
    data = model.createData()
    positions, rotations = poses = forward(g1(), *posed)
    centre = centre_of_mass(g1(), poses)
    for frame in range(FRAMES):
        q = pinocchio.neutral(model)
        q[:3], q[3:7] = posed[0][frame], posed[1][frame]
        for name, value in zip(JOINT_NAMES, posed[2][frame], strict=True):
            q[model.joints[model.getJointId(name)].idx_q] = value
        pinocchio.forwardKinematics(model, data, q)
        pinocchio.updateFramePlacements(model, data)
        for body, name in enumerate(BODY_NAMES):
            placed = data.oMf[model.getFrameId(name)]
            assert np.allclose(placed.translation, positions[frame, body], atol=1e-9), name
            assert np.allclose(placed.rotation, rotations[frame, body], atol=1e-9), name
        assert np.allclose(pinocchio.centerOfMass(model, data, q), centre[frame], atol=1e-9)


def test_velocities_and_jacobians_agree_with_finite_differences(posed):
    rng = np.random.default_rng(1)
    linear, angular = rng.normal(size=(2, FRAMES, 3))
    joint_vel, step = rng.normal(size=posed[2].shape), 1e-6
    poses = forward(g1(), *posed)
    turned = (Rotation.from_rotvec(step * angular) * Rotation.from_quat(posed[1])).as_quat()
    moved = forward(g1(), posed[0] + step * linear, turned, posed[2] + step * joint_vel)
    found = velocities(g1(), poses, (linear, angular), joint_vel)
    assert np.allclose((moved[0] - poses[0]) / step, found[0], atol=1e-4)
    turns = Rotation.from_matrix((moved[1] @ np.swapaxes(poses[1], -1, -2)).reshape(-1, 3, 3)).as_rotvec() / step
    assert np.allclose(turns.reshape(found[1].shape), found[1], atol=1e-3)
    generalised = np.concatenate([linear, angular, joint_vel], axis=1)[..., None]
    for body in range(len(BODY_NAMES)):
        both = (jacobian(g1(), poses, body) @ generalised)[..., 0]
        assert np.allclose(both, np.concatenate([found[0][:, body], found[1][:, body]], axis=1))


def test_inverse_kinematics_finds_a_pose_again_within_the_limits():
    rng = np.random.default_rng(2)
    tree = g1()
    count = len(JOINT_NAMES)
    joint_pos = np.clip(0.2 * rng.normal(size=(4, count)), tree.limits[:, 0], tree.limits[:, 1])
    root = np.tile([0.0, 0.0, 0.7], (4, 1)), np.tile([0.0, 0.0, 0.0, 1.0], (4, 1))
    positions, rotations = forward(tree, *root, joint_pos)
    targets = [Target(body, positions[:, body], rotations[:, body]) for body in range(len(BODY_NAMES))]
    start = Configuration(root[0] + 0.05, root[1], np.zeros_like(joint_pos))
    found = solve(tree, start, targets, (np.zeros(count), np.zeros(count)), tree.limits)
    assert np.abs(found.joint_pos - joint_pos).max() < 1e-3
    assert (found.joint_pos >= tree.limits[:, 0]).all() and (found.joint_pos <= tree.limits[:, 1]).all()
