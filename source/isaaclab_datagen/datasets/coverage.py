"""What the episodes of a dataset cover: ranges of their numbers, delays, falls, reference motions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isaaclab_datagen.datasets.episode import Episode

RANGES = ("root_pose", "root_velocity", "body_pos", "body_lin_vel", "joint_pos", "joint_vel", "state")
"""Channels of which the least and the greatest number are told."""
_UNITS = {"root_pose": "m", "root_velocity": "m/s, rad/s", "body_pos": "m", "body_lin_vel": "m/s"}


@dataclass(frozen=True)
class Contents:
    """What one episode covers."""

    ranges: dict[str, tuple[float, float]]
    """``action``, and those of :data:`RANGES` that it has, to their least and greatest number."""
    facts: dict[str, Any]
    """What its recording said of it: ``action_delay`` [ms], ``fell``, ``motion``, ``motion_length``, ``policy``."""
    motion_frames: np.ndarray
    """Frames of the reference motion that it went through, each once."""

    @classmethod
    def of(cls, episode: Episode) -> Contents:
        """Look at an episode."""
        channels = {"action": episode.actions} | {n: episode.frames[n] for n in RANGES if n in episode.frames}
        ranges = {name: (float(v.min()), float(v.max())) for name, v in channels.items() if v.size}
        frames = np.unique(episode.frames["motion_frame"]) if "motion_frame" in episode.frames else np.empty(0, int)
        return cls(ranges, dict(episode.outcome.extra), frames)


def rows(contents: Sequence[Contents]) -> list[tuple[str, str]]:
    """Name and value of each line that a summary of these episodes has, where there is something to say."""
    return [*_ranges(contents), *_delays(contents), *_falls(contents), *_policies(contents), *_motions(contents)]


def _ranges(contents: Sequence[Contents]) -> list[tuple[str, str]]:
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for episode in contents:
        for name, bounds in episode.ranges.items():
            found[name].append(bounds)
    return [
        (
            f"{name} from, to",
            f"{min(low for low, _ in bounds):.3g}, {max(high for _, high in bounds):.3g} "
            f"{_UNITS.get(name, '')}".rstrip(),
        )
        for name, bounds in found.items()
    ]


def _delays(contents: Sequence[Contents]) -> list[tuple[str, str]]:
    delays = [episode.facts["action_delay"] for episode in contents if "action_delay" in episode.facts]
    if not delays:
        return []
    return [("action delay", f"{min(delays):g} to {max(delays):g} ms, mean {np.mean(delays):.1f} ms")]


def _falls(contents: Sequence[Contents]) -> list[tuple[str, str]]:
    fell = [bool(episode.facts["fell"]) for episode in contents if "fell" in episode.facts]
    return [("falls", f"{sum(fell)} of {len(fell)}")] if fell else []


def _policies(contents: Sequence[Contents]) -> list[tuple[str, str]]:
    counts = Counter(episode.facts["policy"] for episode in contents if "policy" in episode.facts)
    return [("policies", ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))] if counts else []


def _motions(contents: Sequence[Contents]) -> list[tuple[str, str]]:
    """How many episodes track each motion, and what share of its frames any of them went through."""
    seen: dict[str, set[int]] = defaultdict(set)
    counts: Counter[str] = Counter()
    lengths: dict[str, int] = {}
    for episode in contents:
        if "motion" in episode.facts:
            name = episode.facts["motion"]
            counts[name] += 1
            lengths[name] = episode.facts.get("motion_length", 0)
            seen[name] |= set(episode.motion_frames.tolist())
    return [
        (f"motion {name}", f"{number} episodes{_share(seen[name], lengths[name])}")
        for name, number in sorted(counts.items())
    ]


def _share(frames: set[int], length: int) -> str:
    return f", {100 * len(frames) / length:.0f} % of its {length} frames" if length else ""
