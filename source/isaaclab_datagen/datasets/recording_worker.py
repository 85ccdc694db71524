"""One of the processes of a :class:`~isaaclab_datagen.datasets.recording.RecordingSession`: encoding and disk.

It imports neither torch nor Isaac Lab: it starts in about half a second and takes little memory. Messages, each a
pickled tuple, come from the session: the writer, then ``layout``, ``slots`` (whose rows follow in ``frames`` of that
layout), ``begin``, ``frames``, ``end``, ``flush``; the end of the stream means: discard what still runs, and end. It
answers ``read`` (it reads the rows of a buffer no more), ``committed``, ``failed`` and ``flushed``.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from isaaclab_datagen.datasets.episode import Outcome, Sink, Writer
from isaaclab_datagen.datasets.processes import die_with
from isaaclab_datagen.datasets.rows import RowLayout
from isaaclab_datagen.datasets.shared_memory import mapped

_NICENESS = 5
"""The simulation is the one that must not wait for a processor."""


class Worker:
    """Some slots' episodes."""

    def __init__(self, connection: Connection, memory: int) -> None:
        """Connect.

        Args:
            connection: To the session.
            memory: Descriptor of the shared memory, which has no size yet.
        """
        self._connection = connection
        self._descriptor = memory
        self._memory: np.ndarray | None = None
        self._layouts: list[RowLayout] = []
        self._parts: dict[int, Sequence[tuple[int, int]]] = {}
        self._episodes: dict[int, tuple[int, Sink]] = {}

    def serve(self) -> None:
        """Do what the session says until it says no more."""
        with self._keep_errors():
            writer = self._receive()
            while (message := self._receive()) is not None:
                with self._keep_errors():
                    self._do(writer, *message)
            for slot in list(self._episodes):
                with self._keep_errors():
                    self._discard(slot)

    def _do(self, writer: Writer, what: str, *values: Any) -> None:
        match what, *values:
            case "layout", layout:
                self._layouts.append(layout)
            case "slots", layout, part:
                self._parts[layout] = part
            case "begin", slot, index:
                self._episodes[slot] = index, writer.open(index)
            case "frames", buffer, layout, offset:
                try:
                    self._append(self._layouts[layout], self._parts[layout], offset)
                finally:
                    self._tell("read", buffer)
            case "end", slot, outcome, keep:
                self._commit(slot, outcome) if keep else self._discard(slot)
            case ("flush",):
                self._tell("flushed")

    def _append(self, layout: RowLayout, part: Sequence[tuple[int, int]], offset: int) -> None:
        """Add the rows that are this process's, of those from ``offset`` [bytes] on, to their slots' episodes."""
        if self._memory is None:
            self._memory = mapped(self._descriptor)
        for row, slot in part:
            if slot in self._episodes:  # an episode that an error hit is no longer there
                start = offset + row * layout.size
                with self._keep_errors(slot):
                    self._episodes[slot][1].append(layout.unpack(self._memory[start : start + layout.size]))

    def _commit(self, slot: int, outcome: Outcome) -> None:
        if slot in self._episodes:
            with self._keep_errors(slot):
                index, sink = self._episodes[slot]
                steps = sink.commit(outcome)
                del self._episodes[slot]
                self._tell("committed", index, steps)

    def _discard(self, slot: int) -> None:
        if slot in self._episodes:
            self._episodes.pop(slot)[1].discard()

    @contextmanager
    def _keep_errors(self, slot: int | None = None) -> Iterator[None]:
        """Tell the session of an error, and give up the episode of ``slot``."""
        try:
            yield
        except Exception as error:  # whatever it is, the session raises it: the user sees it there
            self._tell("failed", portable(error))
            if slot is not None:
                with suppress(OSError):  # what cannot be removed now is removed when the dataset is opened again
                    self._discard(slot)

    def _receive(self) -> Any:
        """The next message, or None if there are no more."""
        try:
            message = self._connection.recv_bytes()
        except (EOFError, OSError):
            return None
        return pickle.loads(message)

    def _tell(self, what: str, *values: Any) -> None:
        with suppress(BrokenPipeError):  # a session that was killed; its end of the stream comes next
            self._connection.send_bytes(pickle.dumps((what, *values)))


def portable(error: Exception) -> Exception:
    """An error as another process can raise it: itself with its traceback as a note, or what it says."""
    error.add_note(f"In a recording process:\n{''.join(traceback.format_exception(error))}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # libraries' exceptions may be built otherwise than pickle expects
        if isinstance(error, OSError):
            return OSError(error.errno, error.strerror, error.filename)
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def main() -> None:
    """Serve the session whose connection, memory and process are given by number."""
    connection, memory, parent = map(int, sys.argv[1:])
    die_with(parent)
    os.nice(_NICENESS)
    Worker(Connection(connection), memory).serve()


if __name__ == "__main__":
    main()
