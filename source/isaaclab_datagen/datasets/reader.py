"""What every format's reader offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from isaaclab_datagen.datasets.episode import Episode
from isaaclab_datagen.datasets.manifest import Manifest


class DatasetReader(Sequence[Episode], ABC):
    """A dataset open for reading: a sequence of episodes, in the order of their numbers. Can be pickled."""

    manifest: Manifest
    """What the dataset says about itself."""
    indices: list[int]
    """Episode numbers; ``reader[i]`` is episode ``indices[i]``."""
    cameras: list[str]
    """Names of the cameras; each has an image stream ``images/<camera>``."""
    inspection_folder: Path
    """Where pictures of the dataset may go without a trainer taking them for data."""
    has_last_frame = True
    """Whether an episode of T actions has T + 1 frames: one after its last action."""

    @property
    def recorded(self) -> DatasetReader:
        """The dataset whose files are read: this one, unless it shows another one from another side."""
        return self

    @abstractmethod
    def read(self, index: int, images: bool = True) -> Episode:
        """Read one episode.

        Args:
            index: Its number, one of :attr:`indices`.
            images: Whether ``frames`` has the image streams (decoded when they are asked for).

        Raises:
            RunError: It is broken; names the file and the reason.
        """

    def streams(self, index: int) -> list[str]:
        """Channels of an episode that are image streams: ``images/<camera>``, in some formats others."""
        return [f"images/{camera}" for camera in self.cameras]

    @abstractmethod
    def stored(self, index: int) -> Sequence[int]:
        """Numbers of the frames whose images are stored, ascending: all of 0 .. T where a format leaves none out."""

    @abstractmethod
    def decode(self, index: int, stream: str, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Decode an image stream one by one.

        Args:
            index: Episode number.
            stream: One of :meth:`streams`.
            frames: Which, of :meth:`stored`; all of those if None.

        Yields:
            What the channel is in a frame, see :data:`~isaaclab_datagen.datasets.episode.Frame`.

        Raises:
            RunError: One is broken or not stored; names the file and the reason.
        """

    def images(self, index: int, camera: str, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Decode a camera's images, (H, W, 3) uint8 RGB. Arguments and errors as :meth:`decode`."""
        return self.decode(index, f"images/{camera}", frames)

    @abstractmethod
    def problems(self, index: int) -> list[str]:
        """What is wrong with an episode's files beyond what :meth:`read` and :meth:`images` find, one line each."""

    def foreign(self) -> list[str]:
        """What lies among the episodes and breaks whoever takes it for one, one line each."""
        return []

    def __len__(self) -> int:
        """Number of committed episodes."""
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Episode: ...

    @overload
    def __getitem__(self, index: slice) -> list[Episode]: ...

    def __getitem__(self, index: int | slice) -> Episode | list[Episode]:
        """Read by position."""
        if isinstance(index, slice):
            return [self.read(number) for number in self.indices[index]]
        return self.read(self.indices[index])


class LazyFrames(Mapping[str, np.ndarray]):
    """Channels of an episode, of which the image streams are decoded each time they are taken."""

    def __init__(self, reader: DatasetReader, index: int, states: Mapping[str, np.ndarray]) -> None:
        """Combine.

        Args:
            reader: Where images come from.
            index: Episode number.
            states: The other channels.
        """
        self._reader, self._index, self._states = reader, index, states
        self._streams = reader.streams(index)

    def __getitem__(self, name: str) -> np.ndarray:
        """One channel. An image stream has a row for each stored frame, T + 1 if none was left out."""
        if name in self._streams:
            return np.stack(list(self._reader.decode(self._index, name)))
        return self._states[name]

    def __iter__(self) -> Iterator[str]:
        """Names, images first."""
        yield from self._streams
        yield from self._states

    def __len__(self) -> int:
        """Number of channels."""
        return len(self._streams) + len(self._states)
