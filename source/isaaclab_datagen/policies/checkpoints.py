"""Where a policy lies: a run folder, one of its checkpoints, or the ``pretrained_model`` in that."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isaaclab_datagen.errors import RunError, UsageError, is_out_of_memory

CHECKPOINTS, LAST, MODEL, STATE = "checkpoints", "last", "pretrained_model", "training_state"
"""Names of LeRobot's layout: ``<run>/checkpoints/<step>/{pretrained_model,training_state}``, ``checkpoints/last``."""
CONFIG, WEIGHTS = "config.json", "model.safetensors"
"""Names of files of a ``pretrained_model``."""


def resolve(path: Path) -> Path:
    """The ``pretrained_model`` folder that a path means.

    Args:
        path: A run folder (its last checkpoint is meant), a checkpoint, or a ``pretrained_model``.

    Raises:
        UsageError: There is no policy.
    """
    undoubled = Path(str(path).replace(f"{CHECKPOINTS}/{CHECKPOINTS}", CHECKPOINTS))  # as the first pipeline wrote them
    tried = [path, path / MODEL, path / CHECKPOINTS / LAST / MODEL, path / LAST / MODEL, undoubled]
    for folder in tried:
        if (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file():
            return folder.resolve()
    there = "no such folder" if not path.exists() else "there is none"
    raise UsageError(
        f"{path} is no policy ({there}): give a run folder of learn.py, a checkpoint in its {CHECKPOINTS}/, or the "
        f"{MODEL} in that, with {CONFIG} and {WEIGHTS}"
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name the file of a policy that is read where that fails.

    Raises:
        RunError: It is damaged, or not there.
    """
    try:
        yield
    except Exception as error:  # whatever the library that reads it raises
        if is_out_of_memory(error):
            raise
        why = textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" ...")
        raise RunError(f"{path} cannot be read, give another checkpoint ({why})") from error


def step_of(model: Path) -> int:
    """How many steps a policy was trained, from the name of its checkpoint; 0 where it does not say so."""
    name = model.resolve().parent.name
    return int(name) if name.isdecimal() else 0
