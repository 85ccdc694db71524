"""Processes that share out the episodes of a dataset, and how processes end with their parent."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

MOST = 16
"""Processes at most: each takes a second to start, and memory."""
_PR_SET_PDEATHSIG = 1
"""From ``linux/prctl.h``."""


def processes(episodes: int, each: int = 1) -> int:
    """How many are worth it, if each shall have at least so many episodes."""
    return min(episodes // each, os.cpu_count() or 1, MOST)


def pool(workers: int) -> ProcessPoolExecutor:
    """A pool whose processes end with this one, however it ends: a run after a kill must have its folder to itself."""
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _end_with_parent)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # this runs in a process of the pool

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def die_with(parent: int) -> None:
    """End at once when the process that started this one does: otherwise two runs could write at a time."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
