"""Exit status and the one line that a user reads."""

import errno
import re

import pytest
import torch

from isaaclab_datagen.cli import errors
from isaaclab_datagen.errors import RunError, UsageError, is_out_of_memory


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


@pytest.mark.parametrize("error", [ValueError("a bug"), RuntimeError("a bug"), OSError(errno.ENOENT, "no such file")])
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
        (torch.AcceleratorError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("Failed to allocate 123 bytes on device 'cuda:0'"), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_exhausted_memory_is_recognised(error, expected):
    assert is_out_of_memory(error) is expected


def test_exhausted_memory_is_recognised_behind_what_followed():
    with pytest.raises(RuntimeError, match="capture") as caught:
        try:
            raise torch.AcceleratorError("CUDA error: out of memory")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")
    assert is_out_of_memory(caught.value)


def test_exhausted_memory_is_one_line_wherever_it_comes_from(capsys):
    assert ending(torch.AcceleratorError("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`")) == 1
    assert re.fullmatch("error: the GPU's memory is exhausted: .*\n", capsys.readouterr().err)
