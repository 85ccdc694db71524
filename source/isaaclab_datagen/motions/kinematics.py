"""The G1's kinematics in numpy, for whole trajectories at once: poses, velocities and Jacobians of its bodies.

They are computed from the URDF that the simulator's model is made of, without a simulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from xml.etree import ElementTree

import numpy as np
from scipy.spatial.transform import Rotation

from isaaclab_datagen.assets.g1 import BODY_NAMES, JOINT_NAMES, URDF
from isaaclab_datagen.assets.urdf import robot_data
from isaaclab_datagen.assets.urdf_merge import merge_fixed_joints, pose


@dataclass(frozen=True)
class Tree:
    """Bodies and the joints that move them. Body 0 floats; joint j moves body j + 1, whose frame is the joint's."""

    parents: tuple[int, ...]
    """Parent of each body; -1 for the root."""
    placements: np.ndarray
    """Pose of each body in its parent's frame at joint position 0. Shape is (B, 4, 4)."""
    axes: np.ndarray
    """Axis of each body's joint in the body's frame. Shape is (B, 3)."""
    limits: np.ndarray
    """Lower and upper joint positions [rad]. Shape is (B - 1, 2)."""
    masses: np.ndarray
    """[kg]. Shape is (B,)."""
    centres: np.ndarray
    """Centre of mass of each body in its frame [m]. Shape is (B, 3)."""

    @property
    def ancestors(self) -> np.ndarray:
        """Whether the joint of body j moves body i. Shape is (B, B); column 0 is unused."""
        moved = np.eye(len(self.parents), dtype=bool)
        for body, parent in enumerate(self.parents):
            if parent >= 0:
                moved[body] |= moved[parent]
        return moved


@cache
def g1() -> Tree:
    """Return the G1's tree, bodies and joints in the package's order."""
    robot = ElementTree.parse(robot_data(URDF)).getroot()
    merge_fixed_joints(robot)
    joints = {joint.attrib["name"]: joint for joint in robot.findall("joint")}
    links = {link.attrib["name"]: link for link in robot.findall("link")}
    inertials = [next(iter(links[name].iter("inertial"))) for name in BODY_NAMES]
    masses = np.array([float(next(iter(part.iter("mass"))).attrib["value"]) for part in inertials])
    centres = np.stack([pose(part)[:3, 3] for part in inertials])
    parents, limits = [-1], []
    placements: list[np.ndarray] = [np.eye(4)]
    axes: list[np.ndarray] = [np.zeros(3)]
    for number, name in enumerate(JOINT_NAMES):
        joint = joints[name]
        parts = {part.tag: part for part in joint}
        assert parts["child"].attrib["link"] == BODY_NAMES[number + 1]
        parents.append(BODY_NAMES.index(parts["parent"].attrib["link"]))
        placements.append(pose(joint))
        axes.append(np.array([float(word) for word in parts["axis"].attrib["xyz"].split()]))
        limits.append([float(parts["limit"].attrib["lower"]), float(parts["limit"].attrib["upper"])])
    return Tree(tuple(parents), np.stack(placements), np.stack(axes), np.array(limits), masses, centres)


def forward(tree: Tree, root_pos: np.ndarray, root_quat: np.ndarray, joint_pos: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the poses of all bodies.

    Args:
        tree: The robot.
        root_pos: Position of body 0 [m]. Shape is (T, 3).
        root_quat: Its rotation (x, y, z, w). Shape is (T, 4).
        joint_pos: Joint positions [rad]. Shape is (T, B - 1).

    Returns:
        Positions (T, B, 3) [m] and rotation matrices (T, B, 3, 3).
    """
    count = len(tree.parents)
    positions = np.zeros((len(joint_pos), count, 3))
    rotations = np.zeros((len(joint_pos), count, 3, 3))
    positions[:, 0], rotations[:, 0] = root_pos, Rotation.from_quat(root_quat).as_matrix()
    for body in range(1, count):
        parent, placed = tree.parents[body], tree.placements[body]
        turned = Rotation.from_rotvec(joint_pos[:, body - 1, None] * tree.axes[body]).as_matrix()
        positions[:, body] = positions[:, parent] + rotations[:, parent] @ placed[:3, 3]
        rotations[:, body] = rotations[:, parent] @ (placed[:3, :3] @ turned)
    return positions, rotations


def centre_of_mass(tree: Tree, poses: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the robot's centre of mass [m]. Shape is (T, 3).

    Args:
        tree: The robot.
        poses: What :func:`forward` returned.
    """
    at = poses[0] + (poses[1] @ tree.centres[..., None])[..., 0]
    return (at * tree.masses[:, None]).sum(axis=1) / tree.masses.sum()


def velocities(
    tree: Tree, poses: tuple[np.ndarray, ...], root: tuple[np.ndarray, np.ndarray], joint_vel: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return linear and angular velocities of all bodies' frames in the world.

    Args:
        tree: The robot.
        poses: What :func:`forward` returned.
        root: Linear [m/s] and angular [rad/s] velocity of body 0 in the world. Shapes are (T, 3).
        joint_vel: Joint velocities [rad/s]. Shape is (T, B - 1).

    Returns:
        Linear and angular velocities. Shapes are (T, B, 3).
    """
    positions, rotations = poses
    linear, angular = np.zeros_like(positions), np.zeros_like(positions)
    linear[:, 0], angular[:, 0] = root
    for body in range(1, len(tree.parents)):
        parent = tree.parents[body]
        arm = positions[:, body] - positions[:, parent]
        linear[:, body] = linear[:, parent] + np.cross(angular[:, parent], arm)
        spin = rotations[:, body] @ tree.axes[body]
        angular[:, body] = angular[:, parent] + joint_vel[:, body - 1, None] * spin
    return linear, angular


def jacobian(tree: Tree, poses: tuple[np.ndarray, ...], body: int) -> np.ndarray:
    """Return how a body moves with the root's velocity in the world, then with each joint's.

    Args:
        tree: The robot.
        poses: What :func:`forward` returned.
        body: Index of the body.

    Returns:
        Linear then angular rows. Shape is (T, 6, 6 + B - 1).
    """
    positions, rotations = poses
    at = positions[:, body]
    made = np.zeros((len(at), 6, 6 + len(tree.parents) - 1))
    made[:, :, :6] = np.eye(6)
    made[:, :3, 3:6] = -_skew(at - positions[:, 0])
    for joint in np.flatnonzero(tree.ancestors[body])[1:]:
        axis = rotations[:, joint] @ tree.axes[joint]
        made[:, :3, 5 + joint] = np.cross(axis, at - positions[:, joint])
        made[:, 3:, 5 + joint] = axis
    return made


def _skew(vectors: np.ndarray) -> np.ndarray:
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
