"""A reference motion of a robot: joint and body trajectories with the names they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from isaaclab_datagen.assets.g1 import BODY_NAMES, JOINT_NAMES
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.motions.inverse_kinematics import Configuration
from isaaclab_datagen.motions.kinematics import forward, g1, velocities


@dataclass(frozen=True)
class Motion:
    """T frames of a robot with J joints and B bodies. Body 0 is the root; velocities are of the bodies' frames."""

    fps: float
    joint_names: tuple[str, ...]
    body_names: tuple[str, ...]
    joint_pos: np.ndarray
    """[rad]. Shape is (T, J)."""
    joint_vel: np.ndarray
    """[rad/s]. Shape is (T, J)."""
    body_pos_w: np.ndarray
    """[m]. Shape is (T, B, 3)."""
    body_quat_w: np.ndarray
    """x, y, z, w. Shape is (T, B, 4)."""
    body_lin_vel_w: np.ndarray
    """[m/s]. Shape is (T, B, 3)."""
    body_ang_vel_w: np.ndarray
    """[rad/s]. Shape is (T, B, 3)."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.joint_pos)

    @property
    def duration(self) -> float:
        """From the first frame to the last [s]."""
        return (self.frames - 1) / self.fps

    def configuration(self) -> Configuration:
        """Return root and joints alone."""
        return Configuration(self.body_pos_w[:, 0], self.body_quat_w[:, 0], self.joint_pos)

    def ordered(self, joint_names: Sequence[str], body_names: Sequence[str]) -> Motion:
        """Return the motion with joints and bodies in another order, or fewer bodies.

        Raises:
            UsageError: If it is another robot's: names differ.
        """
        joints = _indices("joints", joint_names, self.joint_names)
        bodies = _indices("bodies", body_names, self.body_names)
        if len(joints) != len(self.joint_names):
            raise UsageError(f"the motion has {len(self.joint_names)} joints, {len(joints)} were asked for")
        return Motion(
            self.fps,
            tuple(joint_names),
            tuple(body_names),
            self.joint_pos[:, joints],
            self.joint_vel[:, joints],
            *(values[:, bodies] for values in self._bodies()),
        )

    def _bodies(self) -> tuple[np.ndarray, ...]:
        return self.body_pos_w, self.body_quat_w, self.body_lin_vel_w, self.body_ang_vel_w


def from_configuration(configuration: Configuration, fps: float) -> Motion:
    """Return the G1's motion: bodies by its kinematics, velocities by central differences of root and joints.

    Body velocities follow from those of root and joints, so that a robot that is given these has all of them.

    Args:
        configuration: Root and joints (in the package's order), two frames or more.
        fps: Frames a second.
    """
    tree = g1()
    root_pos, root_quat, joint_pos = configuration.root_pos, configuration.root_quat, configuration.joint_pos
    poses = forward(tree, root_pos, root_quat, joint_pos)
    joint_vel = np.gradient(joint_pos, 1 / fps, axis=0)
    root = np.gradient(root_pos, 1 / fps, axis=0), angular_velocity(root_quat, fps)
    linear, angular = velocities(tree, poses, root, joint_vel)
    quaternions = continuous(Rotation.from_matrix(poses[1].reshape(-1, 3, 3)).as_quat().reshape(*linear.shape[:2], 4))
    return Motion(fps, JOINT_NAMES, BODY_NAMES, joint_pos, joint_vel, poses[0], quaternions, linear, angular)


def resampled(configuration: Configuration, fps: float, wanted: float) -> Configuration:
    """Give a motion another rate, by linear interpolation and along great arcs; the last frame may fall away."""
    known = np.arange(len(configuration.joint_pos)) / fps
    times = np.minimum(np.arange(0.0, known[-1] + 1e-9, 1 / wanted), known[-1])

    def linear(values: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(times, known, column) for column in values.T], axis=1)

    turned = Slerp(known, Rotation.from_quat(configuration.root_quat))(times).as_quat()
    return Configuration(linear(configuration.root_pos), turned, linear(configuration.joint_pos))


def at_rate(motion: Motion, wanted: float) -> Motion:
    """Give a motion another rate, with velocities of that rate; one that has it stays as it is."""
    if abs(motion.fps - wanted) < 1e-6 * wanted:
        return motion
    return from_configuration(resampled(motion.configuration(), motion.fps, wanted), wanted)


def angular_velocity(quaternions: np.ndarray, fps: float) -> np.ndarray:
    """Angular velocity in the world by central differences, at the ends by one-sided ones. Shape is (T, 3) [rad/s]."""
    turns = Rotation.from_quat(quaternions)
    steps = (turns[1:] * turns[:-1].inv()).as_rotvec() * fps
    if len(steps) == 1:
        return np.repeat(steps, 2, axis=0)
    inner = (turns[2:] * turns[:-2].inv()).as_rotvec() * (fps / 2)
    return np.concatenate([steps[:1], inner, steps[-1:]])


def continuous(quaternions: np.ndarray) -> np.ndarray:
    """Choose the signs of quaternions (T, ..., 4) so that neighbours in time lie on the same side."""
    signs = np.sign(np.sum(quaternions[1:] * quaternions[:-1], axis=-1, keepdims=True))
    signs = np.where(signs == 0, 1.0, signs)
    return np.concatenate([quaternions[:1], quaternions[1:] * np.cumprod(signs, axis=0)])


def _indices(what: str, wanted: Sequence[str], known: Sequence[str]) -> list[int]:
    missing = [name for name in wanted if name not in known]
    if missing:
        raise UsageError(f"{what} {', '.join(missing)} are not in the motion: it has {', '.join(known)}")
    return [list(known).index(name) for name in wanted]
