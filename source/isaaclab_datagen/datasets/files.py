"""Files that are whole or absent, and folders that one process writes at a time."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from isaaclab_datagen.errors import RunError

if sys.platform != "win32":
    import fcntl

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of the errors that say so."""


def write_file(path: str | Path, data: bytes) -> None:
    """Write a new file.

    Args:
        path: Where; must not exist.
        data: Its whole content.

    Raises:
        OSError: With ``filename`` set, also where the disk is full after a part was written.
    """
    _write(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, data)


def append_file(path: str | Path, data: bytes) -> None:
    """Add to the end of a file, which comes into being if need be. Errors as :func:`write_file`."""
    _write(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, data)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file's content: a reader, or a run after a kill, sees the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        write_file(temporary, data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


class FolderLock:
    """Keeps a second process from writing into a folder. The system drops it when its holder dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            RunError: Another process holds it.
        """
        self._descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise RunError(
                f"{folder} is being written by another process: wait for it, or give another --out"
            ) from error

    def release(self) -> None:
        """Let the next process in."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _write(path: str | Path, flags: int, data: bytes) -> None:
    # Plain system calls: this runs thousands of times a second, and open() costs as much as the write.
    descriptor = os.open(path, flags, 0o666)
    try:
        written = os.write(descriptor, data)
        while written < len(data):  # a disk that fills up takes a part first, then fails
            written += os.write(descriptor, memoryview(data)[written:])
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(descriptor)
