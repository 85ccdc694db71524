"""Exit status and the one line that a user reads."""

import errno

import pytest
import torch

from isaaclab_datagen.cli import errors
from isaaclab_datagen.errors import RunError, UsageError


def ending(error: BaseException | None) -> int:
    def main() -> None:
        if error is not None:
            raise error

    with pytest.raises(SystemExit) as caught:
        errors.run(main)
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (None, 0, ""),
        (UsageError("no such\ntask"), 2, "error: no such task\n"),
        (RunError("disk"), 1, "error: disk\n"),
        (KeyboardInterrupt(), 130, "interrupted; what was finished before is kept\n"),
        (KeyboardInterrupt("stopped"), 130, "stopped\n"),
        (OSError(errno.ENOSPC, "No space left on device", "x.png"), 1, "error: No space left on device: x.png\n"),
    ],
)
def test_status_and_line(error, status, line, capsys):
    assert ending(error) == status
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError(errno.ENOENT, "no such file")])
def test_bugs_keep_their_traceback(error):
    with pytest.raises(type(error)):
        errors.run(lambda: (_ for _ in ()).throw(error))


def test_a_main_may_return_a_status():
    with pytest.raises(SystemExit) as caught:
        errors.run(lambda: 3)
    assert caught.value.code == 3


def test_errors_of_a_choice_become_usage_errors():
    with pytest.raises(UsageError, match="^--viz: not a b$"), errors.usage("--viz", ValueError):
        raise ValueError("not\n a b")
    with pytest.raises(TypeError), errors.usage("--viz", ValueError):
        raise TypeError("a bug")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("Failed to allocate 123 bytes on device 'cuda:0'"), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_exhausted_memory_is_recognised(error, expected):
    assert errors.is_out_of_memory(error) is expected
