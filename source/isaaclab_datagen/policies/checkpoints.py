"""Where a policy lies: a run folder, one of its checkpoints, or the ``pretrained_model`` in that."""

from __future__ import annotations

from pathlib import Path

from isaaclab_datagen.errors import UsageError

CHECKPOINTS, LAST, MODEL, STATE = "checkpoints", "last", "pretrained_model", "training_state"
"""Names of LeRobot's layout: ``<run>/checkpoints/<step>/{pretrained_model,training_state}``, ``checkpoints/last``."""


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
        if (folder / "config.json").is_file() and (folder / "model.safetensors").is_file():
            return folder.resolve()
    there = "no such folder" if not path.exists() else "there is none"
    raise UsageError(
        f"{path} is no policy ({there}): give a run folder of learn.py, a checkpoint in its {CHECKPOINTS}/, or the "
        f"{MODEL} in that, with config.json and model.safetensors"
    )


def step_of(model: Path) -> int:
    """How many steps a policy was trained, from the name of its checkpoint; 0 where it does not say so."""
    name = model.resolve().parent.name
    return int(name) if name.isdecimal() else 0
