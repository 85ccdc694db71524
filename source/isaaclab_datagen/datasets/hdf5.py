"""Stacks of images in HDF5, each image a chunk that is compressed, and found again, without HDF5's one lock.

Any HDF5 program reads them: the filters are deflate and, for wide numbers, shuffle, which every one of them has.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from isal import isal_zlib

from isaaclab_datagen.errors import RunError

Opened = Any
"""An :class:`h5py.File` or group: what its keys give (a group, a dataset) is known only when it is read."""
_LEVEL = 1
"""Of ISA-L, which takes a sixth of the time of zlib's fastest for 4 % more bytes: ``benchmarks/codecs.py``."""
_GROWTH = 64
"""Rows that a dataset grows by at a time."""
_MAKE_GROUPS = h5py.h5p.create(h5py.h5p.LINK_CREATE)
_MAKE_GROUPS.set_create_intermediate_group(True)


class Stack:
    """A dataset (rows, N, ...) that grows by rows: one chunk for each of the N parts of a row."""

    def __init__(self, group: h5py.Group, name: str, parts: Sequence[np.ndarray]) -> None:
        """Create it, empty.

        Args:
            group: Where.
            name: Its name there.
            parts: The N arrays of a row, for their number, shape and type.
        """
        self._shape, self._rows = (len(parts), *parts[0].shape), 0
        self._dataset = group.create_dataset(
            name,
            (0, *self._shape),
            maxshape=(None, *self._shape),
            **_storage((1, 1, *parts[0].shape), parts[0].dtype),
        )

    def append(self, blobs: Sequence[bytes]) -> None:
        """Add a row of N parts, each of them :func:`deflated`."""
        if self._rows % _GROWTH == 0:
            self._dataset.resize(self._rows + _GROWTH, axis=0)
        trailing = (0,) * (len(self._shape) - 1)
        for part, blob in enumerate(blobs):
            self._dataset.id.write_direct_chunk((self._rows, part, *trailing), blob)
        self._rows += 1

    def finish(self) -> h5py.Dataset:
        """Cut it to what was appended."""
        self._dataset.resize(self._rows, axis=0)
        return self._dataset


def write_parts(
    group: h5py.Group, name: str, blobs: Sequence[bytes], shape: tuple[int, ...], dtype: np.dtype
) -> h5py.Dataset:
    """Write a dataset (N, ...) of N parts, each of them :func:`deflated` and of ``shape`` before."""
    dataset = group.create_dataset(name, (len(blobs), *shape), **_storage((1, *shape), dtype))
    for part, blob in enumerate(blobs):
        dataset.id.write_direct_chunk((part, *(0,) * len(shape)), blob)
    return dataset


def write_array(group: h5py.Group, name: str, values: np.ndarray) -> None:
    """Write a whole dataset, with the groups in its name. A fifth of the time that ``group[name] = values`` takes."""
    space, kind = h5py.h5s.create_simple(values.shape), h5py.h5t.py_create(values.dtype, logical=True)
    dataset = h5py.h5d.create(group.id, name.encode(), kind, space, lcpl=_MAKE_GROUPS)
    if values.size:
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(values))


def write_numbers(group: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    """Write a whole dataset of measured numbers, with the groups in its name, compressed in one chunk.

    Of such numbers only the first bytes (sign, exponent) repeat, and those not in runs: Huffman codes alone are as
    small as deflate's search makes them, in a quarter of the time.
    """
    if values.ndim == 0 or not values.size:
        write_array(group, name, values)
        return group[name]  # type: ignore[return-value]
    dataset = group.create_dataset(name, values.shape, **_storage(values.shape, values.dtype))
    dataset.id.write_direct_chunk((0,) * values.ndim, _huffman(values))
    return dataset


def deflated(array: np.ndarray) -> bytes:
    """Compress an array as HDF5's filters would. The heavy call releases Python's lock."""
    return isal_zlib.compress(_shuffled(array), _LEVEL)


def _huffman(array: np.ndarray) -> bytes:
    packer = zlib.compressobj(_LEVEL, strategy=zlib.Z_HUFFMAN_ONLY)
    return packer.compress(_shuffled(array)) + packer.flush()


def _shuffled(array: np.ndarray) -> np.ndarray:
    """The bytes of an array as HDF5's shuffle filter lays them: all first bytes of its numbers, all second ones, ..."""
    array = np.ascontiguousarray(array)
    return np.ascontiguousarray(array.reshape(-1, 1).view(np.uint8).T) if array.itemsize > 1 else array


@dataclass(frozen=True)
class Parts:
    """Where the parts of a dataset lie in its file. Needs no open file; can be pickled."""

    path: Path
    shape: tuple[int, ...]
    """Of a part."""
    dtype: np.dtype
    places: np.ndarray
    """Offset and size [bytes] of each part; shape is (..., 2)."""

    def read(self, *position: int) -> np.ndarray:
        """One part, read without the others.

        Raises:
            RunError: The file is not what it was.
        """
        offset, size = self.places[position].tolist()
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                data = zlib.decompress(os.pread(descriptor, size, offset))
            finally:
                os.close(descriptor)
            numbers = np.frombuffer(data, np.uint8)
            if self.dtype.itemsize > 1:
                numbers = np.ascontiguousarray(numbers.reshape(self.dtype.itemsize, -1).T)
            return numbers.view(self.dtype).reshape(self.shape)
        except (OSError, ValueError, zlib.error) as error:
            raise RunError(f"{self.path}: image {position} cannot be read ({error})") from error


def find_parts(dataset: h5py.Dataset, leading: int) -> Parts:
    """List the chunks of a dataset that was written by this module.

    Args:
        dataset: Of shape (leading axes, part).
        leading: Number of the leading axes.

    Raises:
        RunError: It is stored in another way, or a chunk is missing.
    """
    path, shape = Path(dataset.file.filename), dataset.shape[leading:]
    written = _storage((1,) * leading + shape, dataset.dtype)
    places = np.zeros((*dataset.shape[:leading], 2), np.int64)

    def note(chunk: h5py.h5d.StoreInfo) -> None:
        places[chunk.chunk_offset[:leading]] = chunk.byte_offset, chunk.size

    if any(getattr(dataset, name) != value for name, value in written.items()):
        raise RunError(f"{path}: {dataset.name} is not stored as this package stores it (chunks, filters)")
    dataset.id.chunk_iter(note)
    if not places[..., 1].all():
        raise RunError(f"{path}: {dataset.name} lacks {int((places[..., 1] == 0).sum())} of its images")
    return Parts(path, shape, dataset.dtype, places)


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a file for reading.

    Raises:
        RunError: It is missing, truncated, or lacks what is asked of it.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, LookupError, ValueError, RuntimeError, TypeError) as error:
        raise RunError(f"{path} is not a whole episode ({error})") from error


def _storage(chunks: tuple[int, ...], dtype: np.dtype) -> dict[str, object]:
    return {
        "dtype": dtype,
        "chunks": chunks,
        "compression": "gzip",
        "compression_opts": _LEVEL,
        "shuffle": dtype.itemsize > 1,
    }
