"""Outcomes counted, and what a rate is worth."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from isaaclab_datagen.datasets.episode import Outcome


@dataclass
class Tally:
    """Outcomes of the episodes that were started and have ended."""

    reasons: Counter[str] = field(default_factory=Counter)
    """How often each reason ended an episode."""
    successes: int = 0

    @property
    def total(self) -> int:
        """Episodes counted."""
        return self.reasons.total()

    @property
    def rate(self) -> float:
        """Share of successes; NaN before the first episode."""
        return self.successes / self.total if self.total else math.nan

    def add(self, outcome: Outcome) -> None:
        """Count one episode."""
        self.reasons[outcome.reason] += 1
        self.successes += outcome.success

    def __str__(self) -> str:
        """For instance ``495/500 = 99.0 % (95 % interval 97.7 to 99.6 %): success 495, time_out 5``."""
        low, high = wilson_interval(self.successes, self.total)
        reasons = ", ".join(f"{name} {number}" for name, number in self.reasons.most_common())
        return (
            f"{self.successes}/{self.total} = {100 * self.rate:.1f} % "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f} %): {reasons}"
        )


def wilson_interval(successes: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a success probability (E. B. Wilson, JASA 22, 1927).

    Args:
        successes: Number of successes.
        total: Number of trials.
        z: Quantile of the normal distribution; the default gives 95 %.

    Returns:
        Lower and upper bound, (0, 1) without trials.
    """
    if total == 0:
        return 0.0, 1.0
    p = successes / total
    centre = p + z * z / (2 * total)
    spread = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
