"""How good a motion is, in figures: limits, the ground, the feet, balance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from isaaclab_datagen.assets.g1 import BODY_NAMES, FEET, HANDS, JOINT_NAMES, MOTORS, SOLE_POINTS
from isaaclab_datagen.motions.kinematics import centre_of_mass, forward, g1
from isaaclab_datagen.motions.motion import Motion
from isaaclab_datagen.motions.names import by_expression

CONTACT = 0.005
"""Height of a sole's lowest point under which the foot touches the ground [m]."""


@dataclass(frozen=True)
class Quality:
    """Figures of a motion."""

    seconds: float
    distance: float
    """Of the root, from the first frame to the last, along the ground [m]."""
    limit_margin: float
    """Least distance of a joint to its limit; negative where it is beyond [rad]."""
    speed_share: float
    """Largest joint speed as a share of what its motor can do."""
    penetration: float
    """How far the lowest point of a sole is under the ground, at most [m]."""
    skating: float
    """Mean horizontal speed of the lowest point of a sole that touches the ground [m/s]."""
    contact: float
    """Share of the frames in which a foot touches the ground."""
    reach: float
    """How far hands and feet of the file are from where the robot's kinematics has them, at most [m]: a wrong order of
    joints or quaternions shows here."""
    imbalance: float
    """How far the centre of mass is outside the feet's box, at most, while both touch [m]."""

    def lines(self) -> list[str]:
        """Return the figures as text, one a line."""
        return [
            f"duration           {self.seconds:8.2f} s",
            f"distance           {self.distance:8.2f} m",
            f"joint limit margin {self.limit_margin:8.3f} rad",
            f"joint speed        {100 * self.speed_share:8.1f} % of the motors'",
            f"ground penetration {1e3 * self.penetration:8.1f} mm",
            f"foot skating       {1e3 * self.skating:8.1f} mm/s",
            f"foot contact       {100 * self.contact:8.1f} % of the frames",
            f"end effectors      {1e3 * self.reach:8.1f} mm from where the joints put them",
            f"imbalance          {1e3 * self.imbalance:8.1f} mm outside both feet",
        ]


def check(motion: Motion) -> Quality:
    """Return the figures of a motion in the package's order."""
    limits = g1().limits
    margins = np.minimum(motion.joint_pos - limits[:, 0], limits[:, 1] - motion.joint_pos)
    top = by_expression({word: motor.velocity for motor in MOTORS.values() for word in motor.joints}, JOINT_NAMES)
    soles = np.stack([_soles(motion, name) for name in FEET], axis=1)
    lowest = soles[..., 2].min(axis=2)
    touching = lowest < CONTACT
    way = motion.body_pos_w[-1, 0, :2] - motion.body_pos_w[0, 0, :2]
    return Quality(
        seconds=motion.duration,
        distance=float(np.linalg.norm(way)),
        limit_margin=float(margins.min()),
        speed_share=float((np.abs(motion.joint_vel) / top).max()),
        penetration=float(max(0.0, -lowest.min())),
        skating=_skating(soles, touching, motion.fps),
        contact=float(touching.any(axis=1).mean()),
        reach=_reach(motion),
        imbalance=_imbalance(motion, soles, touching.all(axis=1)),
    )


def _reach(motion: Motion) -> float:
    positions, _ = forward(g1(), motion.body_pos_w[:, 0], motion.body_quat_w[:, 0], motion.joint_pos)
    ends = [BODY_NAMES.index(name) for name in (*FEET, *HANDS)]
    return float(np.linalg.norm(positions[:, ends] - motion.body_pos_w[:, ends], axis=-1).max())


def _soles(motion: Motion, foot: str) -> np.ndarray:
    """Lowest points of a foot's spheres. Shape is (T, 4, 3)."""
    body = BODY_NAMES.index(foot)
    turns = Rotation.from_quat(motion.body_quat_w[:, body]).as_matrix()
    return motion.body_pos_w[:, None, body] + np.array(SOLE_POINTS) @ np.swapaxes(turns, 1, 2)


def _skating(soles: np.ndarray, touching: np.ndarray, fps: float) -> float:
    both = touching[1:] & touching[:-1]
    if not both.any():
        return 0.0
    lowest = soles[:-1, ..., 2].argmin(axis=2)[..., None, None]
    before, after = (np.take_along_axis(part, lowest, axis=2)[:, :, 0, :2] for part in (soles[:-1], soles[1:]))
    return float((np.linalg.norm(after - before, axis=-1) * fps)[both].mean())


def _imbalance(motion: Motion, soles: np.ndarray, standing: np.ndarray) -> float:
    if not standing.any():
        return 0.0
    turns = (
        Rotation.from_quat(motion.body_quat_w.reshape(-1, 4)).as_matrix().reshape(*motion.body_quat_w.shape[:2], 3, 3)
    )
    centre = centre_of_mass(g1(), (motion.body_pos_w, turns))[standing, :2]
    points = soles[standing].reshape(int(standing.sum()), -1, 3)[..., :2]
    outside = np.maximum(points.min(axis=1) - centre, centre - points.max(axis=1))
    return float(max(0.0, outside.max()))
