"""Reference motions on the device, frame behind frame, and where to start in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.motions.files import load
from isaaclab_datagen.motions.motion import Motion, at_rate

if TYPE_CHECKING:
    from .commands_cfg import AdaptiveSamplingCfg

PARTS = (("joint_pos", "joint_vel"), ("body_pos_w", "body_quat_w"), ("body_lin_vel_w", "body_ang_vel_w"))


class Frames(NamedTuple):
    """Frames of motions: J joints, B bodies."""

    joints: torch.Tensor
    """Positions, then velocities. Shape is (N, 2 J)."""
    body_pose: torch.Tensor
    """Positions where the motion has them, quaternions. Shape is (N, B, 7)."""
    body_vel: torch.Tensor
    """Linear, then angular. Shape is (N, B, 6)."""


class MotionLibrary:
    """All frames of several motions, one after the other: F frames of M motions."""

    def __init__(
        self, files: Sequence[str], names: tuple[Sequence[str], Sequence[str]], rate: float, device: str
    ) -> None:
        """Read the motions.

        Args:
            files: Paths, or names of built-in motions.
            names: The robot's joints, and the bodies to keep, in order.
            rate: Frames a second; a motion of another rate is resampled.
            device: Where frames are kept.

        Raises:
            UsageError: If there is no file, or one is no motion of this robot.
        """
        if not files:
            raise UsageError("no motion to track: give motion_files at least one path or built-in name")
        motions = [at_rate(load(str(file)), rate).ordered(*names) for file in files]
        self.files = tuple(str(file) for file in files)
        lengths = [motion.frames for motion in motions]
        self.lengths = torch.tensor(lengths, device=device)
        """Frames of each motion. Shape is (M,)."""
        self.starts = torch.tensor(np.cumsum([0, *lengths[:-1]]), device=device)
        """First frame of each motion. Shape is (M,)."""
        self.rate = rate
        self._joints, self._bodies = len(names[0]), len(names[1])
        rows = [np.concatenate([_row(motion, part) for motion in motions]) for part in PARTS]
        self._rows = torch.tensor(np.concatenate(rows, axis=1), dtype=torch.float32, device=device)

    def frames(self, rows: torch.Tensor) -> Frames:
        """Return frames (N,), counted through all motions."""
        drawn = self._rows[rows]
        sizes = [2 * self._joints, 7 * self._bodies, 6 * self._bodies]
        joints, pose, velocity = drawn.split(sizes, dim=1)
        return Frames(joints, pose.unflatten(1, (-1, 7)), velocity.unflatten(1, (-1, 6)))


def _row(motion: Motion, part: tuple[str, str]) -> np.ndarray:
    """Two arrays of a motion side by side for each joint set or body, flat. Shape is (T, D)."""
    return np.concatenate([getattr(motion, name) for name in part], axis=-1).reshape(motion.frames, -1)


class StartSampler:
    """Draws motions and frames to start at, evenly. Each motion is cut into bins of about a second."""

    def __init__(self, library: MotionLibrary, bin_seconds: float = 1.0) -> None:
        """Cut the motions into bins."""
        self._library = library
        width = max(1, round(bin_seconds * library.rate))
        self._bins = library.lengths // width + 1
        self._first = torch.cumsum(self._bins, dim=0) - self._bins
        self._motion_of = torch.repeat_interleave(torch.arange(len(self._bins), device=self._bins.device), self._bins)
        weights = 1.0 / self._bins[self._motion_of] * library.lengths[self._motion_of]
        self._even = weights / weights.sum()

    @property
    def probabilities(self) -> torch.Tensor:
        """Probability that an episode starts in a bin; bins of all motions. Shape is (total number of bins,)."""
        return self._even

    def count(self, motions: torch.Tensor, frames: torch.Tensor, failed: torch.Tensor) -> None:
        """Hear of episodes that end (n,): their motions, their frames, and whether they failed. Nothing hangs on it."""

    def step(self) -> None:
        """A step is over."""

    def spread(self) -> dict[str, torch.Tensor]:
        """How starts are spread, by name; nothing where that never changes."""
        return {}

    def draw(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``count`` motions and frames of them. A frame has at least one more behind it."""
        drawn = torch.multinomial(self.probabilities, count, replacement=True)
        motions = self._motion_of[drawn]
        within = (drawn - self._first[motions]) + torch.rand(count, device=drawn.device)
        last = self._library.lengths[motions] - 2
        return motions, torch.minimum((within / self._bins[motions] * (last + 1)).long(), last)


class AdaptiveStartSampler(StartSampler):
    """Draws more starts where failures are counted.

    A failure counts in the bin of the frame that it happened at. The weight of a bin is the running mean of its
    failures a step, plus an even share.
    """

    def __init__(self, library: MotionLibrary, cfg: AdaptiveSamplingCfg) -> None:
        """Count from zero."""
        super().__init__(library, cfg.bin_seconds)
        self._cfg = cfg
        self.failures = torch.zeros_like(self._even)
        """Running mean of the failures of a step in each bin. Shape is (total number of bins,)."""
        self._new = torch.zeros_like(self._even)

    @property
    def probabilities(self) -> torch.Tensor:
        """Probability that an episode starts in a bin; bins of all motions. Shape is (total number of bins,)."""
        weights = self.failures + self._cfg.uniform_ratio / len(self.failures)
        return weights / weights.sum()

    def count(self, motions: torch.Tensor, frames: torch.Tensor, failed: torch.Tensor) -> None:
        """Count failures (n,) at frames (n,) of motions (n,), frames counted from the motion's first."""
        bins = torch.minimum(frames * self._bins[motions] // self._library.lengths[motions], self._bins[motions] - 1)
        self._new.index_add_(0, self._first[motions] + bins, failed.float())

    def step(self) -> None:
        """Take the failures that were counted since the last step into the running mean."""
        self.failures.lerp_(self._new, self._cfg.alpha)
        self._new.zero_()

    def spread(self) -> dict[str, torch.Tensor]:
        """Entropy of the probabilities as a share of the largest possible, and the largest of them."""
        probabilities = self.probabilities
        entropy = -(probabilities * (probabilities + 1e-12).log()).sum()
        share = entropy / max(math.log(len(probabilities)), 1e-6)
        return {"sampling_entropy": share, "sampling_top1": probabilities.max()}
