"""The humanoid clips that come with Isaac Lab: reading them, levelling their floor, and closing a walk into a loop.

Their skeleton has 15 bodies whose frames lie in the joints: a shin's in the knee, a foot's in the ankle.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

CLIPS = ("walk", "run", "dance")
"""Clips of ``isaaclab_tasks/contrib/humanoid_amp/motions``."""


@dataclass(frozen=True)
class Clip:
    """Poses of a skeleton's bodies over time."""

    fps: float
    names: tuple[str, ...]
    positions: np.ndarray
    """[m]. Shape is (T, B, 3)."""
    quaternions: np.ndarray
    """x, y, z, w. Shape is (T, B, 4)."""

    def position(self, name: str) -> np.ndarray:
        """Positions of a body. Shape is (T, 3)."""
        return self.positions[:, self.names.index(name)]

    def rotation(self, name: str) -> Rotation:
        """Rotations of a body."""
        return Rotation.from_quat(self.quaternions[:, self.names.index(name)])

    def __getitem__(self, frames: slice) -> Clip:
        return Clip(self.fps, self.names, self.positions[frames], self.quaternions[frames])


def read(name: str) -> Clip:
    """Read one of :data:`CLIPS`.

    Raises:
        FileNotFoundError: If the installed Isaac Lab does not hold it.
    """
    spec = find_spec("isaaclab_tasks")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).parent / "contrib" / "humanoid_amp" / "motions" / f"humanoid_{name}.npz"
    with np.load(path) as file:
        quaternions = file["body_rotations"][..., [1, 2, 3, 0]].astype(float)
        positions = file["body_positions"].astype(float)
        names = tuple(str(body) for body in file["body_names"])
        return level(Clip(float(file["fps"]), names, positions, quaternions))


def level(clip: Clip) -> Clip:
    """Take the floor's slope out, and put resting ankles on z = 0.

    The walk climbs by 6 cm over 3 m. The floor is the plane through the ankles while they rest.
    """
    resting = np.concatenate([ankle[slow] for ankle in _ankles(clip) for slow in [_slow(ankle, clip.fps)]])
    for _ in range(3):  # ankles that rest in the air, such as a lifted leg's, are no floor
        plane, *_ = np.linalg.lstsq(np.c_[resting[:, :2], np.ones(len(resting))], resting[:, 2], rcond=None)
        above = resting[:, 2] - np.c_[resting[:, :2], np.ones(len(resting))] @ plane
        resting = resting[above < np.median(above) + 0.02]
    positions = clip.positions.copy()
    positions[..., 2] -= positions[..., :2] @ plane[:2] + plane[2]
    return Clip(clip.fps, clip.names, positions, clip.quaternions)


def resample(clip: Clip, fps: float) -> Clip:
    """Give a clip another rate, by linear interpolation and along great arcs."""
    duration = (len(clip.positions) - 1) / clip.fps
    times = np.arange(0.0, duration + 1e-9, 1 / fps)
    known = np.arange(len(clip.positions)) / clip.fps
    before = np.clip(np.searchsorted(known, times, side="right") - 1, 0, len(known) - 2)
    share = ((times - known[before]) * clip.fps)[:, None, None]
    positions = (1 - share) * clip.positions[before] + share * clip.positions[before + 1]
    quaternions = np.stack(
        [
            Slerp(known, Rotation.from_quat(clip.quaternions[:, body]))(np.minimum(times, known[-1])).as_quat()
            for body in range(len(clip.names))
        ],
        axis=1,
    )
    return Clip(fps, clip.names, positions, quaternions)


def straighten(clip: Clip, direction: np.ndarray) -> Clip:
    """Turn a clip about z so that ``direction`` (2,) becomes x, and begin over the origin."""
    turn = Rotation.from_rotvec([0.0, 0.0, -np.arctan2(direction[1], direction[0])])
    start = clip.position("pelvis")[0] * [1.0, 1.0, 0.0]
    return moved(clip, turn, -turn.apply(start))


def moved(clip: Clip, turn: Rotation, shift: np.ndarray) -> Clip:
    """Turn a clip about the origin, then shift it (3,)."""
    shape = clip.positions.shape
    positions = turn.apply(clip.positions.reshape(-1, 3)).reshape(shape) + shift
    quaternions = (turn * Rotation.from_quat(clip.quaternions.reshape(-1, 4))).as_quat()
    return Clip(clip.fps, clip.names, positions, quaternions.reshape(clip.quaternions.shape))


def loop(clip: Clip, seconds: float, period: tuple[float, float]) -> Clip:
    """Repeat a gait's best cycle, joined without a step, walking straight along x.

    Args:
        clip: A clip that holds more than one cycle.
        seconds: Least duration of what is returned [s].
        period: Shortest and longest cycle to look for [s].
    """
    start, end = _cycle(clip, *(round(limit * clip.fps) for limit in period))
    length = end - start
    stride = clip.position("pelvis")[end] - clip.position("pelvis")[start]
    clip = straighten(clip[start - min(start, length // 3) : end + 1], stride[:2])
    lead = min(start, length // 3)
    step = (clip.position("pelvis")[lead + length] - clip.position("pelvis")[lead]) * [1.0, 0.0, 0.0]
    cycle = clip[lead : lead + length]
    # the end of the cycle becomes, by and by, what came before its start, one stride further on
    share = np.concatenate([np.zeros(length - lead), 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, lead + 2)[1:-1])])
    before = clip.positions[:lead] + step
    positions, quaternions = cycle.positions.copy(), cycle.quaternions.copy()
    weight = share[length - lead :, None, None]
    positions[length - lead :] = (1 - weight) * positions[length - lead :] + weight * before
    same = np.sign(np.sum(quaternions[length - lead :] * clip.quaternions[:lead], axis=-1, keepdims=True))
    blended = (1 - weight) * quaternions[length - lead :] + weight * same * clip.quaternions[:lead]
    quaternions[length - lead :] = blended / np.linalg.norm(blended, axis=-1, keepdims=True)
    count = int(np.ceil(seconds * clip.fps / length))
    tiled = np.concatenate([positions + number * step for number in range(count)])
    return Clip(clip.fps, clip.names, tiled, np.tile(quaternions, (count, 1, 1)))


def _cycle(clip: Clip, shortest: int, longest: int) -> tuple[int, int]:
    """First and last frame between which a gait repeats itself best."""
    pelvis = clip.position("pelvis")[:, None] * [1.0, 1.0, 0.0]
    pose = gaussian_filter1d((clip.positions - pelvis).reshape(len(clip.positions), -1), 1.0, axis=0)
    features = np.concatenate([pose, np.gradient(pose, 1 / clip.fps, axis=0) * 0.1], axis=1)
    pairs = [(i, i + n) for n in range(shortest, longest + 1) for i in range(len(features) - n)]
    lead = max(1, shortest // 4)
    pairs = [(i, j) for i, j in pairs if i >= lead and j < len(features) - 2]
    return min(pairs, key=lambda pair: float(np.sum((features[pair[0]] - features[pair[1]]) ** 2)))


def _ankles(clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    return clip.position("left_foot"), clip.position("right_foot")


def _slow(ankle: np.ndarray, fps: float) -> np.ndarray:
    return np.linalg.norm(np.gradient(ankle, 1 / fps, axis=0), axis=-1) < 0.15
