"""A process that writes episodes, as its session sees it."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any


class WorkerProcess:
    """Runs :mod:`isaaclab_datagen.datasets.recording_worker`.

    It inherits the folder's lock, so that no other run starts before it ends, and is out of Ctrl-C's reach. It is no
    child of :mod:`multiprocessing`: a fork would not survive CUDA and threads, and a spawned process would import the
    script that runs here, with all of Isaac Lab.
    """

    def __init__(self, memory: int, lock: int) -> None:
        """Start it.

        Args:
            memory: Descriptor of the shared memory.
            lock: Descriptor of the folder's lock.
        """
        ours, its = socket.socketpair()
        with its:
            module = "isaaclab_datagen.datasets.recording_worker"
            numbers = [str(number) for number in (its.fileno(), memory, os.getpid())]
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *numbers],
                stdin=subprocess.DEVNULL,
                process_group=0,
                pass_fds=(its.fileno(), memory, lock),
                env={**os.environ, "PYTHONPATH": _search_path(), "OPENBLAS_NUM_THREADS": "1"},
            )
        self._socket = ours
        self._finishing = False
        self.connection = Connection(os.dup(ours.fileno()))

    def send(self, *message: Any) -> None:
        """Tell it something."""
        self.send_pickled(pickle.dumps(message))

    def send_pickled(self, message: bytes) -> None:
        """Tell it something that has been pickled."""
        with suppress(BrokenPipeError, ConnectionResetError):  # it is dead: that is heard where it is listened to
            self.connection.send_bytes(message)

    def receive(self) -> tuple[Any, ...]:
        """Hear what it says.

        Raises:
            EOFError: It has ended.
        """
        try:
            message = self.connection.recv_bytes()
        except OSError as error:  # in the middle of a message
            raise EOFError from error
        return pickle.loads(message)

    def finish(self) -> None:
        """Let it end after what is queued."""
        self._finishing = True
        with suppress(OSError):  # it is dead already
            self._socket.shutdown(socket.SHUT_WR)

    def end(self) -> ChildProcessError | None:
        """Wait for its end. Returns what was wrong with it."""
        self.connection.close()
        self._socket.close()
        status = self._process.wait()
        if status == 0 and self._finishing:
            return None
        if status < 0:
            name = signal.Signals(-status).name
            return ChildProcessError(f"it was ended by {name}" + ", as where memory runs out" * (name == "SIGKILL"))
        return ChildProcessError(f"it ended with status {status}")


def _search_path() -> str:
    """Where this process finds modules."""
    return os.pathsep.join(path or os.getcwd() for path in sys.path)
