"""Errors that a user reads as one line, and the exit status that goes with them."""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from isaaclab_datagen.cli.interrupts import INTERRUPTED
from isaaclab_datagen.errors import RunError, UsageError, is_out_of_memory

_ENVIRONMENT_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}
"""Errors of the machine rather than of the program: a full disk, a folder that may not be written."""


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call a script's main and exit: 0, 2 for a usage error, 1 for a failed run, 130 after Ctrl-C.

    Args:
        main: The script. May return its own exit status; None is 0.
    """
    try:
        status = main() or 0
    except (UsageError, RunError, KeyboardInterrupt) as error:
        status = report(error)
    except OSError as error:
        if error.errno not in _ENVIRONMENT_ERRNOS:
            raise
        status = report(RunError(f"{error.strerror}: {error.filename or 'while writing'}"))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        status = report(RunError("the GPU's memory is exhausted: ask for less, or see who else uses it (nvidia-smi)"))
    raise SystemExit(status)


def report(error: BaseException) -> int:
    """Print an error as one line on stderr and return its exit status."""
    if isinstance(error, KeyboardInterrupt):
        print(str(error) or "interrupted; what was finished before is kept", file=sys.stderr)
        return INTERRUPTED
    print(f"error: {one_line(str(error))}", file=sys.stderr)
    return 2 if isinstance(error, UsageError) else 1


def one_line(text: str) -> str:
    """Fold a message of several lines into one."""
    return " ".join(text.split())


@contextmanager
def usage(what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turn errors that a user's choice causes in a library into usage errors.

    Args:
        what: Start of the message.
        kinds: Exceptions that the library raises for a bad choice.
    """
    try:
        yield
    except kinds as error:
        text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        raise UsageError(f"{what}: {one_line(text)}") from error
