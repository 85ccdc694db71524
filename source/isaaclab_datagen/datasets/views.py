"""Datasets as seen from another side: some of the episodes, or all of them backwards. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from isaaclab_datagen.datasets import checks, transforms
from isaaclab_datagen.datasets.episode import Episode
from isaaclab_datagen.datasets.reader import DatasetReader, LazyFrames
from isaaclab_datagen.errors import RunError, UsageError

_BLOCK = 32
"""Images that are in memory at a time."""
OTHER_DIRECTION = {"A": "B", "B": "A"}


class Selection(DatasetReader):
    """Some episodes of a dataset, under their numbers."""

    def __init__(self, source: DatasetReader, indices: Sequence[int], why: Mapping[str, Any]) -> None:
        """Select.

        Args:
            source: The dataset.
            indices: Numbers of the episodes.
            why: What its provenance says of that, JSON-clean.
        """
        self.source = source
        self.manifest = replace(source.manifest, provenance={**source.manifest.provenance, "selected": dict(why)})
        self.indices, self.cameras = list(indices), source.cameras
        self.inspection_folder = source.inspection_folder

    @property
    def recorded(self) -> DatasetReader:
        """See the base class."""
        return self.source.recorded

    def read(self, index: int, images: bool = True) -> Episode:
        """See the base class."""
        return self.source.read(index, images)

    def streams(self, index: int) -> list[str]:
        """See the base class."""
        return self.source.streams(index)

    def stored(self, index: int) -> Sequence[int]:
        """See the base class."""
        return self.source.stored(index)

    def decode(self, index: int, stream: str, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """See the base class."""
        return self.source.decode(index, stream, frames)

    def problems(self, index: int) -> list[str]:
        """See the base class."""
        return self.source.problems(index)


def without_broken(source: DatasetReader) -> tuple[Selection, list[str]]:
    """The episodes of a dataset that are whole to their last image, and what is wrong with the others.

    Raises:
        RunError: None can.
    """
    wrong = checks.broken(source, source.indices)
    for index in (index for index in source.indices if index not in wrong):
        try:
            for stream in source.streams(index):
                for _ in source.decode(index, stream):
                    pass
        except RunError as error:
            wrong[index] = str(error)
    left_out = [wrong[index] for index in sorted(wrong)]
    if left_out and len(left_out) == len(source):
        raise RunError(f"every episode is broken: {left_out[0]}")
    return Selection(source, [i for i in source.indices if i not in wrong], {"broken": left_out}), left_out


@dataclass(frozen=True)
class Reversing:
    """How episodes are reversed."""

    labels: str = "next_pose"
    """One of :data:`~isaaclab_datagen.datasets.transforms.LABELS`."""
    lead: int = 2
    """How many frames ahead the poses are that the arm is sent to: by so much it follows behind."""
    trim: bool = True
    """Whether frames at rest at both ends are left out."""

    def __post_init__(self) -> None:
        """Refuse what makes no actions."""
        if self.lead < 1:
            raise UsageError(f"--lead {self.lead}: must be 1 or more")
        if self.labels not in transforms.LABELS:
            raise UsageError(f"--labels {self.labels}: choose from {', '.join(transforms.LABELS)}")


class Reversed(DatasetReader):
    """Every episode of a dataset, backwards, for the task the other way round."""

    def __init__(self, source: DatasetReader, how: Reversing) -> None:
        """Turn it round.

        Args:
            source: The dataset.
            how: Labels, and what is left out.

        Raises:
            UsageError: It is reversed already.
            RunError: It does not say which direction it is of.
        """
        manifest = source.manifest
        if "reversed" in manifest.identity:
            raise UsageError(f"{manifest.path.parent} is reversed already: reverse the dataset that it was made of")
        self.source, self.how = source, how
        self.manifest = replace(manifest, **_described(manifest.identity, manifest.provenance, how))
        self.indices, self.cameras = source.indices, source.cameras
        self.inspection_folder = source.inspection_folder

    @property
    def recorded(self) -> DatasetReader:
        """See the base class."""
        return self.source.recorded

    def read(self, index: int, images: bool = True) -> Episode:
        """Read one episode, backwards. Its success stays what it was; whether it is one, a replay tells."""
        episode = self.source.read(index, images=False)
        frames, (start, stop) = self._cut(episode)
        actions = transforms.LABELS[self.how.labels](transforms.reverse(episode.frames), episode.actions, self.how.lead)
        outcome = replace(episode.outcome, reason="reversed", extra={**episode.outcome.extra, "reversed": True})
        everything = {**self.manifest.identity, **self.manifest.provenance, **outcome.extra}
        shown = LazyFrames(self, index, frames) if images else frames
        return Episode(actions[start:stop].astype(episode.actions.dtype), shown, outcome, everything)

    def streams(self, index: int) -> list[str]:
        """See the base class."""
        return self.source.streams(index)

    def stored(self, index: int) -> Sequence[int]:
        """All frames.

        Raises:
            RunError: The source left some out.
        """
        first, last = self._kept(index)
        if len(self.source.stored(index)) != self.source.read(index, images=False).num_steps + 1:
            raise RunError(f"{self.manifest.path.parent} does not store every image: it cannot be reversed")
        return range(last - first + 1)

    def decode(self, index: int, stream: str, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Decode images one by one. The source's are decoded forwards, a block at a time."""
        wanted, (_, last) = self.stored(index) if frames is None else frames, self._kept(index)
        for start in range(0, len(wanted), _BLOCK):
            there = [last - frame for frame in wanted[start : start + _BLOCK]]
            order = np.argsort(there)
            images = self.source.decode(index, stream, [there[position] for position in order])
            block = dict(zip(order.tolist(), images, strict=True))
            yield from (block[position] for position in range(len(there)))

    def problems(self, index: int) -> list[str]:
        """Those of the source."""
        return self.source.problems(index)

    def _kept(self, index: int) -> tuple[int, int]:
        """First and last frame of the source that is kept, in its own order."""
        episode = self.source.read(index, images=False)
        _, (start, stop) = self._cut(episode)
        return episode.num_steps - stop, episode.num_steps - start

    def _cut(self, episode: Episode) -> tuple[dict[str, np.ndarray], tuple[int, int]]:
        """Its states backwards, cut, and the first and the last frame that is left, counted backwards.

        Where the place moved while the cube lay there, what came after is left out: backwards, the cube begins there.
        So is what led to fingers that closed on nothing.
        """
        frames = transforms.reverse(episode.frames)
        start, stop = transforms.moving(frames) if self.how.trim else (0, episode.num_steps)
        begin, end = transforms.around_grasps(frames, self.how.lead)
        ends = max(start, begin, transforms.last_place(frames)), min(stop, end)
        return transforms.cut(frames, *ends), ends


def _described(identity: Mapping[str, Any], provenance: Mapping[str, Any], how: Reversing) -> dict[str, Any]:
    """Identity and provenance of the reversed dataset. Its episodes end with success alone, not back at rest."""
    env = dict(identity.get("env", {}))
    if env.get("direction") not in OTHER_DIRECTION:
        raise RunError("the dataset names no direction (env.direction): only those of a task with two can be reversed")
    env |= {"direction": OTHER_DIRECTION[env["direction"]], "return_to_rest": False}
    overrides = [f"env.direction={env['direction']}", "env.return_to_rest=false"]
    return {
        "identity": {**identity, "env": env, "reversed": vars(how)},
        "provenance": {**provenance, "overrides": [*provenance.get("overrides", ()), *overrides]},
    }
