"""From batches on the simulation's device to rows of host memory: one copy a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import groupby

import numpy as np
import torch

from isaaclab_datagen.datasets.rows import RowLayout

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
_CHANNELS = 4
"""An axis of more than these is copied as numpy likes."""


def layout_of(batch: Mapping[str, torch.Tensor]) -> RowLayout:
    """Lay out the quantities of ``batch``, each of shape (N, ...).

    Raises:
        ValueError: If numpy has no such type.
    """
    for name, tensor in batch.items():
        if tensor.dtype not in _NUMPY:
            raise ValueError(f"{name} is {tensor.dtype}, which cannot be recorded: convert it in its channel")
    return RowLayout.of({name: (tuple(t.shape[1:]), np.dtype(_NUMPY[t.dtype])) for name, t in batch.items()})


def pack(batch: Mapping[str, torch.Tensor], ids: Sequence[int], layout: RowLayout, out: np.ndarray) -> None:
    """Copy the rows ``ids`` (K,) of a batch on the CPU into ``out`` (K, layout.size) uint8.

    Numpy copies in this thread; torch would spread images over all processors, which are busy encoding.
    """
    for column in layout.columns:
        target = out[:, column.start : column.stop].view(column.dtype)
        _copy(batch[column.name].numpy(), np.asarray(ids), target.reshape(len(ids), *column.shape, copy=False))


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


def packed(batch: Mapping[str, torch.Tensor], ids: Sequence[int], layout: RowLayout) -> torch.Tensor:
    """The rows ``ids`` of a batch in memory of their own on its device. Shape is (K, layout.size), uint8.

    Nothing here waits for a GPU, and there are few calls: the simulation thread has no time.
    """
    first = batch[layout.columns[0].name]
    count, device = len(first), first.device
    parts = [
        torch.cat([batch[column.name].reshape(count, -1) for column in columns], dim=1).view(torch.uint8)
        for _, columns in groupby(layout.columns, lambda column: column.dtype)
    ]
    padding = layout.size - layout.columns[-1].stop
    parts.append(torch.zeros(count, padding, dtype=torch.uint8, device=device))
    rows = torch.cat(parts, dim=1)
    if len(ids) == count and list(ids) == list(range(count)):
        return rows
    index = torch.tensor(ids, pin_memory=device.type == "cuda")
    return rows[index.to(device, non_blocking=True)]


class Transfer:
    """Copies packed rows from a GPU into host memory, beside what the simulation goes on doing."""

    def __init__(self, device: torch.device, memory: np.ndarray) -> None:
        """Pin ``memory`` (bytes,), if the system lets us: otherwise copies are slower and hold up the thread.

        Args:
            device: Where rows come from.
            memory: Where all of them go to; has to live until :meth:`close`.
        """
        self._stream = torch.cuda.Stream(device)
        self._event = torch.cuda.Event()
        self._source: torch.Tensor | None = None
        self._pointer = memory.ctypes.data
        runtime = torch.cuda.cudart()
        assert runtime is not None  # there is a GPU
        self._runtime = runtime
        self._pinned = int(runtime.cudaHostRegister(self._pointer, memory.nbytes, 0)) == 0
        if not self._pinned:
            with suppress(RuntimeError):  # torch would raise what CUDA remembers at some later, innocent call
                torch.zeros(1, device=device)

    def start(self, source: torch.Tensor, out: np.ndarray) -> None:
        """Copy ``source`` (K, size), as it is once the calls before this one are done, into ``out``."""
        self._source = source  # torch reuses its memory in the order of another stream: it has to live until then
        self._stream.wait_stream(torch.cuda.current_stream(source.device))
        with torch.cuda.stream(self._stream):
            torch.from_numpy(out).copy_(source, non_blocking=True)
            self._event.record(self._stream)

    def wait(self) -> None:
        """Wait until the copy is done."""
        self._event.synchronize()
        self._source = None

    def close(self) -> None:
        """Wait, and let the memory go."""
        self.wait()
        if self._pinned:
            self._runtime.cudaHostUnregister(self._pointer)
