"""From the humanoid's skeleton to the G1: legs and arms scaled to its lengths, feet planted while they carry.

A planted foot lies flat, or rolls about its heel or its toes: these do not move on the ground by construction. What the
inverse kinematics then has to give up, it gives up elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from isaaclab_datagen.assets.g1 import BODY_NAMES, FEET, HANDS, JOINT_NAMES, SOLE, STANDING
from isaaclab_datagen.motions import humanoid
from isaaclab_datagen.motions.inverse_kinematics import Configuration, Target, solve
from isaaclab_datagen.motions.kinematics import forward, g1
from isaaclab_datagen.motions.names import by_expression

TOE, HEEL = 0.12, -0.05
"""Ends of the sole along the foot's x axis [m]: the outermost spheres."""

HALF_WIDTH = 0.035
"""How much farther out than the scaled skeleton's each foot is put [m]: the G1's hips are wider."""

TOE_UP = 0.5
"""Share of the skeleton's toe-up angle that is kept: the G1's ankle is a joint without a toe."""

CLEARANCE, SPEED = 0.025, 0.5
"""Height of the skeleton's sole [m] and speed of its ankle [m/s] under which a foot is planted."""

LIFT = 0.03
"""How much higher than the skeleton's a swinging foot is lifted [m]."""

FILTER = 0.025
"""Width of the Gaussian that the skeleton's feet are filtered by [s]."""


@dataclass(frozen=True)
class Foot:
    """Where one foot of the G1 is to be."""

    position: np.ndarray
    """Of its frame [m]. Shape is (T, 3)."""
    rotation: np.ndarray
    """Shape is (T, 3, 3)."""
    planted: np.ndarray
    """Whether it carries. Shape is (T,)."""


def retarget(clip: humanoid.Clip, limits_factor: float = 0.97) -> Configuration:
    """Return the G1's motion for a clip.

    Args:
        clip: At the rate that is wanted; its floor is z = 0 under the ankles (:func:`humanoid.level`).
        limits_factor: Share of the joints' ranges that may be used.
    """
    tree, rest, targets = g1(), _rest(), _targets(clip)
    middle, half = tree.limits.mean(axis=1), limits_factor * np.diff(tree.limits, axis=1)[:, 0] / 2
    limits = np.stack([middle - half, middle + half], axis=1)
    count = len(clip.positions)
    start = Configuration(np.asarray(targets[0].position), clip.rotation("pelvis").as_quat(), np.tile(rest, (count, 1)))
    weights = np.full(len(JOINT_NAMES), 2e-3)
    weights[[JOINT_NAMES.index(name) for name in JOINT_NAMES if "wrist" in name]] = 0.05
    found = solve(tree, start, targets, (rest, weights), limits)
    return smooth(found, clip.fps)


def reach_error(clip: humanoid.Clip, found: Configuration) -> dict[str, tuple[float, float]]:
    """Return how far feet and hands of a retargeted motion are from where they were to be [m].

    Args:
        clip: What was retargeted.
        found: What came of it.

    Returns:
        Mean and largest distance, by body. A hand's target is measured from the elbow.
    """
    positions, _ = forward(g1(), found.root_pos, found.root_quat, found.joint_pos)
    errors = {}
    for target in _targets(clip):
        name = BODY_NAMES[target.body]
        if name in (*FEET, *HANDS) and target.position is not None:
            origin = 0.0 if target.origin is None else positions[:, target.origin]
            distance = np.linalg.norm(target.position + origin - positions[:, target.body], axis=1)
            errors[name] = float(distance.mean()), float(distance.max())
    return errors


def _targets(clip: humanoid.Clip) -> list[Target]:
    """What is asked of the G1, the pelvis first."""
    scale = _leg_length() / _skeleton_leg(clip)
    feet = {side: foot(clip, side, scale) for side in ("left", "right")}
    return [*_trunk(clip, scale), *_arms(clip), *_legs(feet)]


def smooth(found: Configuration, fps: float, sigma: float = 0.03) -> Configuration:
    """Filter a motion by a Gaussian of ``sigma`` [s]."""
    width = sigma * fps
    quat = found.root_quat.copy()
    quat[1:] *= np.cumprod(np.sign(np.sum(quat[1:] * quat[:-1], axis=1, keepdims=True)), axis=0)
    quat = gaussian_filter1d(quat, width, axis=0, mode="nearest")
    return Configuration(
        gaussian_filter1d(found.root_pos, width, axis=0, mode="nearest"),
        quat / np.linalg.norm(quat, axis=1, keepdims=True),
        gaussian_filter1d(found.joint_pos, width, axis=0, mode="nearest"),
    )


def foot(clip: humanoid.Clip, side: str, scale: float) -> Foot:
    """Return where a foot is to be: still where the skeleton's carries, along its scaled path where it swings."""
    # half of the clips' frames are nearly copies of the ones before: without a filter feet jerk
    ankle = gaussian_filter1d(clip.position(f"{side}_foot"), FILTER * clip.fps, axis=0, mode="nearest")
    forward_axis = clip.rotation(f"{side}_foot").as_matrix()[:, :, 0]
    pitch = -np.arcsin(np.clip(forward_axis[:, 2], -1.0, 1.0))
    pitch = gaussian_filter1d(pitch, FILTER * clip.fps, mode="nearest")
    pitch = np.where(pitch < 0, TOE_UP * pitch, pitch)
    # lowest point of the skeleton's sole, 5 cm under the ankle, from 5 cm behind it to 13 cm before it
    low = np.minimum(ankle[:, 2] - 0.13 * np.sin(pitch), ankle[:, 2] + 0.05 * np.sin(pitch)) + 0.05 * (
        1 - np.cos(pitch)
    )
    height = gaussian_filter1d(np.maximum(low, 0.0), 1.0)
    speed = np.linalg.norm(np.gradient(ankle[:, :2], 1 / clip.fps, axis=0), axis=1)
    planted = _closed((height < CLEARANCE) & (speed < SPEED), 4)
    outward = (1 if side == "left" else -1) * HALF_WIDTH * _left_of(clip)
    path = scale * ankle[:, :2] + outward
    yaw = np.unwrap(np.arctan2(forward_axis[:, 1], forward_axis[:, 0]))
    steady = np.abs(pitch) < 0.3
    frames = np.arange(len(yaw))
    yaw = np.interp(frames, frames[steady], yaw[steady])
    offset, yaw = _plant(planted, path, yaw, pitch)
    position = np.zeros((len(path), 3))
    rolled = _rolled(pitch, yaw)
    position[:, :2] = path + offset + np.where(planted[:, None], rolled[:, :2], 0.0)
    raised = gaussian_filter1d(scale * np.where(planted, 0.0, height), 1.0) * ~planted
    position[:, 2] = SOLE + rolled[:, 2] + raised + _lift(planted, clip.fps)
    rotation = Rotation.from_euler("ZY", np.stack([yaw, pitch], axis=1)).as_matrix()
    return Foot(position, rotation, planted)


def _lift(planted: np.ndarray, fps: float) -> np.ndarray:
    """How much higher than the skeleton's a swinging foot is lifted: a foot without toes needs more room."""
    lift = np.zeros(len(planted))
    for start, end in runs(~planted):
        if (end - start) / fps > 0.15 and start > 0 and end < len(planted):
            lift[start:end] = LIFT * np.sin(np.pi * np.linspace(0.0, 1.0, end - start + 2)[1:-1]) ** 0.7
    return lift


def _rolled(pitch: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """How a foot's frame moves when it rolls from flat about its toes (pitch > 0) or heel. Shape is (T, 3)."""
    pivot = np.stack([np.where(pitch > 0, TOE, HEEL), np.zeros_like(pitch), np.full_like(pitch, -SOLE)], axis=1)
    flat = pivot - Rotation.from_rotvec(pitch[:, None] * [0.0, 1.0, 0.0]).apply(pivot)
    return Rotation.from_rotvec(yaw[:, None] * [0.0, 0.0, 1.0]).apply(flat)


def _plant(planted: np.ndarray, path: np.ndarray, yaw: np.ndarray, pitch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shifts of a path that let a planted foot stand still, faded over the swings; and the yaw, held while planted."""
    frames = np.arange(len(path))
    offset, held = np.full_like(path, np.nan), np.full_like(yaw, np.nan)
    for start, end in runs(planted):
        part = slice(start, end)
        turned = np.full(end - start, np.median(yaw[part]))
        flat = path[part] - _rolled(pitch[part], turned)[:, :2]
        offset[part] = np.median(flat, axis=0) - path[part]
        held[part] = turned
    known = ~np.isnan(held)
    if not known.any():
        return np.zeros_like(path), yaw
    faded = np.stack([np.interp(frames, frames[known], offset[known, axis]) for axis in range(2)], axis=1)
    # at the ends of a swing the frame is where the rolled foot has it
    for start, end in runs(~planted):
        ends = [_rolled(pitch[[at]], held[[at]])[0, :2] for at in (start - 1, end) if 0 <= at < len(path)]
        if ends:
            share = np.linspace(0.0, 1.0, end - start)[:, None]
            faded[start:end] += (1 - share) * ends[0] + share * ends[-1]
    return faded, np.interp(frames, frames[known], held[known])


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First frames, and those after the last, of the stretches in which ``mask`` (T,) holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _closed(mask: np.ndarray, shortest: int) -> np.ndarray:
    """Drop stretches, of either kind, that are shorter than some frames."""
    made = mask.copy()
    for value in (True, False):
        for start, end in runs(made == value):
            if end - start < shortest and start > 0 and end < len(made):
                made[start:end] = not value
    return made


def _trunk(clip: humanoid.Clip, scale: float) -> list[Target]:
    tree, pelvis = g1(), clip.position("pelvis")
    hips = (clip.position("left_thigh")[:, 2] + clip.position("right_thigh")[:, 2]) / 2
    drop = -tree.placements[BODY_NAMES.index("left_hip_pitch_link")][2, 3]
    ankle = SOLE + 0.0176
    position = np.c_[scale * pelvis[:, :2], gaussian_filter1d(scale * hips, 1.5) + drop + ankle]
    return [
        Target(0, position, clip.rotation("pelvis").as_matrix(), (1.0, 1.0, 1.0), 0.5),
        Target(BODY_NAMES.index("torso_link"), None, clip.rotation("torso").as_matrix(), rotation_weight=0.3),
    ]


def _arms(clip: humanoid.Clip) -> list[Target]:
    """Upper arms and forearms point as the skeleton's do."""
    found = []
    for side in ("left", "right"):
        joints = [clip.position(f"{side}_{name}") for name in ("upper_arm", "lower_arm", "hand")]
        bodies = [BODY_NAMES.index(f"{side}_{name}_link") for name in ("shoulder_roll", "elbow", "wrist_yaw")]
        for (a, b), (i, j) in zip(
            zip(joints, joints[1:], strict=False), zip(bodies, bodies[1:], strict=False), strict=True
        ):
            direction = (b - a) / np.linalg.norm(b - a, axis=1, keepdims=True)
            found.append(Target(j, direction * _distance(i, j), None, 0.5, origin=i))
    return found


def _legs(feet: dict[str, Foot]) -> list[Target]:
    return [
        Target(BODY_NAMES.index(f"{side}_ankle_roll_link"), foot.position, foot.rotation, 30.0, 3.0)
        for side, foot in feet.items()
    ]


def _rest() -> np.ndarray:
    return by_expression(STANDING, JOINT_NAMES)


def _distance(i: int, j: int) -> float:
    """Distance of two bodies in the standing pose [m]."""
    positions, _ = forward(g1(), np.zeros((1, 3)), np.array([[0.0, 0, 0, 1]]), _rest()[None])
    return float(np.linalg.norm(positions[0, j] - positions[0, i]))


def _leg_length() -> float:
    """Hip to ankle of the straight leg [m]."""
    positions, _ = forward(g1(), np.zeros((1, 3)), np.array([[0.0, 0, 0, 1]]), np.zeros((1, len(JOINT_NAMES))))
    hip, ankle = (BODY_NAMES.index(f"left_{name}_link") for name in ("hip_pitch", "ankle_roll"))
    return float(positions[0, hip, 2] - positions[0, ankle, 2])


def _skeleton_leg(clip: humanoid.Clip) -> float:
    joints = [clip.position(f"left_{name}") for name in ("thigh", "shin", "foot")]
    return float(sum(np.linalg.norm(b - a, axis=1).mean() for a, b in zip(joints, joints[1:], strict=False)))


def _left_of(clip: humanoid.Clip) -> np.ndarray:
    """The pelvis's horizontal left, slowly changing. Shape is (T, 2)."""
    left = clip.rotation("pelvis").as_matrix()[:, :2, 1]
    left = gaussian_filter1d(left, clip.fps / 2, axis=0, mode="nearest")
    return left / np.linalg.norm(left, axis=1, keepdims=True)
