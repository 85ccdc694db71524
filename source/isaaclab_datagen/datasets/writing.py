"""What the writers of formats have in common: opening a folder for writing, and episodes in the making below it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from isaaclab_datagen.datasets.files import DISK_FULL, FolderLock
from isaaclab_datagen.datasets.manifest import Manifest
from isaaclab_datagen.errors import RunError, UsageError

STAGING = ".staging"
"""Folder, in a dataset, of the episodes that are not whole yet."""


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """Say what keeps a dataset below ``out`` from being opened.

    Raises:
        RunError: The disk is full.
        UsageError: The system does not let us write there.
    """
    try:
        yield
    except OSError as error:
        kind = RunError if error.errno in DISK_FULL else UsageError
        raise kind(f"--out {out}: cannot be written ({error.strerror}). Mend that, or give another --out") from error


@contextmanager
def locked(folder: Path) -> Iterator[FolderLock]:
    """Lock a folder, which is made if need be, for the writer that is made meanwhile: undone here if that fails."""
    lock = FolderLock(folder)
    with ExitStack() as undo:
        undo.callback(lock.undo)
        yield lock
        undo.pop_all()


class FolderWriter:
    """A dataset open for writing. Pickled copies of it open and write episodes in other processes."""

    def __init__(self, manifest: Manifest, lock: FolderLock) -> None:
        """Count the session."""
        self.manifest = manifest
        self.root = manifest.path.parent
        self.session = manifest.begin_session()
        self.lock = lock
        self._opened = 0

    def staging(self, index: int) -> Path:
        """A path for an episode in the making: a number whose episode was discarded may be in use again."""
        self._opened += 1
        return self.root / STAGING / f"{index}-{os.getpid()}-{self._opened}"

    def committed_one(self, index: int, steps: int) -> None:
        """Nothing: what lies in the folder says it."""

    def close(self) -> None:
        """Remove what uncommitted episodes left, and let other processes write."""
        shutil.rmtree(self.root / STAGING, ignore_errors=True)  # what stays is removed on opening
        self.lock.release()
