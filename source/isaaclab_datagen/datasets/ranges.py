"""Ranges and means of data, as LeRobot's normalisation reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Statistics = dict[str, np.ndarray]
"""``min``, ``max``, ``mean``, ``std`` and ``count``."""

NARROWEST = 0.02
"""Least range of a number of a state or an action [its unit]. A quantity that hardly changes, such as a component of a
gripper's quaternion, would otherwise be stretched to -1 .. 1, and its noise with it."""


def of_rows(values: np.ndarray) -> Statistics:
    """Statistics of (N, D), with ranges of at least :data:`NARROWEST`."""
    values = values.astype(np.float64)
    low, high = values.min(axis=0), values.max(axis=0)
    missing = np.maximum(NARROWEST - (high - low), 0.0) / 2
    found = {"min": low - missing, "max": high + missing, "mean": values.mean(axis=0), "std": values.std(axis=0)}
    return {**{name: value.astype(np.float32) for name, value in found.items()}, "count": np.array([len(values)])}


def of_images(images: Sequence[np.ndarray] | np.ndarray, most: int = 2000) -> Statistics:
    """Statistics of each colour, in 0 .. 1, over at most so many images, (N, H, W, 3) uint8. Shapes are (3, 1, 1)."""
    chosen = np.unique(np.linspace(0, len(images) - 1, min(most, len(images))).round().astype(int))
    sums, squares, low, high = np.zeros(3), np.zeros(3), np.ones(3), np.zeros(3)
    for index in chosen:
        image = np.asarray(images[index]).reshape(-1, 3) / 255.0
        sums, squares = sums + image.mean(axis=0), squares + (image**2).mean(axis=0)
        low, high = np.minimum(low, image.min(axis=0)), np.maximum(high, image.max(axis=0))
    mean = sums / len(chosen)
    std = np.sqrt(np.maximum(squares / len(chosen) - mean**2, 1e-6))
    found = {"min": low, "max": high, "mean": mean, "std": std}
    shaped = {name: value.astype(np.float32).reshape(3, 1, 1) for name, value in found.items()}
    return {**shaped, "count": np.array([len(chosen)])}


def outside(values: np.ndarray, statistics: Statistics, tolerance: float = 0.01) -> dict[int, tuple[float, float]]:
    """Which numbers of (N, D) leave the range of a policy that was trained before, by more than a share of it.

    Returns:
        Column to the smallest and the largest value found.
    """
    low, high = statistics["min"], statistics["max"]
    slack = tolerance * (high - low)
    least, most = values.min(axis=0), values.max(axis=0)
    columns = np.flatnonzero((least < low - slack) | (most > high + slack))
    return {int(column): (float(least[column]), float(most[column])) for column in columns}
