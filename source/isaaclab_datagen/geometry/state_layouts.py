"""What a robot's state looks like to a model: named numbers, computed from world quantities. Pure torch.

The observation terms of a simulation and the readers of a dataset call the same functions. Leading axes (``...``) are
free: environments, time, both. Quaternions are x y z w. *World* axes are the environment's: gravity along -z, positions
relative to the environment's origin. The *character frame* of a root stands upright and looks where the root looks: the
world's axes turned about z by the root's yaw.

Layouts (B bodies, J joints):

* ``body_pos``: 9 + 6B numbers, 189 for 30 bodies. Root position and velocities in world axes; bodies relative to
  the root, in the character frame of the same step.
* ``body_pos_relative``: 9 + 6B numbers, as in the Diffuse-CLoC and BeyondMimic papers. The root (position, linear
  velocity, rotation vector) is seen from the character frame of a window's *current* step, so that a window does not
  know where in the world it happened; bodies as above.
* ``joint_rot``: 9 + 2J numbers, the papers' ablation. The same root, and joints instead of bodies.

Choices that the papers leave open follow their first author's code: heights stay heights above the ground, bodies move
relative to the root (no rotation of the frame is subtracted). Unlike there, positions of bodies are relative to it
along z too, as the papers' text has it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self

import torch

from isaaclab_datagen.errors import UsageError


@dataclass(frozen=True)
class WorldState:
    """What is stored of a robot in an instant, or in many."""

    root_pos: torch.Tensor
    """Of the root body's origin, relative to the environment's origin [m]. Shape is (..., 3)."""
    root_quat: torch.Tensor
    """Its orientation. Shape is (..., 4)."""
    root_lin_vel: torch.Tensor
    """Velocity of that origin, in world axes [m/s]. Shape is (..., 3)."""
    root_ang_vel: torch.Tensor
    """In world axes [rad/s]. Shape is (..., 3)."""
    body_pos: torch.Tensor
    """Of the bodies' origins, relative to the environment's origin [m]. Shape is (..., B, 3)."""
    body_lin_vel: torch.Tensor
    """Velocities of those origins, in world axes [m/s]. Shape is (..., B, 3)."""
    joint_pos: torch.Tensor
    """[rad]. Shape is (..., J)."""
    joint_vel: torch.Tensor
    """[rad/s]. Shape is (..., J)."""

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        """The same with a function applied to every tensor, for instance an index into the leading axes."""
        return replace(self, **{field.name: function(getattr(self, field.name)) for field in fields(self)})


@dataclass(frozen=True)
class Part:
    """Some neighbouring numbers of a state."""

    name: str
    start: int
    stop: int
    unit: str
    frame: str

    @property
    def slice(self) -> slice:
        """Where they lie in the last axis."""
        return slice(self.start, self.stop)


@dataclass(frozen=True)
class StateLayout:
    """What a state is made of."""

    name: str
    parts: tuple[Part, ...]
    root: Callable[[WorldState, WorldState], torch.Tensor]
    """The first numbers, of the root, (..., R): from the states, and those of the current steps (..., 1 or more)."""
    rest: Callable[[WorldState], torch.Tensor]
    """The other numbers, (..., S - R): of each step by itself."""
    is_windowed: bool
    """Whether the root's numbers depend on which step is the current one."""

    @property
    def size(self) -> int:
        """S."""
        return self.parts[-1].stop

    @property
    def slices(self) -> dict[str, slice]:
        """Name of each part to where it lies."""
        return {part.name: part.slice for part in self.parts}

    def __call__(self, state: WorldState, current: WorldState | None = None) -> torch.Tensor:
        """Compute states (..., S).

        Args:
            state: Of each step.
            current: Of the step that is the current one, broadcast to ``state``; by default every step itself.
        """
        return torch.cat([self.root(state, current or state), self.rest(state)], dim=-1)


def body_pos(bodies: int) -> StateLayout:
    """The Body-Pos layout of this package's collection task."""
    parts = _parts(
        ("root_position", 3, "m", "world axes, from the environment's origin"),
        ("root_linear_velocity", 3, "m/s", "world axes"),
        ("root_angular_velocity", 3, "rad/s", "world axes"),
        *_body_parts(bodies),
    )
    return StateLayout("body_pos", parts, _root_in_world, _bodies, is_windowed=False)


def body_pos_relative(bodies: int) -> StateLayout:
    """The papers' layout."""
    return StateLayout(
        "body_pos_relative", _parts(*_ROOT_PARTS, *_body_parts(bodies)), _root_from_current, _bodies, is_windowed=True
    )


def joint_rot(joints: int) -> StateLayout:
    """The papers' ablation."""
    parts = _parts(
        *_ROOT_PARTS, ("joint_positions", joints, "rad", "joint"), ("joint_velocities", joints, "rad/s", "joint")
    )
    return StateLayout("joint_rot", parts, _root_from_current, _joints, is_windowed=True)


NAMES = ("body_pos", "body_pos_relative", "joint_rot")
"""Names of the layouts."""


def layout(name: str, bodies: int, joints: int) -> StateLayout:
    """A layout by name.

    Args:
        name: One of :data:`NAMES`.
        bodies: B.
        joints: J.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"state layout {name!r}: {hint}choose from {', '.join(NAMES)}")
    return joint_rot(joints) if name == "joint_rot" else {"body_pos": body_pos}.get(name, body_pos_relative)(bodies)


def yaw(quat: torch.Tensor) -> torch.Tensor:
    """Heading of an orientation (..., 4) [rad]: the angle about z of the body's x axis in the ground plane. (...)."""
    x, y, z, w = quat.unbind(-1)
    return torch.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))


def turn_about_z(vectors: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Vectors (..., 3) turned about z by angles (...) [rad], which are broadcast."""
    x, y, z = vectors.unbind(-1)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    return torch.stack([cosine * x - sine * y, sine * x + cosine * y, z.expand_as(cosine * x)], dim=-1)


def rotation_vector(quat: torch.Tensor) -> torch.Tensor:
    """Axis times angle (..., 3) [rad], at most pi long, of orientations (..., 4)."""
    quat = torch.where(quat[..., 3:] < 0, -quat, quat)
    length = quat[..., :3].norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(length, quat[..., 3:])
    # sin(angle / 2) / angle tends to 1 / 2
    return quat[..., :3] * torch.where(length > 1e-7, angle / length.clamp_min(1e-7), torch.full_like(length, 2.0))


def _root_in_world(state: WorldState, current: WorldState) -> torch.Tensor:
    return torch.cat([state.root_pos, state.root_lin_vel, state.root_ang_vel], dim=-1)


def _root_from_current(state: WorldState, current: WorldState) -> torch.Tensor:
    """Position (height above the ground), linear velocity, rotation vector, from the current character frame."""
    heading = yaw(current.root_quat)
    moved = torch.cat([state.root_pos[..., :2] - current.root_pos[..., :2], state.root_pos[..., 2:]], dim=-1)
    turned = _turned_back(state.root_quat, heading)
    return torch.cat(
        [turn_about_z(moved, -heading), turn_about_z(state.root_lin_vel, -heading), rotation_vector(turned)], dim=-1
    )


def _turned_back(quat: torch.Tensor, heading: torch.Tensor) -> torch.Tensor:
    """Orientations (..., 4) as seen from a frame that is turned about z by ``heading`` (...)."""
    sine, cosine = torch.sin(-heading / 2), torch.cos(-heading / 2)
    x, y, z, w = quat.unbind(-1)
    return torch.stack([cosine * x - sine * y, cosine * y + sine * x, cosine * z + sine * w, cosine * w - sine * z], -1)


def _bodies(state: WorldState) -> torch.Tensor:
    """Positions and velocities of all bodies relative to the root, in the character frame of each step: (..., 6B)."""
    heading = -yaw(state.root_quat)[..., None]
    positions = turn_about_z(state.body_pos - state.root_pos[..., None, :], heading)
    velocities = turn_about_z(state.body_lin_vel - state.root_lin_vel[..., None, :], heading)
    return torch.cat([positions.flatten(-2), velocities.flatten(-2)], dim=-1)


def _joints(state: WorldState) -> torch.Tensor:
    return torch.cat([state.joint_pos, state.joint_vel], dim=-1)


_ROOT_PARTS = (
    ("root_position", 3, "m", "current character frame; z is the height above the ground"),
    ("root_linear_velocity", 3, "m/s", "current character frame"),
    ("root_rotation", 3, "rad", "rotation vector, from the current character frame"),
)


def _body_parts(bodies: int) -> tuple[tuple[str, int, str, str], ...]:
    frame = "character frame of each step, relative to the root"
    return ("body_positions", 3 * bodies, "m", frame), ("body_velocities", 3 * bodies, "m/s", frame)


def _parts(*parts: tuple[str, int, str, str]) -> tuple[Part, ...]:
    """Lay parts (name, length, unit, frame) one behind the other."""
    laid: list[Part] = []
    for name, length, unit, frame in parts:
        start = laid[-1].stop if laid else 0
        laid.append(Part(name, start, start + length, unit, frame))
    return tuple(laid)
