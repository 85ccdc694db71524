"""What a policy was trained to see and to answer with. It lies in the checkpoint, beside what LeRobot puts there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from isaaclab_datagen.datasets.features import Quaternion, StateSpec
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.policies.checkpoints import reading

FILE = "isaaclab_datagen.json"


@dataclass(frozen=True)
class Signature:
    """What goes in and what comes out, and of what task."""

    state: StateSpec
    cameras: tuple[str, ...]
    """In the order of the policy's inputs."""
    image_shape: tuple[int, int]
    """Height and width [px] of every camera's image."""
    action_dim: int
    action_quaternion: int | None = None
    """Where a quaternion begins in the action; None where there is none."""
    action_reference: Quaternion | None = None
    """Of q and -q the one that is closer to this one was learned."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """``task``, ``direction``, ``step_dt`` and whatever else the dataset said, JSON-clean."""

    def save(self, folder: Path) -> None:
        """Write it into a checkpoint's ``pretrained_model``."""
        saved = {**asdict(self), "state": self.state.to_json()}
        (folder / FILE).write_text(json.dumps(saved, indent=1))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from a checkpoint's ``pretrained_model``.

        Raises:
            UsageError: It is not there: LeRobot can use the checkpoint, a task cannot.
            RunError: It is damaged.
        """
        path = folder / FILE
        if not path.is_file():
            raise UsageError(f"{folder} has no {FILE}: it was not trained by learn.py, what it sees is not known")
        with reading(path):
            saved = json.loads(path.read_text())
            saved["state"] = StateSpec.from_json(saved["state"])
            for name in ("cameras", "image_shape", "action_reference"):
                saved[name] = None if saved[name] is None else tuple(saved[name])
            return cls(**saved)
