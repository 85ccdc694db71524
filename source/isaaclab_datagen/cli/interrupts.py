"""What Ctrl-C does: while a script starts, which takes seconds, end it in one line; then, what ``errors.run`` says.

The first import of every script. It must take no time itself: what comes before it is interrupted with a traceback.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT."""

_to_undo: list[Callable[[], None]] = []


def quit_at_once() -> None:
    """Let Ctrl-C end the process, whatever is being imported or launched: nothing would have to be finished.

    Where it is ignored, as in the background of a shell script, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _quit)


def finish_first() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again: from here on there is something to finish."""
    if signal.getsignal(signal.SIGINT) is _quit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def undo_first(undo: Callable[[], None]) -> None:
    """Have something undone where Ctrl-C ends the process at once: it is quick, and harmless when it comes too late."""
    _to_undo.append(undo)


def _quit(number: int, frame: FrameType | None) -> None:
    for undo in _to_undo:
        with suppress(Exception):
            undo()
    # Neither an exception, which imports and callbacks from C may print or swallow, nor anybody's clearing up.
    os.write(2, b"interrupted before anything was recorded\n")
    os._exit(INTERRUPTED)
