"""Memory that processes share by inheriting its descriptor: it has no name, so that nothing is left of it.

Not POSIX shared memory: a container's ``/dev/shm`` may hold no more than 64 MB.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from dataclasses import dataclass

import numpy as np

from isaaclab_datagen.datasets.rows import RowLayout


@dataclass(frozen=True)
class Rows:
    """Rows of a buffer, to be filled."""

    layout: RowLayout
    buffer: int
    """Number of the buffer."""
    offset: int
    """Of the first row [bytes]."""
    data: np.ndarray
    """Shape is (rows, layout.size), uint8."""


class SharedBuffers:
    """A few equal buffers. Their size is that of the first request: as many rows of its layout as there are slots."""

    def __init__(self, count: int, slots: int) -> None:
        """Open the memory; it takes no room yet."""
        self.descriptor = _anonymous_file()
        self.memory = np.empty(0, np.uint8)
        """All of it, once there was a request."""
        self._count = count
        self._slots = slots
        self._free = list(range(count))

    @property
    def all_taken(self) -> bool:
        """Whether no buffer is free."""
        return not self._free

    def take(self, rows: int, layout: RowLayout) -> Rows:
        """Take a free buffer.

        Raises:
            ValueError: If so many rows do not fit.
        """
        if not self.memory.size:
            size = self._count * self._slots * layout.size
            os.ftruncate(self.descriptor, size)
            self.memory = np.frombuffer(mmap.mmap(self.descriptor, size), np.uint8)
        size = self.memory.size // self._count
        if rows * layout.size > size:
            raise ValueError(f"{rows} rows of {layout.size} bytes do not fit into a buffer of {size} bytes")
        buffer = self._free.pop()
        offset = buffer * size
        data = self.memory[offset : offset + rows * layout.size].reshape(rows, layout.size)
        return Rows(layout, buffer, offset, data)

    def give_back(self, buffer: int) -> None:
        """A buffer may be filled anew."""
        self._free.append(buffer)

    def close(self) -> None:
        """Give the memory back, once nobody holds a part of it any more."""
        self.memory = np.empty(0, np.uint8)
        os.close(self.descriptor)


def mapped(descriptor: int) -> np.ndarray:
    """The memory of an inherited descriptor, once it has a size; read-only."""
    return np.frombuffer(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ), np.uint8)


def _anonymous_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("frames", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
