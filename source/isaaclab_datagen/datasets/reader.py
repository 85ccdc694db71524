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
    """Names of the image streams."""
    inspection_folder: Path
    """Where pictures of the dataset may go without a trainer taking them for data."""

    @abstractmethod
    def read(self, index: int, images: bool = True) -> Episode:
        """Read one episode.

        Args:
            index: Its number, one of :attr:`indices`.
            images: Whether ``frames`` has the image streams (decoded when they are asked for).

        Raises:
            RunError: It is broken; names the file and the reason.
        """

    @abstractmethod
    def images(self, index: int, camera: str, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Decode images one by one.

        Args:
            index: Episode number.
            camera: One of :attr:`cameras`.
            frames: Which, 0 .. T; all of them if None.

        Yields:
            Shape is (H, W, 3), uint8, RGB.

        Raises:
            RunError: One is broken; names the file and the reason.
        """

    @abstractmethod
    def problems(self, index: int) -> list[str]:
        """What is wrong with an episode's files beyond what :meth:`read` and :meth:`images` find, one line each."""

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

    def __getitem__(self, name: str) -> np.ndarray:
        """One channel. An image stream has the shape (T + 1, H, W, 3)."""
        camera = name.removeprefix("images/")
        if name.startswith("images/") and camera in self._reader.cameras:
            return np.stack(list(self._reader.images(self._index, camera)))
        return self._states[name]

    def __iter__(self) -> Iterator[str]:
        """Names, images first."""
        yield from (f"images/{camera}" for camera in self._reader.cameras)
        yield from self._states

    def __len__(self) -> int:
        """Number of channels."""
        return len(self._reader.cameras) + len(self._states)
