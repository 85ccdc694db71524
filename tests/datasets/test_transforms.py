"""Episodes backwards: the states are the same ones, and the labels lead where they went."""

from __future__ import annotations

import numpy as np
import pytest

from isaaclab_datagen.datasets import transforms
from isaaclab_datagen.errors import RunError

STEPS = 40
CLOSES, OPENS = 10, 30
"""Steps whose action closes and opens the fingers."""
HELD, WIDE = 0.048, 0.08


def widths() -> np.ndarray:
    """Fingers that close at once, give way a little while they hold, and open slowly."""
    width = np.full(STEPS + 1, WIDE)
    width[CLOSES + 1 : OPENS + 1] = HELD + 0.002 * (-1.0) ** np.arange(OPENS - CLOSES)
    width[OPENS + 1 :] = WIDE - (WIDE - HELD) * np.exp(-np.arange(1, STEPS - OPENS + 1))
    return width


def columns() -> dict[str, np.ndarray]:
    """A trajectory that moves in every frame but the first two and the last three."""
    rng = np.random.default_rng(0)
    way = np.clip(np.arange(STEPS + 1) - 2, 0, STEPS - 5)[:, None] * np.array([0.01, 0.0, -0.005])
    goal, place = np.tile(rng.normal(size=(2, 1, 7)), (1, STEPS + 1, 1))
    return {
        "ee_pose": np.concatenate([way, rng.normal(size=(STEPS + 1, 4))], axis=1).astype(np.float32),
        "gripper_width": widths()[:, None].astype(np.float32),
        "phase": np.repeat([0, 1, 2, 3], [11, 10, 10, 10]),
        "joint_vel": rng.normal(size=(STEPS + 1, 9)),
        "scene/articulation/robot/joint_velocity": rng.normal(size=(STEPS + 1, 9)),
        "scene/rigid_object/object/root_velocity": rng.normal(size=(STEPS + 1, 6)),
        "scene/rigid_object/object/root_pose": rng.normal(size=(STEPS + 1, 7)),
        "goal_pose": goal,
        "place_pose": place,
        "target_pose": place,
        "command/carry": np.tile([1.0, 0.5, 0.0, 0.6, 0.1, 0.4, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0], (STEPS + 1, 1)),
        "observations/policy": rng.normal(size=(STEPS + 1, 5)),
        "processed_action": rng.normal(size=(STEPS, 9)),
    }


def actions() -> np.ndarray:
    gripper = np.ones(STEPS)
    gripper[CLOSES:OPENS] = -1.0
    return np.column_stack([np.random.default_rng(1).normal(size=(STEPS, 7)), gripper]).astype(np.float32)


def changes(commands: np.ndarray) -> list[tuple[int, float]]:
    """Where a gripper's command changes, and to what."""
    return [(int(step), float(commands[step])) for step in np.flatnonzero(np.diff(commands)) + 1]


def test_reversing_twice_gives_the_states_again():
    once = transforms.reverse(columns())
    twice = transforms.reverse(once)
    states = {name: rows for name, rows in columns().items() if not name.startswith(("observations", "processed"))}
    assert twice.keys() == once.keys() == states.keys()
    for name, rows in states.items():
        np.testing.assert_array_equal(twice[name], rows, strict=True)


def test_rows_are_in_reverse_order_and_velocities_have_the_other_sign():
    forwards, backwards = columns(), transforms.reverse(columns())
    for name in ("joint_vel", "scene/articulation/robot/joint_velocity", "scene/rigid_object/object/root_velocity"):
        np.testing.assert_array_equal(backwards[name], -forwards[name][::-1])
    for name in ("ee_pose", "phase", "scene/rigid_object/object/root_pose", "goal_pose", "place_pose"):
        np.testing.assert_array_equal(backwards[name], forwards[name][::-1])


def test_start_and_target_are_swapped():
    backwards = transforms.reverse(columns())
    np.testing.assert_array_equal(backwards["target_pose"], columns()["goal_pose"])
    assert (backwards["command/carry"][:, 0] == 0.0).all()
    np.testing.assert_array_equal(backwards["command/carry"][:, 1:], columns()["command/carry"][:, 1:])


@pytest.mark.parametrize("lead", [1, 3])
@pytest.mark.parametrize("rule", ["next_pose", "next_pose_same_gripper"])
def test_the_arm_is_sent_to_later_poses(rule, lead):
    backwards = transforms.reverse(columns())
    made = transforms.LABELS[rule](backwards, actions(), lead)
    assert (made.shape, made.dtype) == ((STEPS, 8), np.float32)
    x, y, z, w = backwards["ee_pose"][lead:, 3:].T
    np.testing.assert_array_equal(made[: STEPS + 1 - lead, 3:7], np.stack([w, x, y, z], axis=1))
    np.testing.assert_array_equal(made[: STEPS + 1 - lead, :3], backwards["ee_pose"][lead:, :3])
    np.testing.assert_array_equal(made[-1, :3], backwards["ee_pose"][-1, :3])


@pytest.mark.parametrize("lead", [1, 2])
def test_the_gripper_is_told_before_the_fingers_move(lead):
    """Backwards the fingers close after frame 6, slowly, and are open from frame 30 on."""
    made = transforms.next_pose(transforms.reverse(columns()), actions(), lead)
    width = widths()[::-1]
    (closes, close), (opens, open_) = changes(made[:, 7])
    assert (close, open_) == (-1.0, 1.0)
    assert np.flatnonzero(width < 0.95 * WIDE)[0] - lead - 2 <= closes < np.flatnonzero(width < 0.9 * WIDE)[0]
    assert opens == STEPS - CLOSES - 1 - lead
    assert width[opens] < 0.051 and width[opens + lead + 1] == WIDE


def test_the_originals_rule_tells_to_open_when_they_are_open():
    made = transforms.next_pose_same_gripper(transforms.reverse(columns()), actions(), 1)
    opens = changes(made[:, 7])[-1][0]
    assert widths()[::-1][opens] == WIDE


def test_fingers_that_hardly_move_are_told_nothing_new():
    still = {**transforms.reverse(columns()), "gripper_width": np.full((STEPS + 1, 1), HELD, np.float32)}
    made = transforms.next_pose(still, np.full((STEPS, 8), -1.0, np.float32), 2)
    assert (made[:, 7] == -1.0).all()


def test_the_originals_first_rule_aims_at_the_next_segments_first_action():
    given = actions()
    made = transforms.segment_goal(transforms.reverse(columns()), given, 1)
    backwards = given[::-1]
    segments = [(0, 9), (9, 19), (19, 29), (29, 40)]  # actions of phases 3, 2, 1, 0
    for (start, stop), (following, _) in zip(segments, segments[1:], strict=False):
        np.testing.assert_array_equal(made[start:stop], np.tile(backwards[following], (stop - start, 1)))
    np.testing.assert_array_equal(made[29:], backwards[29:])


def test_frames_at_rest_are_found_at_both_ends():
    quiet = {**columns(), "gripper_width": np.full((STEPS + 1, 1), WIDE)}
    assert transforms.moving(quiet) == (2, STEPS - 3)
    assert transforms.moving(transforms.reverse(quiet)) == (3, STEPS - 2)
    with pytest.raises(RunError, match="nothing to reverse"):
        transforms.moving({name: np.repeat(rows[:1], STEPS + 1, axis=0) for name, rows in columns().items()})


def test_where_the_place_stays_to_the_end_is_found():
    assert transforms.last_place(columns()) == 0
    moved = columns()
    moved["place_pose"][:12, 0] += 0.1
    assert transforms.last_place(moved) == 12


def grips(*least: float) -> np.ndarray:
    """Widths of open fingers that close, slowly, to each of these and open again: 10 frames open, 12 not."""
    closing = [np.linspace(WIDE, low, 7)[1:] for low in least]
    parts = [np.concatenate([np.full(10, WIDE), part, part[::-1]]) for part in closing]
    return np.concatenate([*parts, np.full(10, WIDE)])[:, None].astype(np.float32)


@pytest.mark.parametrize(
    ("least", "kept"),
    [
        ([HELD], (0, 31)),
        ([HELD, HELD], (0, 53)),
        ([0.0], (0, 31)),  # nothing was grasped: nothing to go by
        ([0.0, HELD], (15, 53)),
        ([0.0, 0.0, HELD], (37, 75)),
        ([HELD, 0.0], (0, 29)),
        ([HELD, 0.0, HELD], (0, 75)),
        ([0.0, HELD, 0.0, 0.0], (15, 51)),
    ],
)
def test_what_led_to_closing_on_nothing_is_found_at_both_ends(least, kept):
    assert transforms.around_grasps({"gripper_width": grips(*least)}, 2) == kept


def test_fingers_that_closed_on_nothing_are_told_to_open_and_then_to_close_on_something():
    width = grips(0.0, HELD)[15:]  # from where they have met
    poses = np.zeros((len(width), 7), np.float32)
    made = transforms.next_pose({"gripper_width": width, "ee_pose": poses}, np.zeros((len(width) - 1, 8)), 2)
    assert made[0, 7] == 1.0
    (closes, close), (opens, open_) = changes(made[:, 7])
    assert (close, open_) == (-1.0, 1.0)
    assert width[closes + 2] == width.max() > width[closes + 3]
    assert width[opens + 2] < HELD + 0.01 < width[opens + 4]


def test_when_fingers_are_told_to_close_on_something_has_nothing_to_do_with_having_closed_on_nothing():
    slowly = [WIDE - 0.0025, 0.07, 0.06, 0.05]
    held = np.array([*[WIDE] * 10, *slowly, *[HELD] * 10, *slowly[::-1], *[WIDE] * 10], np.float32)[:, None]
    width = np.concatenate([grips(0.0), held])
    told = []
    for one in (held, width):
        poses = np.zeros((len(one), 7), np.float32)
        columns = {"gripper_width": one, "ee_pose": poses}
        told.append(transforms.next_pose(columns, np.ones((len(one) - 1, 8)), 2)[:, 7])
    np.testing.assert_array_equal(told[1][-len(told[0]) :], told[0])


def test_cutting_keeps_both_ends_and_refuses_what_is_not_there():
    part = transforms.cut(columns(), 3, 7)
    assert {len(rows) for name, rows in part.items() if name != "processed_action"} == {5}
    np.testing.assert_array_equal(part["phase"], columns()["phase"][3:8])
    for start, stop in ((7, 7), (-1, 3), (0, STEPS + 1)):
        with pytest.raises(ValueError, match="must be in order"):
            transforms.cut({"phase": columns()["phase"]}, start, stop)


@pytest.mark.parametrize("channel", ["ee_pose", "gripper_width"])
def test_a_missing_channel_is_named(channel):
    backwards = transforms.reverse(columns())
    del backwards[channel]
    with pytest.raises(RunError, match=channel):
        transforms.next_pose(backwards, actions(), 1)
