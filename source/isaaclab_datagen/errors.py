"""Errors that a user reads as one line, and the one that libraries tell in many ways."""


class UsageError(Exception):
    """What was asked for cannot be done so: names the thing, its value, the choices, the remedy. Exit status 2."""


class RunError(Exception):
    """What was asked for was right, but the run failed (disk, memory, a broken dataset). Exit status 1."""


_NO_MEMORY = ("out of memory", "failed to allocate", "_alloc_failed")
"""What PyTorch and CUDA say, what Warp does ("Failed to allocate N bytes on device D"), what cuBLAS and cuDNN do."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it arose from, says that the accelerator's memory is exhausted.

    While a CUDA graph is recorded or an environment closed, the failure that follows hides the one that matters.
    """
    while error is not None:
        if isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False
