"""Inverse kinematics of whole trajectories: damped Gauss-Newton steps on all frames at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from isaaclab_datagen.motions.kinematics import Tree, forward, jacobian


@dataclass(frozen=True)
class Configuration:
    """Where a robot is, over time."""

    root_pos: np.ndarray
    """[m]. Shape is (T, 3)."""
    root_quat: np.ndarray
    """x, y, z, w. Shape is (T, 4)."""
    joint_pos: np.ndarray
    """[rad]. Shape is (T, J)."""


@dataclass(frozen=True)
class Target:
    """Where one body is to be. Weights are of squared metres and radians, one for each axis or one for all."""

    body: int
    position: np.ndarray | None = None
    """[m]. Shape is (T, 3). Relative to :attr:`origin` if there is one."""
    rotation: np.ndarray | None = None
    """Matrices. Shape is (T, 3, 3)."""
    position_weight: float | tuple[float, float, float] = 1.0
    rotation_weight: float = 1.0
    origin: int | None = None
    """Body that :attr:`position` is measured from, in the world's axes."""


def solve(
    tree: Tree,
    start: Configuration,
    targets: Sequence[Target],
    rest: tuple[np.ndarray, np.ndarray],
    limits: np.ndarray,
    iterations: int = 60,
) -> Configuration:
    """Bring bodies as near to their targets as joint limits allow.

    Args:
        tree: The robot.
        start: Where to begin.
        targets: What is asked.
        rest: Joint positions that are preferred, (J,) or (T, J), and the weight of each, (J,).
        limits: Lower and upper joint positions [rad]. Shape is (J, 2).
        iterations: Of the solver.
    """
    found, damping = start, 1e-4
    for _ in range(iterations):
        poses = forward(tree, found.root_pos, found.root_quat, found.joint_pos)
        matrix = np.zeros((len(found.joint_pos), 6 + len(limits), 6 + len(limits)))
        vector = np.zeros(matrix.shape[:2])
        for target in targets:
            for rows, error, weight in _residuals(tree, poses, target):
                weighted = np.swapaxes(rows, 1, 2) * weight
                matrix += weighted @ rows
                vector += (weighted @ error[..., None])[..., 0]
        index = np.arange(6, 6 + len(limits))
        matrix[:, index, index] += rest[1]
        vector[:, 6:] += rest[1] * (rest[0] - found.joint_pos)
        matrix += damping * np.eye(matrix.shape[-1])
        step = np.linalg.solve(matrix, vector[..., None])[..., 0]
        turn = Rotation.from_rotvec(np.clip(step[:, 3:6], -0.3, 0.3))
        found = replace(
            found,
            root_pos=found.root_pos + step[:, :3],
            root_quat=(turn * Rotation.from_quat(found.root_quat)).as_quat(),
            joint_pos=np.clip(found.joint_pos + np.clip(step[:, 6:], -0.3, 0.3), limits[:, 0], limits[:, 1]),
        )
    return found


def _residuals(tree: Tree, poses: tuple[np.ndarray, ...], target: Target) -> list[tuple[np.ndarray, ...]]:
    """Jacobian, error and weights (3,) of a target's position and rotation."""
    rows = jacobian(tree, poses, target.body)
    found = []
    if target.position is not None:
        moved, at = rows[:, :3], poses[0][:, target.body]
        if target.origin is not None:
            moved = moved - jacobian(tree, poses, target.origin)[:, :3]
            at = at - poses[0][:, target.origin]
        found.append((moved, target.position - at, np.broadcast_to(target.position_weight, 3)))
    if target.rotation is not None:
        turned = target.rotation @ np.swapaxes(poses[1][:, target.body], 1, 2)
        error = Rotation.from_matrix(turned).as_rotvec()
        found.append((rows[:, 3:], error, np.broadcast_to(target.rotation_weight, 3)))
    return found
