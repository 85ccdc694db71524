"""Datasets from another side: backwards, and in part."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import pytest
from dataset_fakes import FAILURE, SUCCESS, cameras_of, live, open_writer, random_frames, write_episode

from isaaclab_datagen.datasets import conversion, formats, inspection
from isaaclab_datagen.datasets.views import Reversed, Reversing, Selection
from isaaclab_datagen.errors import RunError, UsageError

STEPS = 40


def frames(seed: int) -> list[dict[str, np.ndarray]]:
    """At rest in the first three frames, then moving; eight actions, and the channels of the pick-and-place task."""
    rng = np.random.default_rng(seed)
    made = random_frames(rng, STEPS)
    goal, place = rng.normal(size=(2, 7)).astype(np.float32)
    for step, frame in enumerate(made):
        frame["ee_pose"][:3] = [0.01 * max(step - 3, 0), 0.0, 0.3]
        frame["gripper_width"] = np.array([0.08], np.float32)
        frame["phase"] = np.asarray(step // 10, np.int64)
        frame |= {"goal_pose": goal, "place_pose": place, "target_pose": place}
        frame["command/carry"] = np.array([1.0, 0.5, 0.0, 0.6, 0.1, 0.4, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0], np.float32)
        if "action" in frame:
            frame["action"] = rng.normal(size=8).astype(np.float32)
    return made


def record(out, name="rev2fwd", outcomes=(SUCCESS, FAILURE, SUCCESS), env=None):
    writer = open_writer(out, name, env={"direction": "B", "return_to_rest": True} if env is None else env)
    for index, outcome in enumerate(outcomes):
        write_episode(writer, 2 * index, frames(index), outcome)
    writer.close()
    return formats.open_reader(out)


@pytest.mark.parametrize("name", [name for name in live() if cameras_of(name)])
@pytest.mark.parametrize("trim", [True, False])
def test_a_reversed_dataset_shows_the_same_frames_in_reverse_order(name, trim, tmp_path):
    source = record(tmp_path / "b", name)
    how = Reversing(trim=trim)
    made = conversion.convert(Reversed(source, how), "rev2fwd", tmp_path / "a", Namespace(), keep_failures=False)
    reader = formats.open_reader(tmp_path / "a")
    assert (made.episodes, reader.indices) == ([0, 4], [0, 4])
    assert inspection.inspect(reader).problems == []
    backwards, forwards = reader.read(4), source.read(4)
    kept = STEPS - 3 if trim else STEPS
    assert backwards.num_steps == kept
    for camera in ("overhead", "wrist"):
        expected = forwards.frames[f"images/{camera}"][::-1][: kept + 1]
        np.testing.assert_array_equal(backwards.frames[f"images/{camera}"], expected)
    expected = forwards.frames["object_pose"][::-1][: kept + 1]
    np.testing.assert_array_equal(backwards.frames["object_pose"], expected)
    images = list(reader.images(4, "wrist", [kept, 0, 7]))
    np.testing.assert_array_equal(images[0], backwards.frames["images/wrist"][kept])


@pytest.mark.parametrize("trim", [True, False])
def test_backwards_a_cube_begins_where_the_place_was_before_it_moved(trim, tmp_path):
    writer, made, moved = open_writer(tmp_path / "b", "rev2fwd", env={"direction": "B"}), frames(0), 26
    for frame in made[moved:]:
        frame["place_pose"] = frame["place_pose"] + np.float32(0.1)
    write_episode(writer, 0, made, SUCCESS)
    writer.close()
    episode = Reversed(formats.open_reader(tmp_path / "b"), Reversing(trim=trim)).read(0)
    assert (episode.frames["place_pose"] == made[0]["place_pose"]).all()
    np.testing.assert_array_equal(episode.frames["object_pose"][0], made[moved - 1]["object_pose"])
    np.testing.assert_array_equal(episode.frames["images/wrist"][0], made[moved - 1]["images/wrist"])
    assert episode.num_steps == moved - 1 - (3 if trim else 0)


@pytest.mark.parametrize("trim", [True, False])
def test_backwards_what_led_to_fingers_closed_on_nothing_is_left_out(trim, tmp_path):
    """Forwards they close on nothing, on the cube, and again on nothing."""
    writer, made = open_writer(tmp_path / "b", "rev2fwd", env={"direction": "B"}), frames(0)
    for width, steps in ((0.0, range(5, 9)), (0.048, range(15, 25)), (0.0, range(30, 33))):
        for step in steps:
            made[step]["gripper_width"] = np.array([width], np.float32)
    write_episode(writer, 0, made, SUCCESS)
    writer.close()
    episode = Reversed(formats.open_reader(tmp_path / "b"), Reversing(lead=2, trim=trim)).read(0)
    first, last = 32, 9 + 2  # closed; two frames, the lead, after they were open again
    np.testing.assert_array_equal(episode.frames["object_pose"][0], made[first]["object_pose"])
    np.testing.assert_array_equal(episode.frames["images/wrist"][-1], made[last]["images/wrist"])
    assert episode.num_steps == first - last
    assert episode.frames["gripper_width"].min() == 0.0 and episode.frames["gripper_width"][-1] > 0.07


def test_the_direction_is_swapped_and_the_labels_are_told(tmp_path):
    source = record(tmp_path / "b")
    reader = Reversed(source, Reversing("segment_goal", lead=3))
    identity, provenance = reader.manifest.identity, reader.manifest.provenance
    assert identity["env"] == {"direction": "A", "return_to_rest": False}
    assert identity["reversed"] == {"labels": "segment_goal", "lead": 3, "trim": True}
    assert provenance["overrides"] == ["env.direction=A", "env.return_to_rest=false"]
    assert source.manifest.identity["env"]["direction"] == "B"
    episode = reader[0]
    assert (episode.outcome.success, episode.outcome.reason, episode.outcome.extra["reversed"]) == (
        True,
        "reversed",
        True,
    )
    assert episode.outcome.extra["mass"] == 0.5


def test_a_reversed_dataset_is_not_reversed_again(tmp_path):
    source = record(tmp_path / "b")
    conversion.convert(Reversed(source, Reversing()), "rev2fwd", tmp_path / "a", Namespace(), keep_failures=True)
    with pytest.raises(UsageError, match="reversed already"):
        Reversed(formats.open_reader(tmp_path / "a"), Reversing())


def test_a_dataset_without_a_direction_is_refused(tmp_path):
    with pytest.raises(RunError, match="direction"):
        Reversed(record(tmp_path, env={"decimation": 2}), Reversing())


def test_a_dataset_that_left_images_out_is_refused(tmp_path):
    writer = open_writer(tmp_path, "vpl", given={"video_interval": 3}, env={"direction": "B"})
    write_episode(writer, 0, frames(0))
    writer.close()
    with pytest.raises(RunError, match="every image"):
        Reversed(formats.open_reader(tmp_path), Reversing()).stored(0)


@pytest.mark.parametrize(("given", "said"), [({"lead": 0}, "--lead 0"), ({"labels": "last"}, "choose from next_pose")])
def test_bad_ways_to_reverse_are_usage_errors(given, said):
    with pytest.raises(UsageError, match=said):
        Reversing(**given)


@pytest.mark.parametrize("name", [name for name in live() if cameras_of(name)])
def test_a_selection_keeps_numbers_options_and_says_why(name, tmp_path):
    source = record(tmp_path / "b", name)
    chosen = Selection(source, [0, 4], {"by": "replay", "kept": 2, "of": 3})
    made = conversion.convert(chosen, name, tmp_path / "c", conversion.own_options(source), keep_failures=True)
    reader = formats.open_reader(made.root)
    assert reader.indices == [0, 4]
    assert reader.manifest.provenance["selected"] == {"by": "replay", "kept": 2, "of": 3}
    own = formats.load(name).OWN_IDENTITY
    assert {key: reader.manifest.identity[key] for key in own} == {key: source.manifest.identity[key] for key in own}
    np.testing.assert_array_equal(reader.read(4).frames["images/wrist"], source.read(4).frames["images/wrist"])
