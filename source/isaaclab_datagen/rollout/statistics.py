"""Outcomes counted, and what a rate is worth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from isaaclab_datagen.datasets.episode import Outcome


@dataclass
class Tally:
    """Outcomes of the episodes that were started and have ended."""

    reasons: Counter[str] = field(default_factory=Counter)
    """How often each reason ended an episode."""
    stages: dict[str, Counter[str]] = field(default_factory=dict)
    """Reason to how far the failures that it ended had come, where the task says so."""
    successes: int = 0
    unknown: int = 0
    """Episodes of which nobody says whether they succeeded."""

    @property
    def total(self) -> int:
        """Episodes counted."""
        return self.reasons.total()

    @property
    def judged(self) -> int:
        """Episodes that succeeded or failed."""
        return self.total - self.unknown

    @property
    def rate(self) -> float:
        """Share of successes among the judged episodes; NaN while there is none."""
        return self.successes / self.judged if self.judged else math.nan

    def add(self, outcome: Outcome) -> None:
        """Count one episode."""
        self.reasons[outcome.reason] += 1
        self.successes += outcome.success is True
        self.unknown += outcome.success is None
        if outcome.success is False and outcome.stage is not None:
            self.stages.setdefault(outcome.reason, Counter())[outcome.stage] += 1

    def __str__(self) -> str:
        """For instance ``495/500 = 99.0 % (95 % interval 97.7 to 99.6 %): success 495, time_out 5``."""
        reasons = causes(self.reasons, self.stages)
        unknown = f"success unknown of {self.unknown}"
        if self.unknown == self.total > 0:
            return f"{unknown}: {reasons}"
        low, high = wilson_interval(self.successes, self.judged)
        return (
            f"{self.successes}/{self.judged} = {100 * self.rate:.1f} % "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f} %){f', {unknown}' if self.unknown else ''}: {reasons}"
        )


def causes(reasons: Mapping[str, int], stages: Mapping[str, Mapping[str, int]]) -> str:
    """For instance ``success 495, time_out 5 (elsewhere 3, not_lifted 2)``."""
    parts = []
    for reason, number in _by_number(reasons):
        of_them = ", ".join(f"{stage} {count}" for stage, count in _by_number(stages.get(reason, {})))
        parts.append(f"{reason} {number} ({of_them})" if of_them else f"{reason} {number}")
    return ", ".join(parts)


def _by_number(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])


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
