"""From the simulation thread to a format's sinks: encoding and disk in other threads, in bounded memory."""

from __future__ import annotations

import os
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Self

from isaaclab_datagen.datasets.episode import Frame, Outcome, Sink, Writer
from isaaclab_datagen.datasets.files import DISK_FULL
from isaaclab_datagen.errors import RunError


class RecordingSession:
    """Streams the frames of parallel environments into the sinks of one writer.

    All methods belong to the simulation thread. Each slot's work runs in order in one worker thread (slot modulo
    workers); slots run beside each other. At most ``max_in_flight`` batches are unfinished: :meth:`append` waits for
    room, so nothing is dropped and nothing grows. What a worker raises is kept and raised by the next call here; the
    episode it hit is discarded, the others go on.

    Use it in a ``with`` statement: leaving finishes what is queued and discards what still runs.
    """

    def __init__(self, writer: Writer, num_slots: int, workers: int | None = None, max_in_flight: int = 4) -> None:
        """Start the workers.

        Args:
            writer: Where episodes go. ``open`` is called from the workers. Closed with the session.
            num_slots: Number of environments.
            workers: Number of threads; by default one for each processor, at most one for each slot.
            max_in_flight: How many batches may be unfinished: what the caller's ring of buffers needs at least.
        """
        self._writer = writer
        self._room = threading.Semaphore(max_in_flight)
        self._running: set[int] = set()
        self._episodes: dict[int, tuple[int, Sink]] = {}
        self._committed: list[int] = []
        self._error: Exception | None = None
        count = workers or min(num_slots, os.cpu_count() or 1)
        self._lanes = [_Lane(f"recording-{number}", self._keep_errors) for number in range(count)]

    @property
    def committed(self) -> list[int]:
        """Numbers of the episodes that this session has committed so far."""
        return sorted(self._committed)

    def begin(self, slot: int, index: int) -> None:
        """Start an episode.

        Args:
            slot: Environment, which must not have a running episode.
            index: Number of the episode in the dataset.
        """
        self._raise_error()
        if slot in self._running:
            raise ValueError(f"slot {slot} already has a running episode: end it first")
        self._running.add(slot)
        self._lane(slot).put(partial(self._open, slot, index))

    def append(self, rows: Mapping[int, Frame], release: Callable[[], None]) -> None:
        """Add a frame to some running episodes. Waits while too many batches are unfinished.

        Args:
            rows: Slot to its frame. The arrays must stay as they are until ``release`` is called.
            release: Called once, from a worker, when nobody reads the arrays any more. Not called if this raises.
        """
        self._raise_error()
        if not self._running.issuperset(rows):
            raise ValueError(f"slots {sorted(set(rows) - self._running)} have no running episode: begin them first")
        self._room.acquire()
        parts: dict[_Lane, dict[int, Frame]] = defaultdict(dict)
        for slot, frame in rows.items():
            parts[self._lane(slot)][slot] = frame
        batch = _Batch(len(parts) or 1, release, self._room)
        for lane, part in parts.items():
            lane.put(partial(self._append, part, batch))
        if not parts:
            batch.part_done()

    def end(self, slot: int, outcome: Outcome, keep: bool = True) -> None:
        """End a running episode.

        Args:
            slot: Its environment.
            outcome: How it ended.
            keep: Whether to commit it (else it is discarded).
        """
        self._raise_error()
        self._running.remove(slot)
        self._lane(slot).put(partial(self._commit, slot, outcome) if keep else partial(self._discard, slot))

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
        for slot in self._running:
            self._lane(slot).put(partial(self._discard, slot))
        self._running.clear()
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            lane.stop()
        for lane in lanes:
            lane.join()
        if lanes:
            with self._keep_errors():
                self._writer.close()

    def __enter__(self) -> Self:
        """Nothing to do: the workers run already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, or abort where an error is on its way."""
        if kind is None:
            self.close()
        else:
            self.abort()

    def _lane(self, slot: int) -> _Lane:
        return self._lanes[slot % len(self._lanes)]

    def _open(self, slot: int, index: int) -> None:
        self._episodes[slot] = index, self._writer.open(index)

    def _append(self, part: Mapping[int, Frame], batch: _Batch) -> None:
        try:
            for slot, frame in part.items():
                if slot in self._episodes:  # an episode that an error hit is no longer there
                    with self._keep_errors(slot):
                        self._episodes[slot][1].append(frame)
        finally:
            batch.part_done()

    def _commit(self, slot: int, outcome: Outcome) -> None:
        if slot in self._episodes:
            with self._keep_errors(slot):
                index, sink = self._episodes[slot]
                sink.commit(outcome)
                del self._episodes[slot]
                self._committed.append(index)

    def _discard(self, slot: int) -> None:
        if slot in self._episodes:
            self._episodes.pop(slot)[1].discard()

    @contextmanager
    def _keep_errors(self, slot: int | None = None) -> Iterator[None]:
        """Keep the first error for the simulation thread, and give up the episode of ``slot``."""
        try:
            yield
        except Exception as error:  # whatever it is, a worker that died of it would leave the simulation thread waiting
            self._error = self._error or error
            if slot is not None:
                with suppress(OSError):  # what cannot be removed now is removed when the dataset is opened again
                    self._discard(slot)

    def _drain(self) -> None:
        """Wait until all that was queued is done."""
        done = [threading.Event() for _ in self._lanes]
        for lane, event in zip(self._lanes, done, strict=True):
            lane.put(event.set)
        for event in done:
            event.wait()

    def _raise_error(self) -> None:
        error = self._error
        if error is None:
            return
        if not isinstance(error, OSError):
            raise error
        self._drain()  # episodes that have ended are still being committed; the message counts them
        what = "the disk is full, cannot write" if error.errno in DISK_FULL else "cannot write"
        remedy = "Free some space, then run" if error.errno in DISK_FULL else "Mend that, then run"
        raise RunError(
            f"{what} {error.filename or 'the dataset'} ({error.strerror or error}). {len(self._writer.committed)} "
            f"episodes are committed and whole. {remedy} the same command again to go on"
        ) from error


class _Lane:
    """One worker thread and what it has to do, in order."""

    def __init__(self, name: str, guard: Callable[[], AbstractContextManager[None]]) -> None:
        self.tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._guard = guard
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, task: Callable[[], None]) -> None:
        self.tasks.put(task)

    def stop(self) -> None:
        """Let it end after what is queued."""
        self.tasks.put(None)

    def join(self) -> None:
        self._thread.join()

    def _work(self) -> None:
        for task in iter(self.tasks.get, None):
            with self._guard():
                task()


class _Batch:
    """Counts the lanes that still read a batch; the last one frees it."""

    def __init__(self, parts: int, release: Callable[[], None], room: threading.Semaphore) -> None:
        self._parts = parts
        self._release = release
        self._room = room
        self._lock = threading.Lock()

    def part_done(self) -> None:
        with self._lock:
            self._parts -= 1
            last = self._parts == 0
        if last:
            try:
                self._release()
            finally:
                self._room.release()
