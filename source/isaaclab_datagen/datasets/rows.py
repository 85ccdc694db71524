"""A frame as one row of bytes: what lies where, so that rows can be filled in one process and read in another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from isaaclab_datagen.datasets.episode import Frame

_ALIGNMENT = 8


@dataclass(frozen=True)
class Column:
    """Where one quantity lies in a row."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    start: int
    stop: int


@dataclass(frozen=True)
class RowLayout:
    """Where each quantity of a frame lies in its row; wide types first, so that all are aligned."""

    columns: tuple[Column, ...]
    size: int
    """Bytes of a row, with a few more so that every row is aligned."""

    @classmethod
    def of(cls, quantities: Mapping[str, tuple[tuple[int, ...], np.dtype]]) -> Self:
        """Lay out quantities, each given by its shape and type."""
        start = 0
        columns = []
        for name in sorted(quantities, key=lambda name: -quantities[name][1].itemsize):
            shape, dtype = quantities[name]
            stop = start + math.prod(shape) * dtype.itemsize
            columns.append(Column(name, shape, dtype, start, stop))
            start = stop
        return cls(tuple(columns), start + -start % _ALIGNMENT)

    @classmethod
    def of_frame(cls, frame: Frame) -> Self:
        """Lay out the quantities of a frame."""
        return cls.of({name: (value.shape, value.dtype) for name, value in frame.items()})

    def unpack(self, row: np.ndarray) -> dict[str, np.ndarray]:
        """Views of one row (size,) uint8."""
        return {
            column.name: row[column.start : column.stop].view(column.dtype).reshape(column.shape)
            for column in self.columns
        }

    def pack(self, frame: Frame, row: np.ndarray) -> None:
        """Copy a frame that has this layout into a row (size,) uint8."""
        for name, target in self.unpack(row).items():
            target[...] = frame[name]
