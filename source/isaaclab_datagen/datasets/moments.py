"""The moments at which a policy can be asked: which frames it sees then, and which actions it is to answer with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Every moment that a policy can be asked about, M in all.

    Before the first frame of an episode its first one is repeated, after the last action the last one, as LeRobot does.
    """

    now: np.ndarray
    """Number of the frame in which the policy is asked. Shape is (M,)."""
    first: np.ndarray
    """Number of the first frame of its episode. Shape is (M,)."""
    last: np.ndarray
    """Number of the last frame of its episode. Shape is (M,)."""
    n_obs_steps: int
    horizon: int

    @classmethod
    def of(cls, lengths: Sequence[int] | np.ndarray, n_obs_steps: int, horizon: int, drop_last: int) -> Self:
        """All moments of episodes that lie one after the other.

        Args:
            lengths: Frames of each episode.
            n_obs_steps: How many frames the policy sees, the present one included.
            horizon: How many actions it predicts, beginning with that of the oldest frame that it sees.
            drop_last: At how many moments at an episode's end the policy is not asked, since most of what follows would
                be the repeated last action. The first moment always stays.
        """
        ends = np.cumsum(lengths)
        spans = [(end - length, end - 1, max(1, length - drop_last)) for end, length in zip(ends, lengths, strict=True)]
        now = np.concatenate([np.arange(first, first + count) for first, _, count in spans])
        first = np.concatenate([np.full(count, first) for first, _, count in spans])
        last = np.concatenate([np.full(count, last) for _, last, count in spans])
        return cls(now, first, last, n_obs_steps, horizon)

    def __len__(self) -> int:
        """Number of moments, M."""
        return len(self.now)

    def observed(self, chosen: np.ndarray) -> np.ndarray:
        """Frames that the policy sees at some moments (B,), oldest first. Shape is (B, n_obs_steps)."""
        return self._clamped(chosen, np.arange(1 - self.n_obs_steps, 1))[0]

    def predicted(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frames whose actions it is to predict at some moments (B,), and which of them are repetitions.

        Returns:
            Two arrays of shape (B, horizon).
        """
        return self._clamped(chosen, np.arange(1 - self.n_obs_steps, 1 - self.n_obs_steps + self.horizon))

    def _clamped(self, chosen: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        wanted = self.now[chosen, None] + offsets
        frames = wanted.clip(self.first[chosen, None], self.last[chosen, None])
        return frames, frames != wanted
