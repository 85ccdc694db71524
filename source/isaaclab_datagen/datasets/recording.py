"""From the simulation's process to a format's sinks: encoding and disk in other processes, in bounded memory."""

from __future__ import annotations

import os
import pickle
import selectors
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np

from isaaclab_datagen.datasets.episode import Frame, Outcome, Writer
from isaaclab_datagen.datasets.files import DISK_FULL
from isaaclab_datagen.datasets.recording_process import WorkerProcess
from isaaclab_datagen.datasets.rows import RowLayout
from isaaclab_datagen.datasets.shared_memory import Rows, SharedBuffers
from isaaclab_datagen.errors import RunError


class RecordingSession:
    """Streams the frames of parallel environments into the sinks of one writer.

    All methods belong to the simulation thread. Each slot's work runs in order in one process (slot modulo workers);
    slots run beside each other. Processes, because what Python does for an image would otherwise be taken from the
    simulation's own Python. Frames lie in shared memory; messages are small. At most ``buffers`` batches are
    unfinished: :meth:`take` waits for one of them, so nothing is dropped and nothing grows. What goes wrong in a
    process is raised by the next call here; the episode it hit is discarded, the others go on.

    Use it in a ``with`` statement: leaving finishes what is queued and discards what still runs.
    """

    def __init__(self, writer: Writer, num_slots: int, workers: int | None = None, buffers: int = 4) -> None:
        """Prepare; the processes start with the first episode, or with :meth:`start`.

        Args:
            writer: Where episodes go. Each process gets a pickled copy, as it is when they start, and opens
                episodes with it. Closed with the session.
            num_slots: Number of environments.
            workers: Number of processes; by default one for each usable processor, at most one for each slot.
            buffers: How many batches may be unfinished: what bounds the memory.
        """
        self._writer = writer
        self._count = workers or min(num_slots, _processors())
        self._workers: list[WorkerProcess] = []
        self._selector = selectors.DefaultSelector()
        self._buffers = SharedBuffers(buffers, num_slots)
        self._readers = [0] * buffers
        self._layouts: dict[RowLayout, int] = {}
        self._slots: dict[int, list[int]] = {}
        self._assigned: dict[int, list[WorkerProcess]] = {}
        self._running: set[int] = set()
        self._committed: list[int] = []
        self._unflushed: set[WorkerProcess] = set()
        self._error: Exception | None = None
        self._closed = False

    @property
    def committed(self) -> list[int]:
        """Numbers of the episodes that this session is known to have committed so far."""
        return sorted(self._committed)

    @property
    def memory(self) -> np.ndarray:
        """The shared memory that all rows lie in, (bytes,) uint8; empty before the first :meth:`take`."""
        return self._buffers.memory

    def start(self) -> None:
        """Start the processes, unless they run. To be called before episodes begin where the start is not to delay."""
        if self._workers:
            return
        inherited = self._buffers.descriptor, self._writer.lock.descriptor
        self._workers = [WorkerProcess(*inherited) for _ in range(self._count)]
        writer = pickle.dumps(self._writer)
        for worker in self._workers:  # they start side by side
            self._selector.register(worker.connection, selectors.EVENT_READ, worker)
            worker.send_pickled(writer)

    def begin(self, slot: int, index: int) -> None:
        """Start an episode.

        Args:
            slot: Environment, which must not have a running episode.
            index: Number of the episode in the dataset.
        """
        self._check()
        if slot in self._running:
            raise ValueError(f"slot {slot} already has a running episode: end it first")
        self.start()
        self._running.add(slot)
        self._worker(slot).send("begin", slot, index)

    def take(self, rows: int, layout: RowLayout) -> Rows:
        """Take a buffer for the next frame of some episodes. Waits while all are being read.

        Args:
            rows: How many; at most one for each slot.
            layout: Of each row; no larger than the first one that was asked for.

        Returns:
            Rows to be filled, and then to be given to :meth:`put`.
        """
        self._check()
        while self._buffers.all_taken:
            self._receive(None)
            self._raise_error()
        return self._buffers.take(rows, layout)

    def put(self, slots: Sequence[int], rows: Rows) -> None:
        """Add a frame to the running episode of each slot. The rows are not to be touched any more.

        Args:
            slots: Environments, one for each row.
            rows: What :meth:`take` gave.
        """
        self._check()
        if not self._running.issuperset(slots):
            raise ValueError(f"slots {sorted(set(slots) - self._running)} have no running episode: begin them first")
        if not slots:
            self._buffers.give_back(rows.buffer)
            return
        if rows.layout not in self._layouts:
            self._layouts[rows.layout] = len(self._layouts)
            for worker in self._workers:
                worker.send("layout", rows.layout)
        layout = self._layouts[rows.layout]
        if self._slots.get(layout) != slots:
            self._assign(layout, list(slots))
        self._readers[rows.buffer] = len(self._assigned[layout])
        message = pickle.dumps(("frames", rows.buffer, layout, rows.offset))
        for worker in self._assigned[layout]:
            worker.send_pickled(message)

    def append(self, frames: Mapping[int, Frame]) -> None:
        """Add a frame to some running episodes: :meth:`take`, copy, :meth:`put`.

        Args:
            frames: Slot to its frame; all of the same layout.
        """
        if frames:
            layout = RowLayout.of_frame(next(iter(frames.values())))
            rows = self.take(len(frames), layout)
            for frame, row in zip(frames.values(), rows.data, strict=True):
                layout.pack(frame, row)
            self.put(list(frames), rows)

    def end(self, slot: int, outcome: Outcome, keep: bool = True) -> None:
        """End a running episode.

        Args:
            slot: Its environment.
            outcome: How it ended.
            keep: Whether to commit it (else it is discarded).
        """
        self._check()
        self._running.remove(slot)
        self._worker(slot).send("end", slot, outcome, keep)

    def flush(self) -> None:
        """Wait until all that was queued is done, and raise what went wrong."""
        self._drain()
        self._raise_error()

    def close(self) -> None:
        """Finish what is queued, discard running episodes, close the writer, and raise what went wrong."""
        self.abort()
        self._raise_error()

    def abort(self) -> None:
        """As :meth:`close`, but without raising: for when another error is already on its way."""
        if self._closed:
            return
        self._closed = True
        for worker in self._workers:
            worker.finish()
        while self._selector.get_map():
            self._receive(None)
        self._selector.close()
        self._buffers.close()
        try:
            self._writer.close()
        except OSError as error:
            self._error = self._error or error

    def __enter__(self) -> Self:
        """Nothing to do."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, or abort where an error is on its way."""
        if kind is None:
            self.close()
        else:
            self.abort()

    def _assign(self, layout: int, slots: list[int]) -> None:
        """Tell whose rows those of a layout are from now on: mostly the same step after step, and so said once."""
        parts: dict[WorkerProcess, list[tuple[int, int]]] = defaultdict(list)
        for row, slot in enumerate(slots):
            parts[self._worker(slot)].append((row, slot))
        for worker, part in parts.items():
            worker.send("slots", layout, part)
        self._slots[layout], self._assigned[layout] = slots, list(parts)

    def _worker(self, slot: int) -> WorkerProcess:
        return self._workers[slot % len(self._workers)]

    def _check(self) -> None:
        """Hear what the processes have said, and raise what went wrong."""
        self._receive(0.0)
        self._raise_error()

    def _receive(self, timeout: float | None) -> None:
        """Wait so long (None: for ever) for a message; hear it and all others that are there."""
        while ready := self._selector.select(timeout):
            timeout = 0.0
            for key, _ in ready:
                try:
                    message = key.data.receive()
                except EOFError:
                    self._ended(key.data)
                else:
                    self._hear(key.data, *message)

    def _hear(self, worker: WorkerProcess, what: str, *values: Any) -> None:
        match what, *values:
            case "read", buffer:
                self._readers[buffer] -= 1
                if not self._readers[buffer]:
                    self._buffers.give_back(buffer)
            case "committed", index, steps:
                self._committed.append(index)
                try:
                    self._writer.committed_one(index, steps)
                except OSError as error:
                    self._error = self._error or error
            case "failed", error:
                self._error = self._error or error
            case ("flushed",):
                self._unflushed.discard(worker)

    def _ended(self, worker: WorkerProcess) -> None:
        self._selector.unregister(worker.connection)
        self._unflushed.discard(worker)
        error = worker.end()
        self._error = self._error or error

    def _drain(self) -> None:
        """Wait until all that was queued is done."""
        alive = [key.data for key in self._selector.get_map().values()] if not self._closed else []
        self._unflushed = set(alive)
        for worker in alive:
            worker.send("flush")
        while self._unflushed:
            self._receive(None)

    def _raise_error(self) -> None:
        error = self._error
        if error is None:
            return
        if not isinstance(error, OSError):
            raise error
        self._drain()  # episodes that have ended are still being committed; the message counts them
        what, remedy = _explanation(error)
        raise RunError(
            f"{what}. {len(self._writer.committed)} episodes are committed and whole. {remedy}, then run the same "
            "command again to go on"
        ) from error


def _explanation(error: OSError) -> tuple[str, str]:
    """What is wrong, and what the user does about it."""
    if isinstance(error, ChildProcessError):
        return f"a recording process died ({error})", "Free some memory, or see what it wrote above"
    where = f"{error.filename or 'the dataset'} ({error.strerror or error})"
    if error.errno in DISK_FULL:
        return f"the disk is full, cannot write {where}", "Free some space"
    return f"cannot write {where}", "Mend that"


def _processors() -> int:
    """Those that this process may use: a container may have fewer than the machine."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
