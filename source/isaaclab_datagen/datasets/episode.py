"""The one currency between the simulator half and the formats: frames, outcomes, episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, get_type_hints

import numpy as np

from isaaclab_datagen.datasets import typed
from isaaclab_datagen.datasets.files import FolderLock
from isaaclab_datagen.errors import RunError

Frame = Mapping[str, np.ndarray]
"""What was true at one instant of one environment: name to array without a time axis.

Names: ``images/<camera>`` (H, W, 3) uint8, ``depth/<camera>`` (H, W) float32 along the optical axis [m],
``semantic_segmentation/<camera>`` and ``instance_segmentation/<camera>`` (H, W) int32, ``extrinsics/<camera>`` (4, 4)
from camera (ROS optical axes) to environment frame, ``observations/<group>`` exactly as the actor received it,
``action`` (A,) as the actor gave it, ``processed_action``, ``scene/<kind>/<asset>/<quantity>`` as Isaac Lab's
``scene.get_state`` names it, ``command/<name>``, and the task's own channels, such as ``joint_pos`` [rad or m] and
``ee_pose`` (7,). Poses are position [m] and quaternion x y z w in the environment's frame. Only frames 0 .. T-1 of an
episode hold ``action`` and ``processed_action``. Arrays belong to the recorder: a sink that keeps one after ``append``
copies it.
"""

STREAMS = ("images", "depth", "semantic_segmentation", "instance_segmentation")
"""Kinds of image streams: what the names of the channels that are images begin with. Segmentations are (H, W) int32."""


def is_stream(channel: str) -> bool:
    """Whether a channel is an image stream."""
    return channel.partition("/")[0] in STREAMS


@dataclass(frozen=True)
class Outcome:
    """How an episode ended."""

    success: bool | None
    """Whether the task's success rule held at the end; None where the task has no rule: unknown."""
    reason: str
    """Name of the termination term that ended it, or ``"interrupted"``."""
    terminated: bool
    """True for a termination, False for a time-out."""
    env_index: int = 0
    """Slot [0, num_envs) of the environment that ran it."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further facts of this episode, JSON-serialisable (seed, session, domain parameters)."""

    @property
    def stage(self) -> str | None:
        """How far it came, where the task says that in its fact ``stage``."""
        return self.extra.get("stage")

    @classmethod
    def of(cls, said: Any, where: object) -> Self:
        """Take it from what a file says.

        Args:
            said: Its fields by name; others are passed over.
            where: What names the file.

        Raises:
            RunError: One is missing, or is none of that kind.
        """
        kinds = get_type_hints(cls)
        typed.check(said, {name: kinds[name] for name in ("success", "reason", "terminated")}, where)
        typed.check(said, kinds, where, needed=False)
        outcome = cls(**{name: said[name] for name in kinds if name in said})
        if outcome.env_index < 0:
            raise RunError(f"{where}: env_index is {outcome.env_index}, no slot of an environment")
        return outcome


@dataclass(frozen=True)
class Episode:
    """What happened between one reset and the next, read back from disk."""

    actions: np.ndarray
    """Shape is (T, A)."""
    frames: Mapping[str, np.ndarray]
    """Name (see :data:`Frame`) to array. Shapes are (T + 1, ...); images may be absent if they were not asked for."""
    outcome: Outcome
    metadata: Mapping[str, Any]
    """The dataset's provenance and this episode's own facts."""

    @property
    def num_steps(self) -> int:
        """Number of actions, T."""
        return len(self.actions)


def columns_of(arrays: dict[str, np.ndarray], where: object) -> dict[str, np.ndarray]:
    """The arrays themselves, if each of them holds a row of numbers for each step.

    Raises:
        RunError: One does not: a single value, or texts.
    """
    for name, values in arrays.items():
        if values.ndim == 0 or values.dtype.kind not in "fiub":
            raise RunError(f"{where}: {name} is {values.dtype} of shape {values.shape}, not rows of numbers")
    return arrays


class Sink(Protocol):
    """One running episode. Calls come in order, in one process."""

    def append(self, frame: Frame) -> None:
        """Store the next frame."""
        ...

    def commit(self, outcome: Outcome) -> int:
        """Make the episode appear, whole. On return it is under its final name.

        Returns:
            Number of its actions.
        """
        ...

    def discard(self) -> None:
        """Leave no trace."""
        ...


class Writer(Protocol):
    """A dataset open for writing.

    It can be pickled: episodes are opened and written by copies of it in other processes, everything else is called in
    the process that opened it.
    """

    lock: FolderLock
    """What keeps other runs out; every process that writes inherits it."""

    @property
    def committed(self) -> list[int]:
        """Sorted numbers of the episodes that are whole on disk."""
        ...

    def open(self, index: int) -> Sink:
        """Start episode number ``index``."""
        ...

    def committed_one(self, index: int, steps: int) -> None:
        """Take note that an episode of so many actions was committed."""
        ...

    def close(self) -> None:
        """Remove what uncommitted episodes left."""
        ...
