"""What the numbers of a dataset are like, and how they are brought to a common scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import torch

from isaaclab_datagen.datasets.windows import WindowDataset
from isaaclab_datagen.errors import UsageError

_DEAD = 1e-6
"""Deviation, or half a range, below which a number does not count as varying: a root is always zero from itself."""
_BATCH = 4096

Kind = Literal["mean_std", "min_max"]


@dataclass(frozen=True)
class Statistics:
    """Of each of D numbers. All shapes are (D,)."""

    mean: torch.Tensor
    std: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor

    def to_dict(self) -> dict[str, torch.Tensor]:
        """For a checkpoint."""
        return asdict(self)


@dataclass(frozen=True)
class Normaliser:
    """``(x - offset) / scale``, and back. Numbers that do not vary are only moved."""

    offset: torch.Tensor
    scale: torch.Tensor

    @classmethod
    def of(cls, statistics: Statistics, kind: Kind = "mean_std") -> Normaliser:
        """To mean 0 and deviation 1, or to -1 .. 1.

        Raises:
            UsageError: There is no such kind.
        """
        if kind not in ("mean_std", "min_max"):
            raise UsageError(f"normalisation {kind!r}: choose from mean_std, min_max")
        if kind == "mean_std":
            offset, scale = statistics.mean, statistics.std
        else:
            offset, scale = (statistics.high + statistics.low) / 2, (statistics.high - statistics.low) / 2
        return cls(offset, torch.where(scale < _DEAD, torch.ones_like(scale), scale))

    def normalise(self, values: torch.Tensor) -> torch.Tensor:
        """(..., D) to the common scale."""
        return (values - self.offset) / self.scale

    def restore(self, values: torch.Tensor) -> torch.Tensor:
        """The inverse of :meth:`normalise`."""
        return values * self.scale + self.offset


def of_windows(windows: WindowDataset, at_most: int = 100_000, seed: int = 0) -> dict[str, Statistics]:
    """Statistics of ``states`` and ``actions`` as windows hold them.

    Args:
        windows: The dataset.
        at_most: If there are more windows, so many are drawn.
        seed: Of that draw.
    """
    count = len(windows)
    chosen = torch.arange(count)
    if count > at_most:
        chosen = torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:at_most]
    running: dict[str, _Running] = {"states": _Running(), "actions": _Running()}
    for part in chosen.split(_BATCH):
        batch = windows.batch(part)
        for name, sums in running.items():
            for values in (batch[f"history_{name}"], batch[f"future_{name}"]):
                sums.add(values.flatten(0, 1))
    return {name: sums.finish() for name, sums in running.items()}


def from_dict(saved: Mapping[str, torch.Tensor]) -> Statistics:
    """What :meth:`Statistics.to_dict` gave."""
    return Statistics(**saved)


class _Running:
    """Moments of rows that come in batches, by Chan's update (The American Statistician 37, 242, 1983)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = self._squares = torch.zeros(())
        self._low, self._high = torch.tensor(float("inf")), torch.tensor(float("-inf"))

    def add(self, rows: torch.Tensor) -> None:
        """Add rows (n, D)."""
        if len(rows) == 0:
            return
        precise = rows.double()
        mean, total = precise.mean(0), self._count + len(rows)
        shift = mean - self._mean
        squares = (precise - mean).square().sum(0)
        self._squares = self._squares + squares + shift.square() * (self._count * len(rows) / total)
        self._mean = self._mean + shift * (len(rows) / total)
        self._low, self._high = torch.minimum(self._low, rows.amin(0)), torch.maximum(self._high, rows.amax(0))
        self._count = total

    def finish(self) -> Statistics:
        """Single precision again."""
        deviation = (self._squares / self._count).sqrt()
        return Statistics(self._mean.float(), deviation.float(), self._low, self._high)
