"""What a policy knows of a frame beside its images: the state, as a vector of numbers.

The same few lines make it from recorded arrays and from a running simulation's tensors, so that training and testing
see the same. Nothing that only a recording knows goes in: the gripper is its measured width, never its command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from isaaclab_datagen.errors import UsageError

EE_POSE, OBJECT_POSE, FINGER_WIDTH = "ee_pose", "object_pose", "gripper_width"
ROOT_POSE, ROOT_VELOCITY, JOINT_POS, JOINT_VEL = "root_pose", "root_velocity", "joint_pos", "joint_vel"
READY = "observation.state"
"""Channels that a state is made of. The last one is a state that somebody made already (a LeRobot dataset)."""
CHANNELS = (EE_POSE, OBJECT_POSE, FINGER_WIDTH, ROOT_POSE, ROOT_VELOCITY, JOINT_POS, JOINT_VEL, READY)
POSE_NAMES = ("x", "y", "z", "qx", "qy", "qz", "qw")
VELOCITY_NAMES = ("vx", "vy", "vz", "wx", "wy", "wz")

Quaternion = tuple[float, float, float, float]


@dataclass(frozen=True)
class Part:
    """Some numbers of a state."""

    channel: str
    names: tuple[str, ...]
    """One for each number."""
    columns: tuple[int, ...] | None = None
    """Which numbers of the channel; all if None."""
    summed: bool = False
    """Whether they are added up."""
    pose: bool = False
    """Whether they are a position and a quaternion, whose sign is chosen by :attr:`reference`."""
    reference: Quaternion | None = None
    """Quaternions q and -q are one rotation; given is the one that is closer to this one."""


@dataclass(frozen=True)
class StateSpec:
    """What a state vector is made of."""

    parts: tuple[Part, ...]

    @property
    def names(self) -> list[str]:
        """Name of each number."""
        return [name for part in self.parts for name in part.names]

    @property
    def knows_object(self) -> bool:
        """Whether it says where the object is."""
        return any(part.channel == OBJECT_POSE for part in self.parts)

    def like(self, other: StateSpec) -> bool:
        """Whether another one is made of the same, whatever the references."""
        ours, theirs = ([replace(part, reference=None) for part in spec.parts] for spec in (self, other))
        return ours == theirs

    def to_json(self) -> list[dict[str, Any]]:
        """As JSON can hold it."""
        return [asdict(part) for part in self.parts]

    @classmethod
    def from_json(cls, saved: Sequence[Mapping[str, Any]]) -> Self:
        """What :meth:`to_json` gave, from a JSON file or not."""

        def tuples(value: Any) -> Any:
            return tuple(value) if isinstance(value, list) else value

        return cls(tuple(Part(**{name: tuples(value) for name, value in part.items()}) for part in saved))


def state(spec: StateSpec, frame: Mapping[str, Any], concatenate: Callable[[list[Any], int], Any]) -> Any:
    """Make the state.

    Args:
        spec: What it is made of.
        frame: Channel to array or tensor, each (..., D).
        concatenate: ``np.concatenate`` or ``torch.cat``.

    Returns:
        Shape is (..., len(spec.names)).

    Raises:
        UsageError: A channel is missing.
    """
    parts = []
    for part in spec.parts:
        if part.channel not in frame:
            raise UsageError(f"the state needs {part.channel}, there are only {', '.join(sorted(frame)) or 'none'}")
        values = frame[part.channel]
        if part.columns is not None:
            values = values[..., list(part.columns)]
        if part.summed:
            values = values.sum(-1)[..., None]
        if part.reference is not None:
            values = concatenate([values[..., :3], closer(values[..., 3:], part.reference)], -1)
        parts.append(values)
    return concatenate(parts, -1)


def signed(spec: StateSpec, states: np.ndarray) -> np.ndarray:
    """States that were made already, by a spec that is :meth:`~StateSpec.like` this one, with the signs of this one.

    Args:
        spec: What they are made of.
        states: Shape is (N, len(spec.names)).
    """
    states, stop = states.copy(), 0
    for part in spec.parts:
        stop += len(part.names)
        if part.reference is not None:
            states[:, stop - 4 : stop] = closer(states[:, stop - 4 : stop], part.reference)
    return states


def closer(quaternions: Any, reference: Quaternion) -> Any:
    """Of q and -q the one on the side of a reference, so that equal rotations are equal numbers.

    Args:
        quaternions: Array or tensor. Shape is (..., 4).
        reference: A quaternion of the same order.

    Returns:
        Shape is (..., 4).
    """
    x, y, z, w = (quaternions[..., index] * value for index, value in enumerate(reference))
    return quaternions * (1 - 2 * (x + y + z + w < 0))[..., None]


def typical(quaternions: np.ndarray) -> Quaternion:
    """The mean rotation: what :func:`closer` is given, so that the data are as far from a change of sign as can be.

    F. L. Markley et al., Averaging Quaternions, J. Guidance, Control, and Dynamics 30, 2007: the eigenvector of the
    largest eigenvalue of the sum of q qT. A downward gripper has w near 0, where "w is positive" would change sign all
    the time.

    Args:
        quaternions: Shape is (N, 4).
    """
    quaternions = np.asarray(quaternions, np.float64)
    mean = np.linalg.eigh(quaternions.T @ quaternions)[1][:, -1]
    mean *= np.sign(mean[np.abs(mean).argmax()])
    x, y, z, w = mean.round(6).tolist()
    return x, y, z, w


def choose(channels: Mapping[str, int], joint_names: Sequence[str], include_object: bool) -> StateSpec:
    """The state of a task: end-effector pose, the object's pose if asked for, measured finger width.

    Where there is no end effector, the root and the joints take its place, poses and velocities as far as they were
    recorded; a state that is there already is taken as it is.

    Args:
        channels: Name of each channel to its width.
        joint_names: Names of the joints of ``joint_pos`` and ``joint_vel``.
        include_object: Whether the policy may know where the object is.

    Raises:
        UsageError: What is needed is not there.
    """
    if READY in channels:
        return StateSpec((Part(READY, tuple(f"state_{number}" for number in range(channels[READY]))),))
    if include_object and channels.get(OBJECT_POSE) != 7:
        raise UsageError(f"--include_obj_pose: there is no {OBJECT_POSE}, only {', '.join(sorted(channels))}")
    if channels.get(EE_POSE) == 7:
        parts = [Part(EE_POSE, tuple(f"ee_{name}" for name in POSE_NAMES), pose=True)]
    elif JOINT_POS in channels:
        joints = tuple(joint_names) or tuple(f"joint_{number}" for number in range(channels[JOINT_POS]))
        whole = (
            Part(ROOT_POSE, tuple(f"root_{name}" for name in POSE_NAMES), pose=True),
            Part(ROOT_VELOCITY, tuple(f"root_{name}" for name in VELOCITY_NAMES)),
            Part(JOINT_POS, joints),
            Part(JOINT_VEL, tuple(f"{name}_velocity" for name in joints)),
        )
        parts = [part for part in whole if part.channel in channels]
    else:
        raise UsageError(f"no state can be made: there is neither {EE_POSE} nor {JOINT_POS}")
    if include_object:
        parts.append(Part(OBJECT_POSE, tuple(f"object_{name}" for name in POSE_NAMES), pose=True))
    fingers = tuple(number for number, name in enumerate(joint_names) if "finger" in name)
    if FINGER_WIDTH in channels:
        parts.append(Part(FINGER_WIDTH, (FINGER_WIDTH,)))
    elif fingers and parts[0].channel == EE_POSE and JOINT_POS in channels:
        parts.append(Part(JOINT_POS, (FINGER_WIDTH,), fingers, summed=True))
    return StateSpec(tuple(parts))


def with_references(spec: StateSpec, channels: Mapping[str, np.ndarray]) -> StateSpec:
    """Fill in the references of the poses from data, (N, 7) each."""

    def filled(part: Part) -> Part:
        if not part.pose:
            return part
        return Part(**{**vars(part), "reference": typical(channels[part.channel][:, 3:7])})

    return StateSpec(tuple(filled(part) for part in spec.parts))
