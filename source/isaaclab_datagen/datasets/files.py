"""Files that are whole or absent, and folders that one process writes at a time."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from isaaclab_datagen.errors import RunError

if sys.platform != "win32":
    import fcntl

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of the errors that say so."""
LOCK = ".lock"
"""Name of the file that is locked in a folder."""
_PATIENCE = 2.0
"""How long a lock may take to become free [s]."""


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


class SteadyFile:
    """A new binary file that never fails towards the library that writes it; :meth:`check` raises what went wrong.

    HDF5 cannot close a file after a failed write: it stays open, and its space taken, until the process ends.
    """

    def __init__(self, path: Path) -> None:
        """Create it. Errors as :func:`write_file`."""
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        self._position = 0
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise the first error, with ``filename`` set. What was written after it is lost."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Close it; raises nothing."""
        with self._kept():
            os.close(self._descriptor)

    def write(self, data: memoryview) -> int:
        """Write at the position. Returns the number of bytes, also if they are lost."""
        size = len(data)
        with self._kept():
            while data and self._error is None:  # a disk that fills up takes a part first, then fails
                written = os.pwrite(self._descriptor, data, self._position)
                self._position += written
                data = data[written:]
        self._position += len(data)
        return size

    def readinto(self, buffer: memoryview) -> int:
        """Read at the position."""
        count = os.preadv(self._descriptor, [buffer], self._position)
        self._position += count
        return count

    def read(self, size: int) -> bytes:
        """Read at the position."""
        data = os.pread(self._descriptor, size, self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: os.fstat(self._descriptor).st_size}
        self._position = start[whence] + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def truncate(self, size: int) -> None:
        """Set the size."""
        with self._kept():
            os.ftruncate(self._descriptor, size)

    def flush(self) -> None:
        """Nothing is buffered."""

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            error.filename = str(self._path)
            self._error = self._error or error


class FolderLock:
    """Keeps a second run from writing into a folder. The system drops it when its holders die, however they die.

    Whoever inherits the descriptor holds the lock too.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock of a folder, which is made if need be. What a killed run had started is waited for.

        Raises:
            RunError: Another process holds it.
        """
        self._folder = folder
        self._made: list[Path] = []
        self.descriptor, patience = -1, time.monotonic() + _PATIENCE
        while not self._taken():
            if time.monotonic() > patience:
                raise RunError(f"{folder} is being written by another process: wait for it, or give another --out")
            time.sleep(0.02)
        self._was_empty = os.listdir(folder) == [LOCK]  # not before: whoever held it may have written

    def _taken(self) -> bool:
        """Try once. Whoever held it may have removed the folder, with the file that was locked."""
        made = [path for path in (self._folder, *self._folder.parents) if not path.exists()]
        self._made = made or self._made
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / LOCK
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            with suppress(FileNotFoundError):
                if _locked(descriptor) and os.path.samestat(os.fstat(descriptor), path.stat()):
                    self.descriptor = descriptor
                    return True
            os.close(descriptor)
        return False

    def clear(self) -> None:
        """Remove what lies in the folder, but for the lock."""
        for path in self._folder.iterdir():
            if path.name != LOCK:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def release(self) -> None:
        """Let the next process in, once nobody else holds it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def undo(self) -> None:
        """Release it and leave the folder as it was found, if that was empty or not there. Nothing once released."""
        if self.descriptor < 0:
            return
        if self._was_empty:
            self.clear()
            (self._folder / LOCK).unlink()
        for path in self._made:
            with suppress(OSError):  # others have used it meanwhile
                path.rmdir()
        self.release()


def _locked(descriptor: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
