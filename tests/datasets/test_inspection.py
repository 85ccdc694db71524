from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from dataset_fakes import FAILURE, SUCCESS, cameras_of, live, open_writer, random_frames, write_episode
from PIL import Image

from isaaclab_datagen.datasets import archives, formats, inspection, png


@pytest.fixture
def dataset(tmp_path):
    writer = open_writer(tmp_path)
    rng = np.random.default_rng(0)
    for index in range(3):
        write_episode(writer, index, random_frames(rng))
    writer.close()
    return tmp_path


def inspect(path, **options):
    return inspection.inspect(formats.open_reader(path), **options)


def test_a_whole_dataset_has_neither_problems_nor_flags(dataset):
    report = inspect(dataset)
    assert (report.problems, report.flags) == ([], [])
    rows = dict(report.rows())
    assert rows["episodes"] == "3"
    assert rows["frames"] == "18"
    assert rows["success"] == "3 of 3"
    assert rows["seconds"] == "0.3"
    size = sum(path.stat().st_size for path in dataset.rglob("*") if path.is_file())
    assert rows["bytes"] == f"{size:,}"


def test_no_episode_is_a_problem(tmp_path):
    open_writer(tmp_path).close()
    assert "no committed episode" in inspect(tmp_path).problems[0]


def remove_frame(folder):
    (folder / "03.png").unlink()


def add_frame(folder):
    shutil.copy(folder / "03.png", folder / "06.png")


def name_frame(folder):
    shutil.copy(folder / "03.png", folder / "goal.png")


def grey_frame(folder):
    Image.new("L", (32, 24)).save(folder / "03.png")


def small_frame(folder):
    (folder / "03.png").write_bytes(png.encode(np.zeros((8, 8, 3), np.uint8)))


def other_actions(folder):
    actions = np.zeros((5, 7), np.float32)
    value = {"actions": actions, "num_steps": 5, "success": True}
    (folder / "action.pkl").write_bytes(archives.dump_pickle(value))


def fewer_actions(folder):
    value = {**archives.load_pickle(folder / "action.pkl"), "num_steps": 4}
    (folder / "action.pkl").write_bytes(archives.dump_pickle(value))


def list_for_actions(folder):
    (folder / "action.pkl").write_bytes(archives.dump_pickle([1, 2]))


def other_success(folder):
    metadata = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps({**metadata, "success": False}))


def other_resolution(folder):
    metadata = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps({**metadata, "camera_resolution": [24, 32]}))


def foreign_metadata(folder):
    (folder / "metadata.json").write_text("[]")


def no_state(folder):
    (folder / "state.npz").unlink()


def other_state(folder):
    states = archives.load_npz(folder / "state.npz")
    states["joint_pos"][2] += 1
    (folder / "state.npz").write_bytes(archives.dump_npz(states))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (remove_frame, "03.png"),
        (add_frame, "06.png"),
        (name_frame, "goal.png"),
        (grey_frame, "not 8-bit RGB"),
        (small_frame, "image 3 is"),
        (other_actions, "other actions"),
        (fewer_actions, "does not say"),
        (list_for_actions, "does not say"),
        (other_success, "disagree"),
        (other_resolution, "images are [32, 24]"),
        (foreign_metadata, "metadata.json"),
        (no_state, "state.npz"),
        (other_state, "state.npz"),
    ],
)
@pytest.mark.parametrize("camera", ["overhead", "wrist"])
def test_damage_is_found_wherever_it_is(damage, reason, camera, dataset):
    damage(dataset / "metaworld_dataset" / "lift-custom-ik" / camera / "001")
    report = inspect(dataset)
    assert any(reason in problem for problem in report.problems), report.problems
    assert not [problem for episode in (report.episodes[0], report.episodes[2]) for problem in episode.problems]


def said(**changes):
    """Damage: the metadata says something else."""

    def damage(folder):
        metadata = json.loads((folder / "metadata.json").read_text())
        (folder / "metadata.json").write_text(json.dumps(metadata | changes))

    return damage


def held(channel, change):
    """Damage: ``state.npz`` holds a channel otherwise, or not at all."""

    def damage(folder):
        states = archives.load_npz(folder / "state.npz")
        changed = change(states.pop(channel))
        kept = states if changed is None else {**states, channel: changed}
        (folder / "state.npz").write_bytes(archives.dump_npz(kept))

    return damage


def only_actions(folder):
    (folder / "state.npz").write_bytes(archives.dump_npz({"action": archives.load_npz(folder / "state.npz")["action"]}))


def link_to_nowhere(folder):
    (folder / "03.png").unlink()
    (folder / "03.png").symlink_to("nowhere")


def foreign_folder(folder):
    (folder.parent / "foo").mkdir()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (said(num_frames="x"), "num_frames is 'x', not int"),
        (said(num_actions=None), "num_actions is None"),
        (said(camera_resolution=None), "camera_resolution is None"),
        (said(success="yes"), "success is 'yes', not bool | None"),
        (said(reason=[1]), "reason is [1], not str"),
        (said(extra=None), "extra is None"),
        *((said(env_index=value), f"env_index is {value!r}") for value in ("a", None, 1.5, True, -1)),
        (held("action", lambda values: values[0, 0]), "action is float32 of shape ()"),
        (held("action", lambda values: values.astype(str)), "not rows of numbers"),
        (held("action", lambda values: values[:, 0]), "actions have shape (5,), not (T, A)"),
        (held("action", lambda values: values[:, :6]), "actions is float32 of shape (T, 6), in episode 0 float32 of"),
        (held("action", lambda values: values[:4]), "as many actions"),
        (held("joint_pos", lambda values: values[0, 0]), "joint_pos is float32 of shape ()"),
        (held("joint_pos", lambda values: values.astype(str)), "not rows of numbers"),
        (held("joint_pos", lambda values: values > 0), "joint_pos is bool of shape (T, 9), in episode 0 float32 of"),
        (held("joint_pos", lambda values: values[:, :8]), "joint_pos is float32 of shape (T, 8), in episode 0"),
        (held("joint_pos", lambda values: values[:3]), "joint_pos has 3 rows, not 6"),
        (held("joint_pos", lambda values: values[0]), "joint_pos has 9 rows, not 6"),
        (held("joint_pos", lambda values: None), "joint_pos is absent, in episode 0 float32 of shape (T, 9)"),
        (held("processed_action", lambda values: None), "processed_action is absent"),
        (only_actions, "object_pose is absent, in episode 0"),
        (link_to_nowhere, "03.png is not a whole PNG image"),
        (foreign_folder, "foo: its name must be a number"),
    ],
)
def test_what_is_of_another_kind_is_one_line_and_the_other_episodes_are_looked_at(damage, reason, dataset):
    damage(dataset / "metaworld_dataset" / "lift-custom-ik" / "overhead" / "001")
    report = inspect(dataset)
    assert any(reason in problem for problem in report.problems), report.problems
    assert all("\n" not in problem for problem in report.problems)
    assert not [problem for episode in (report.episodes[0], report.episodes[2]) for problem in episode.problems]
    assert report.rows()


@pytest.mark.parametrize("name", live())
def test_a_channel_that_one_episode_lacks_is_found_in_every_format(name, tmp_path):
    writer, rng = open_writer(tmp_path, name), np.random.default_rng(0)
    for index in range(3):
        frames = random_frames(rng, steps=5 + index, cameras=cameras_of(name))
        if index == 0:
            frames = [{key: value for key, value in frame.items() if key != "object_pose"} for frame in frames]
        write_episode(writer, index, frames, FAILURE if index == 2 else SUCCESS)
    writer.close()
    assert inspect(tmp_path).problems == ["episode 0: object_pose is absent, in episode 1 float32 of shape (T, 7)"]


@pytest.mark.parametrize("channel", ["action", "joint_pos"])
def test_what_is_not_finite_is_found(channel, tmp_path):
    frames = random_frames(np.random.default_rng(0))
    frames[2][channel][1] = np.nan
    writer = open_writer(tmp_path)
    write_episode(writer, 0, frames, FAILURE)
    writer.close()
    assert any("not finite in step 2" in problem for problem in inspect(tmp_path).problems)


def test_an_episode_that_is_there_twice_is_flagged(tmp_path):
    writer = open_writer(tmp_path)
    for index in range(2):
        write_episode(writer, index, random_frames(np.random.default_rng(0)))
    writer.close()
    assert inspect(tmp_path).flags == ["episode 1: same first states and actions as episode 0"]


def stream(*values):
    rng = np.random.default_rng(0)
    pictures = {value: rng.integers(0, 256, (4, 4, 3), np.uint8) for value in sorted(set(values))}
    return [np.zeros((4, 4, 3), np.uint8) + np.array([1, 2, 3], np.uint8) if v == 0 else pictures[v] for v in values]


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ([1, 2, 3, 4, 5], []),
        ([1, 2, 2, 2, 3], ["frozen (frames 1 to 3 are the same)"]),
        ([1, 2, 2, 3, 3], []),
        ([1, 2, 3, 3, 3], ["frozen (frames 2 to 4 are the same)"]),
        ([1, 1, 1, 1], ["constant (all 4 frames are the same)"]),
        ([0, 0, 0], ["blank (3 of 3 frames)", "constant (all 3 frames are the same)"]),
        ([1, 0, 2], ["blank (1 of 3 frames)"]),
        ([1], []),
    ],
)
def test_streams_that_do_not_look_alive_are_flagged(values, flags):
    assert inspection.stream_flags(stream(*values), frozen_frames=3) == flags
