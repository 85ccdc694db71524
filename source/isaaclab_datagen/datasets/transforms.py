"""Episodes made of episodes: backwards in time, cut, labelled anew. Pure functions of arrays.

Columns are an episode's channels, (T + 1, ...), images left out. What they need of them (format ``rev2fwd`` has all):
``ee_pose`` (x, y, z, w), ``gripper_width``, ``phase``, ``goal_pose``, ``place_pose``, ``target_pose``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from isaaclab_datagen.errors import RunError

Columns = Mapping[str, np.ndarray]

OPEN, CLOSE = 1.0, -1.0
"""Gripper commands: what an action ends with."""

_VELOCITY = re.compile(r"(?:.*[/_])?vel(?:ocity)?")
_UNREVERSED = ("observations/", "processed_action", "action")
"""What was computed of other things on the way, or is no state: it is not known backwards."""
_TO_WXYZ = [0, 1, 2, 6, 3, 4, 5]
_STILL = 5e-4
"""A step in which tip and fingers move less is one at rest [m]."""
_FINGERS_MOVE = 5e-3
"""Range of the finger width below which the fingers did nothing [m]."""
_MET = 5e-3
"""Finger width below which they have closed on nothing [m]."""


def reverse(columns: Columns) -> dict[str, np.ndarray]:
    """The states backwards in time: rows in reverse order, velocities with the other sign, start and target swapped.

    Twice gives the states again. Observations and processed actions are left out; actions are another matter, see
    :data:`LABELS`.
    """
    backwards = {name: rows[::-1] for name, rows in columns.items() if not name.startswith(_UNREVERSED)}
    backwards |= {name: -rows for name, rows in backwards.items() if _VELOCITY.fullmatch(name)}
    if "target_pose" in backwards:
        goal, place, target = (backwards[name] for name in ("goal_pose", "place_pose", "target_pose"))
        at_goal = (target == goal).all(axis=-1, keepdims=True)
        backwards["target_pose"] = np.where(at_goal, place, goal)
    if "command/carry" in backwards:  # its first number is 0 for A, 1 for B
        command = backwards["command/carry"].copy()
        command[:, 0] = 1.0 - command[:, 0]
        backwards["command/carry"] = command
    return {name: np.ascontiguousarray(rows) for name, rows in backwards.items()}


def cut(columns: Columns, start: int, stop: int) -> dict[str, np.ndarray]:
    """Frames ``start`` to ``stop``, the latter included: an episode of ``stop - start`` actions.

    Raises:
        ValueError: There are no such frames, or there is no action between them.
    """
    last = len(next(iter(columns.values()))) - 1
    if not 0 <= start < stop <= last:
        raise ValueError(f"frames {start} to {stop}: must be in order, and within 0 to {last}")
    return {name: rows[start : stop + 1] for name, rows in columns.items()}


def moving(columns: Columns) -> tuple[int, int]:
    """First and last frame between which something is done: at rest are those before and after.

    Raises:
        RunError: Nothing is done at all.
    """
    tip, width = needed(columns, "ee_pose")[:, :3], _width(columns)
    moves = (np.linalg.norm(np.diff(tip, axis=0), axis=1) > _STILL) | (np.abs(np.diff(width)) > _STILL)
    steps = np.flatnonzero(moves)
    if not len(steps):
        raise RunError("neither the tip nor the fingers move in this episode: there is nothing to reverse")
    return int(steps[0]), int(steps[-1]) + 1


def last_place(columns: Columns) -> int:
    """First frame from which the other place stays where it is: while a cube is brought from there, it marks that."""
    place = needed(columns, "place_pose")
    changes = np.flatnonzero((np.diff(place, axis=0) != 0.0).any(axis=-1))
    return int(changes[-1]) + 1 if len(changes) else 0


def around_grasps(columns: Columns, lead: int) -> tuple[int, int]:
    """First and last frame of what has to do with fingers that close on something.

    Where they closed on nothing before, it begins with them closed, and what led to that is left out; where they did so
    afterwards, also with what they had held, it ends before they are told to, ``lead`` frames before they begin.
    """
    width = _width(columns)
    start, stop = 0, len(width) - 1
    grasped = False
    for first, last in _grips(width):
        if width[first : last + 1].min() >= _MET:
            grasped, stop = True, len(width) - 1
        elif not grasped:
            start = first + int(np.flatnonzero(width[first : last + 1] < _MET)[0])
        else:
            stop = min(stop, first - 1 - lead)
    return (start, stop) if grasped else (0, len(width) - 1)


def next_pose(columns: Columns, actions: np.ndarray, lead: int) -> np.ndarray:
    """Actions that lead from each frame to the next ones: poses that are reached later, fingers told in time.

    The gripper is told to close, or to open, ``lead`` steps before the fingers begin to do so: a policy that is told
    when they have moved already learns never to move them.

    Args:
        columns: The states, backwards already.
        actions: As recorded, (T, 8), in the order of time then.
        lead: How many frames ahead the pose is.

    Returns:
        Actions (T, 8): x, y, z, quaternion w, x, y, z, gripper.
    """
    return _actions(_ahead(columns, lead), _told(_width(columns), actions[-1, 7], lead))


def next_pose_same_gripper(columns: Columns, actions: np.ndarray, lead: int) -> np.ndarray:
    """The original's second rule: the next poses, and the gripper's commands merely backwards.

    So it is told to release when it is seen to have released. Arguments and result as :func:`next_pose`.
    """
    return _actions(_ahead(columns, lead), actions[::-1, 7])


def segment_goal(columns: Columns, actions: np.ndarray, lead: int) -> np.ndarray:
    """The original's first rule: in each segment, the first action of the next one; the last keeps its own.

    A segment is a run of equal ``phase``. Arguments and result as :func:`next_pose`; ``lead`` is not used.
    """
    backwards, phase = actions[::-1], needed(columns, "phase")[1:]  # action t was chosen in the phase of frame t
    starts = np.flatnonzero(np.diff(phase)) + 1
    following = np.searchsorted(starts, np.arange(len(phase)), side="right")
    return np.where(
        (following < len(starts))[:, None],
        backwards[starts[np.minimum(following, len(starts) - 1)]] if len(starts) else backwards,
        backwards,
    )


Labels = Callable[[Columns, np.ndarray, int], np.ndarray]
LABELS: dict[str, Labels] = {
    "next_pose": next_pose,
    "segment_goal": segment_goal,
    "next_pose_same_gripper": next_pose_same_gripper,
}
"""Rules by which a trajectory that was played backwards gets its actions. The first one is ours."""


def needed(columns: Columns, name: str) -> np.ndarray:
    """A channel.

    Raises:
        RunError: It is not there.
    """
    if name not in columns:
        raise RunError(f"an episode cannot be reversed without the channel {name}: record it with its task")
    return columns[name]


def _width(columns: Columns) -> np.ndarray:
    """Distance of the fingers [m]. Shape is (T + 1,)."""
    width = needed(columns, "gripper_width")
    return width.reshape(len(width))


def _ahead(columns: Columns, lead: int) -> np.ndarray:
    """Where the tip is ``lead`` frames later, w before x, y, z. Shape is (T, 7)."""
    pose = needed(columns, "ee_pose")
    later = np.minimum(np.arange(len(pose) - 1) + lead, len(pose) - 1)
    return pose[later][:, _TO_WXYZ]


def _told(width: np.ndarray, told: float, lead: int) -> list[float]:
    """The gripper's command in each of the T steps, which leads the fingers by ``lead`` of them.

    Fingers are open, or have closed on something, or are on their way; what they hold lets them move a little, which
    means nothing. Having closed on nothing they are told to open at once, however long they stayed closed.

    Args:
        width: Their distance, (T + 1,) [m].
        told: The command where they do not move at all.
        lead: How many frames before they begin to move the command comes.
    """
    steps = len(width) - 1
    if np.ptp(width) < _FINGERS_MOVE:
        return [told] * steps
    commands = [OPEN] * steps
    for first, last in _grips(width):
        part = width[first : last + 1]
        start = max(first - 1 - lead, 0)
        if part.min() < _MET:
            stop = first + int(np.flatnonzero(part < _MET)[0])
        elif last == steps:
            stop = steps
        else:
            closed = first + int(np.flatnonzero(part < part.min() + 0.25 * (width.max() - part.min()))[-1])
            stop = max(closed - lead, start)
        commands[start:stop] = [CLOSE] * (stop - start)
    return commands


def _grips(width: np.ndarray) -> list[tuple[int, int]]:
    """First and last frame of each time that the fingers are not wide open, and have closed on something or nothing."""
    deepest = np.ptp(width)
    inside = np.concatenate([[False], width < width.max() - 0.05 * deepest, [False]])
    edges = np.flatnonzero(np.diff(inside.astype(int)))
    grips = []
    for first, last in zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True):
        depth = width.max() - width[first : last + 1].min()
        if depth <= 0.25 * deepest:
            continue
        wide = np.flatnonzero(width >= width.max() - 0.05 * depth)  # however deep the others are
        before, after = wide[wide < first], wide[wide > last]
        grips.append((int(before[-1]) + 1 if len(before) else 0, int(after[0]) - 1 if len(after) else len(width) - 1))
    return grips


def _actions(poses: np.ndarray, gripper: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.column_stack([poses, np.asarray(gripper, poses.dtype)])
