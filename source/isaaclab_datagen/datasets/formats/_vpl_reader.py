"""Reading what :mod:`~isaaclab_datagen.datasets.formats.vpl` writes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isaaclab_datagen.datasets import video
from isaaclab_datagen.datasets.episode import Episode, columns_of
from isaaclab_datagen.datasets.episode_files import (
    EPISODE,
    PIXELS,
    episode_file,
    outcome_of,
    states_of,
    trainers_view,
    video_file,
)
from isaaclab_datagen.datasets.folders import numbers
from isaaclab_datagen.datasets.hdf5 import Opened, Parts, find_parts, opened
from isaaclab_datagen.datasets.manifest import Manifest
from isaaclab_datagen.datasets.reader import DatasetReader, LazyFrames
from isaaclab_datagen.errors import RunError

MANIFEST, VERSION = "metadata.json", 1


@dataclass(frozen=True)
class _Contents:
    """What is where in an episode's file. Read once, small, and without an open file."""

    stored: list[int]
    """Frames whose images are stored, the last one too."""
    parts: dict[str, Parts]
    """Dataset to where its images lie; those of the last frame are in ``final/<dataset>``."""

    def row(self, frame: int) -> int:
        """Position of a frame in :attr:`stored`."""
        row = bisect_left(self.stored, frame)
        if row == len(self.stored) or self.stored[row] != frame:
            path = self.parts["final/color"].path
            raise RunError(
                f"{path}: frame {frame} is not stored. Its frame_index says which are, up to {self.stored[-1]}"
            )
        return row


class Reader(DatasetReader):
    """A dataset open for reading."""

    def __init__(self, root: Path) -> None:
        """Read the manifest and list the episodes."""
        self.root = root = root.absolute()
        self.manifest = Manifest.load(
            root / MANIFEST, "vpl", VERSION, {"cameras": list[str], "fps": float, "video_interval": int}
        )
        if not self.manifest.identity["cameras"]:
            raise RunError(f"{self.manifest.path} names no camera")
        self.cameras = self.manifest.identity["cameras"]
        self.inspection_folder = root.parent / "inspection" / root.name
        self.indices = sorted(numbers(root, EPISODE))
        self._known: dict[int, _Contents] = {}

    def read(self, index: int, images: bool = True) -> Episode:
        """Read one episode. Its images are decoded each time a stream is taken from ``frames``."""
        with opened(episode_file(self.root, index)) as file:
            outcome, path = outcome_of(file), episode_file(self.root, index)
            states = columns_of({**states_of(file), "action": file["action"][()]}, path)
            facts = {
                name: value.tolist() if isinstance(value, np.generic) else value for name, value in file.attrs.items()
            }
        actions = states.pop("action")
        everything = {**self.manifest.identity, **self.manifest.provenance, **facts}
        frames = LazyFrames(self, index, states) if images else states
        return Episode(actions, frames, outcome, everything)

    def streams(self, index: int) -> list[str]:
        """Image streams, those of a kind in the order of the cameras."""
        parts = self._contents(index).parts
        kinds = [kind for kind, dataset in PIXELS.items() if f"final/{dataset}" in parts]
        return [f"{kind}/{camera}" for kind in kinds for camera in self.cameras]

    def stored(self, index: int) -> Sequence[int]:
        """Every ``video_interval``-th frame, and the last one."""
        return self._contents(index).stored

    def decode(self, index: int, stream: str, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Decode images one by one: from HDF5 where they are there, else from the video."""
        contents = self._contents(index)
        kind, camera = stream.split("/", 1)
        number, parts, final = self.cameras.index(camera), contents.parts.get(PIXELS[kind]), f"final/{PIXELS[kind]}"
        rows = [contents.row(frame) for frame in (contents.stored if frames is None else frames)]
        last = len(contents.stored) - 1
        height, width = contents.parts["final/color"].shape[:2]
        film = video.decode(video_file(episode_file(self.root, index), number), [row for row in rows if row != last])
        for row in rows:
            if row == last:
                yield contents.parts[final].read(number)
            else:
                yield parts.read(row, number) if parts else next(film)[:height, :width]

    def problems(self, index: int) -> list[str]:
        """What is wrong with an episode's files: videos, and keys that do not agree with the states."""
        path = episode_file(self.root, index)
        try:
            contents, episode = self._contents(index), self.read(index, images=False)
            with opened(path) as file:
                found = [
                    f"{path}: {name} does not agree with the states" for name in _wrong(file, episode, self.cameras)
                ]
            for number in range(len(self.cameras)):
                found += self._video_problems(video_file(path, number), contents)
        except RunError as error:
            return [str(error)]
        return found

    def _video_problems(self, path: Path, contents: _Contents) -> list[str]:
        facts, (height, width) = video.probe(path), contents.parts["final/color"].shape[:2]
        identity = self.manifest.identity
        expected = video.VideoFacts(len(contents.stored) - 1, width + width % 2, height + height % 2, facts.fps)
        found = [] if facts == expected else [f"{path} has {facts}, expected {expected}"]
        fps = identity["fps"] / identity["video_interval"]
        return (
            found
            if abs(facts.fps - fps) < 0.01 * fps
            else [*found, f"{path} plays {facts.fps:g} frames/s, not {fps:g}"]
        )

    def _contents(self, index: int) -> _Contents:
        if index not in self._known:
            with opened(episode_file(self.root, index)) as file:
                names = [name for name in PIXELS.values() if name in file]
                parts = {name: find_parts(file[name], 2) for name in names}
                finals = [f"final/{name}" for name in PIXELS.values() if f"final/{name}" in file]
                parts |= {name: find_parts(file[name], 1) for name in finals}
                stored = [*file["frame_index"][()].tolist(), len(file["action"])]
            short = [name for name in names if len(parts[name].places) != len(stored) - 1]
            if short or "final/color" not in parts:
                raise RunError(f"{episode_file(self.root, index)}: {short or 'final/color'} lacks images")
            self._known[index] = _Contents(stored, parts)
        return self._known[index]


def _wrong(file: Opened, episode: Episode, cameras: Sequence[str]) -> list[str]:
    """Keys that trainers read and that are not what the states say."""
    wrong = [] if len(file["timestamps"]) == episode.num_steps else ["timestamps"]
    for name, values in trainers_view(episode.frames, cameras).items():
        rows = values[file["frame_index"][()]] if name == "extrinsics" else values[:-1]
        if not (_equal(file[name][()], rows) and _equal(file[f"final/{name}"][()], values[-1])):
            wrong.append(name)
    return wrong


def _equal(stored: np.ndarray, expected: np.ndarray) -> bool:
    return stored.shape == expected.shape and stored.tobytes() == np.ascontiguousarray(expected).tobytes()
