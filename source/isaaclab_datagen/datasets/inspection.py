"""Is a dataset whole, and does it look alive?"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from isaaclab_datagen.datasets import channels, checks, coverage
from isaaclab_datagen.datasets.coverage import Contents
from isaaclab_datagen.datasets.episode import Episode
from isaaclab_datagen.datasets.reader import DatasetReader
from isaaclab_datagen.errors import RunError


@dataclass
class EpisodeReport:
    """What was found in one episode."""

    index: int
    num_steps: int = 0
    success: bool | None = False
    """None where it is unknown."""
    reason: str = ""
    content: str = ""
    """Digest of first states and actions."""
    problems: list[str] = field(default_factory=list)
    """Why it is broken."""
    flags: list[str] = field(default_factory=list)
    """What looks wrong though it can be read."""
    contents: Contents | None = None
    """What it covers; None where it is broken."""
    kinds: channels.Kinds | None = None
    """What it consists of; None where it cannot be read."""


@dataclass(frozen=True)
class Report:
    """What was found in a dataset."""

    reader: DatasetReader
    episodes: list[EpisodeReport]
    foreign: list[str]
    """What lies among the episodes and is none."""

    @property
    def problems(self) -> list[str]:
        """Why it is broken; empty if it is whole."""
        if not self.episodes:
            return [f"{self.reader.manifest.path.parent} holds no committed episode"]
        return [*(problem for episode in self.episodes for problem in episode.problems), *self.foreign]

    @property
    def flags(self) -> list[str]:
        """What looks wrong though it can be read."""
        return [f"episode {episode.index}: {flag}" for episode in self.episodes for flag in episode.flags]

    def rows(self) -> list[tuple[str, str]]:
        """Name and value of each line of the summary."""
        root, identity = self.reader.manifest.path.parent, self.reader.manifest.identity
        steps = sum(episode.num_steps for episode in self.episodes)
        successes = Counter(episode.success for episode in self.episodes)
        reasons = Counter(episode.reason for episode in self.episodes)
        step_dt = self.reader.manifest.provenance.get("step_dt")
        return [
            ("dataset", str(root)),
            ("format", self.reader.manifest.format),
            ("task", str(identity.get("task"))),
            ("expert", str(identity.get("expert"))),
            ("episodes", str(len(self.episodes))),
            ("frames", str(steps + self.reader.has_last_frame * len(self.episodes))),
            ("success", f"{successes[True]} of {len(self.episodes)}" + _unknown(successes[None])),
            ("ended by", ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())),
            ("seconds", f"{steps * step_dt:.1f}" if step_dt else "unknown (no step_dt in the manifest)"),
            ("cameras", ", ".join(self.reader.cameras) or "none"),
            *coverage.rows([episode.contents for episode in self.episodes if episode.contents is not None]),
            ("bytes", f"{_size(root):,}"),
        ]


def inspect(reader: DatasetReader, frozen_frames: int = 10) -> Report:
    """Read everything.

    Args:
        reader: The dataset.
        frozen_frames: How many identical frames in a row make a stream frozen.
    """
    with ThreadPoolExecutor() as pool:
        episodes = list(pool.map(partial(_inspect_episode, reader, frozen_frames), reader.indices))
    differing = channels.disagreements({e.index: e.kinds for e in episodes if e.kinds is not None})
    seen: dict[str, int] = {}
    for episode in episodes:
        episode.problems += differing.get(episode.index, [])
        first = seen.setdefault(episode.content, episode.index)
        if episode.content and first != episode.index:
            episode.flags.append(f"same first states and actions as episode {first}")
    return Report(reader, episodes, reader.foreign())


def stream_flags(images: Iterable[np.ndarray], frozen_frames: int) -> list[str]:
    """What looks wrong in an image stream.

    Args:
        images: Each (H, W, 3) uint8.
        frozen_frames: How many identical frames in a row make it frozen.

    Returns:
        Any of blank (frames of one colour), constant (all frames are the same), frozen (some in a row are).

    Raises:
        RunError: An image has another shape than the first one, or cannot be read.
    """
    previous: np.ndarray | None = None
    count = blank = run = longest = end = 0
    for count, image in enumerate(images, start=1):
        if previous is not None and image.shape != previous.shape:
            raise RunError(f"image {count - 1} is {image.shape}, those before it {previous.shape}")
        blank += bool((image == image[:1, :1]).all())
        run = run + 1 if previous is not None and np.array_equal(image, previous) else 1
        if run > longest:
            longest, end = run, count
        previous = image
    flags = [f"blank ({blank} of {count} frames)"] if blank else []
    if longest == count > 1:
        return [*flags, f"constant (all {count} frames are the same)"]
    return [*flags, f"frozen (frames {end - longest} to {end - 1} are the same)"] if longest >= frozen_frames else flags


def _inspect_episode(reader: DatasetReader, frozen_frames: int, index: int) -> EpisodeReport:
    report = EpisodeReport(index)
    try:
        episode = reader.read(index, images=False)
    except RunError as error:
        report.problems.append(str(error))
        return report
    report.num_steps, report.success, report.reason = episode.num_steps, episode.outcome.success, episode.outcome.reason
    report.content, report.contents = _digest(episode) if episode.num_steps else "", Contents.of(episode)
    report.kinds = channels.kinds(episode)
    report.problems += checks.problems(reader, index, episode)
    for camera in reader.cameras:
        try:
            flags = stream_flags(reader.images(index, camera), frozen_frames)
            report.flags += [f"camera {camera} is {flag}" for flag in flags]
        except RunError as error:
            report.problems.append(f"episode {index}, camera {camera}: {error}")
    report.problems = list(dict.fromkeys(report.problems))
    return report


def _digest(episode: Episode) -> str:
    digest = hashlib.sha256(episode.actions.tobytes())
    for name in sorted(episode.frames):
        digest.update(np.ascontiguousarray(episode.frames[name][:1]).tobytes())
    return digest.hexdigest()


def _unknown(count: int) -> str:
    return f" (unknown of {count})" if count else ""


def _size(root: Path) -> int:
    paths = (os.path.join(folder, name) for folder, _, files in os.walk(root) for name in files)
    return sum(os.path.getsize(path) for path in paths if os.path.exists(path))  # a link may lead nowhere
