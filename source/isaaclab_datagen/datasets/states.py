"""The small channels of a running episode: kept as rows, mostly on disk, turned into columns at the end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from isaaclab_datagen.datasets.files import append_file

_ROWS_IN_MEMORY = 32


class StateLog:
    """A table that grows by rows. At most 32 rows (about 1 KB each) are in memory; the rest lies in a file."""

    def __init__(self, path: Path) -> None:
        """Start empty.

        Args:
            path: The file for what does not stay in memory. Written only if needed, and left to its folder's owner.
        """
        self._path = path
        self._buffer: np.ndarray = np.empty(0)
        self._columns: dict[str, np.ndarray] = {}
        self._absent: frozenset[str] = frozenset()
        self._rows = 0

    def __len__(self) -> int:
        """Number of rows."""
        return self._rows

    def append(self, row: Mapping[str, np.ndarray]) -> None:
        """Add a row.

        Args:
            row: Name to array. The first row fixes names, shapes and types; only the last row may lack some.

        Raises:
            ValueError: The row does not fit the first one, or follows one that lacked a channel.
        """
        if not self._columns:
            self._buffer = np.zeros(_ROWS_IN_MEMORY, [(name, value.dtype, value.shape) for name, value in row.items()])
            self._columns = {name: self._buffer[name] for name in row}
        position = self._rows % _ROWS_IN_MEMORY
        if self._rows and position == 0:
            append_file(self._path, self._buffer.tobytes())
        self._check(row)
        for name, value in row.items():
            self._columns[name][position] = value
        self._rows += 1

    def columns(self) -> dict[str, np.ndarray]:
        """Everything appended so far.

        Returns:
            Name to array, shape (rows, ...); one row fewer for a channel that the last row lacked.
        """
        spilled = (self._rows - 1) // _ROWS_IN_MEMORY * _ROWS_IN_MEMORY
        parts: list[np.ndarray] = [self._buffer[: self._rows - spilled]]
        if spilled:
            parts.insert(0, np.fromfile(self._path, self._buffer.dtype))
        return {
            name: np.concatenate([part[name] for part in parts])[: self._rows - (name in self._absent)]
            for name in self._columns
        }

    def _check(self, row: Mapping[str, np.ndarray]) -> None:
        if self._absent:
            raise ValueError(f"a frame followed the last one (which had no {sorted(self._absent)})")
        if len(row) != len(self._columns):
            self._absent = frozenset(self._columns) - frozenset(row)
        for name, value in row.items():
            column = self._columns.get(name)
            if column is None or value.shape != column.shape[1:] or value.dtype != column.dtype:
                expected = "absent" if column is None else f"{column.shape[1:]} {column.dtype}"
                raise ValueError(f"channel {name} is {value.shape} {value.dtype}; in the first frame it was {expected}")
