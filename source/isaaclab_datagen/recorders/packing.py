"""One copy a step from the simulation's device to the host."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

_NUMPY = {
    torch.float64: np.float64,
    torch.float32: np.float32,
    torch.float16: np.float16,
    torch.int64: np.int64,
    torch.int32: np.int32,
    torch.int16: np.int16,
    torch.int8: np.int8,
    torch.uint8: np.uint8,
    torch.bool: np.bool_,
}
_ALIGNMENT = 8
_CHANNELS = 4
"""An axis of more than these is copied as numpy likes."""


@dataclass(frozen=True)
class _Column:
    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    start: int
    stop: int


class Layout:
    """Where each quantity lies in an environment's row of bytes; wide types first, so that all are aligned."""

    def __init__(self, batch: Mapping[str, torch.Tensor]) -> None:
        """Lay out the quantities of ``batch``, each of shape (N, ...).

        Raises:
            ValueError: If numpy has no such type.
        """
        start = 0
        columns = []
        for name in sorted(batch, key=lambda name: -batch[name].element_size()):
            tensor = batch[name]
            if tensor.dtype not in _NUMPY:
                raise ValueError(f"{name} is {tensor.dtype}, which cannot be recorded: convert it in its channel")
            size = tensor[0].numel() * tensor.element_size()
            columns.append(_Column(name, tuple(tensor.shape[1:]), tensor.dtype, start, start + size))
            start += size
        self._columns = columns
        self._padding = -start % _ALIGNMENT
        self.size = start + self._padding
        """Bytes of a row, with a few more so that every row is aligned."""

    def pack(self, batch: Mapping[str, torch.Tensor], ids: torch.Tensor, out: torch.Tensor) -> None:
        """Copy the rows ``ids`` (K,) of ``batch`` into ``out`` (K, size) uint8 on the host: one transfer."""
        if ids.device.type == "cpu":
            self._pack_here(batch, ids.numpy(), out.numpy())
            return
        rows = len(ids)
        parts = [batch[column.name][ids].reshape(rows, -1).view(torch.uint8) for column in self._columns]
        parts.append(torch.zeros(rows, self._padding, dtype=torch.uint8, device=ids.device))
        out.copy_(torch.cat(parts, dim=1), non_blocking=True)
        torch.cuda.current_stream(ids.device).synchronize()

    def _pack_here(self, batch: Mapping[str, torch.Tensor], ids: np.ndarray, out: np.ndarray) -> None:
        """Numpy copies in this thread; torch would spread images over all processors, which are busy encoding."""
        for column in self._columns:
            target = out[:, column.start : column.stop].view(_NUMPY[column.dtype])
            _copy(batch[column.name].numpy(), ids, target.reshape(len(ids), *column.shape, copy=False))

    def unpack(self, row: np.ndarray) -> dict[str, np.ndarray]:
        """Views of one row (size,) uint8."""
        return {
            column.name: row[column.start : column.stop].view(_NUMPY[column.dtype]).reshape(column.shape)
            for column in self._columns
        }


def _copy(source: np.ndarray, ids: np.ndarray, target: np.ndarray) -> None:
    """Copy rows ``ids`` (K,) of ``source`` (N, ...) to ``target`` (K, ...)."""
    if source.ndim < 3:
        target[...] = source[ids]
        return
    for row, index in enumerate(ids):
        if source[index].flags.c_contiguous or source.shape[-1] > _CHANNELS:
            target[row] = source[index]
        else:
            # rgb of an rgba image: numpy's loop over the innermost axis, three numbers long, takes four times as long
            for channel in range(source.shape[-1]):
                target[row, ..., channel] = source[index, ..., channel]


class HostBuffers:
    """A ring of equal host buffers, pinned where a GPU copies into them. Taking one waits until one is free."""

    def __init__(self, count: int, rows: int, size: int, pinned: bool) -> None:
        """Allocate ``count`` buffers of ``rows`` x ``size`` bytes."""
        self._free: queue.SimpleQueue[torch.Tensor] = queue.SimpleQueue()
        for _ in range(count):
            self._free.put(torch.empty((rows, size), dtype=torch.uint8, pin_memory=pinned))

    def take(self) -> torch.Tensor:
        """A free buffer. Shape is (rows, size)."""
        return self._free.get()

    def give_back(self, buffer: torch.Tensor) -> None:
        """From any thread: ``buffer`` may be filled anew."""
        self._free.put(buffer)
