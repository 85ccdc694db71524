"""What LeRobot itself makes of an exported dataset."""

from __future__ import annotations

import numpy as np
import pytest
from dataset_fakes import (
    CAMERAS,
    FAILURE,
    SUCCESS,
    cameras_of,
    live,
    open_writer,
    options,
    random_frames,
    write_episode,
)
from robot_fakes import robot_frames

from isaaclab_datagen.datasets import conversion, formats, inspection
from isaaclab_datagen.datasets.formats import _lerobot_reader
from isaaclab_datagen.datasets.moments import Moments
from isaaclab_datagen.errors import UsageError

lerobot_dataset = pytest.importorskip("lerobot.datasets.lerobot_dataset")

LIVE = [name for name in live() if cameras_of(name)]
STEPS = (9, 6)


def smooth(frames):
    """Images that a video can hold: a bright square that moves."""
    for step, frame in enumerate(frames):
        for camera in CAMERAS:
            image = np.full((24, 32, 3), 60, np.uint8)
            image[step : step + 8, 8:24] = (200, 120, 40)
            frame[f"images/{camera}"] = image
    return frames


def recorded(out, name, outcomes=(SUCCESS, SUCCESS)):
    writer = open_writer(out, name, language="push it")
    for index, outcome in enumerate(outcomes):
        write_episode(writer, 2 * index, smooth(random_frames(np.random.default_rng(index), STEPS[index])), outcome)
    writer.close()
    return formats.open_reader(out)


def exported(source, out, keep_failures=False, **given):
    return conversion.convert(source, "lerobot", out, options("lerobot", **given), keep_failures).root


def opened(root, **given):
    return lerobot_dataset.LeRobotDataset("local/test", root=root, video_backend="pyav", **given)


@pytest.mark.parametrize("name", LIVE)
def test_the_unmodified_lerobot_opens_it(name, tmp_path):
    source = recorded(tmp_path / "a", name)
    root = exported(source, tmp_path / "b", include_obj_pose=True)
    dataset = opened(root)
    assert (dataset.fps, dataset.num_episodes, len(dataset)) == (50, 2, sum(STEPS))
    assert not list((tmp_path / "b").glob(".*"))
    first = 0
    for index, steps in zip(source.indices, STEPS, strict=True):
        episode = source.read(index)
        for step in range(steps):
            item = dataset[first + step]
            assert item["task"] == "push it"
            assert bool(item["next.done"]) == bool(item["next.success"]) == (step == steps - 1)
            np.testing.assert_array_equal(item["action"], episode.actions[step])
            np.testing.assert_array_equal(item["observation.state"][:3], episode.frames["ee_pose"][step, :3])
            np.testing.assert_array_equal(item["observation.state"][7:10], episode.frames["object_pose"][step, :3])
            for camera in CAMERAS:
                seen = 255 * item[f"observation.images.{camera}"].numpy().transpose(1, 2, 0)
                assert np.abs(seen - episode.frames[f"images/{camera}"][step]).mean() < 8
        first += steps
    names = dataset.meta.features["observation.state"]["names"]
    assert (names[0], names[7]) == ("ee_x", "object_x")


def test_a_dataset_without_images_becomes_one_of_states_and_actions(tmp_path):
    writer = open_writer(tmp_path / "a", "diffuse_cloc")
    write_episode(writer, 0, robot_frames(np.random.default_rng(0), 5), SUCCESS)
    writer.close()
    source = formats.open_reader(tmp_path / "a")
    dataset = opened(exported(source, tmp_path / "b"))
    episode = source.read(0)
    assert len(dataset) == episode.num_steps and not dataset.meta.camera_keys
    whole = [episode.frames[name] for name in ("root_pose", "root_velocity", "joint_pos", "joint_vel")]
    for step in range(episode.num_steps):
        state = dataset[step]["observation.state"].numpy()
        np.testing.assert_array_equal(state[7:], np.concatenate([values[step] for values in whole], -1)[7:])
        np.testing.assert_array_equal(dataset[step]["action"], episode.actions[step])


def test_an_export_is_inspected_by_threads(tmp_path):
    root = exported(recorded(tmp_path / "a", "vpl"), tmp_path / "b")
    report = inspection.inspect(formats.open_reader(root))
    assert report.problems == []
    assert dict(report.rows())["frames"] == str(sum(STEPS))


def test_windows_are_those_of_lerobot(tmp_path):
    root = exported(recorded(tmp_path / "a", "vpl"), tmp_path / "b")
    n_obs, horizon = 2, 8
    deltas = [step / 50 for step in range(1 - n_obs, 1 - n_obs + horizon)]
    dataset = opened(root, delta_timestamps={"action": deltas, "observation.state": deltas[:n_obs]})
    plain, windows = opened(root), Moments.of(STEPS, n_obs, horizon, 0)
    rows = {
        key: np.stack([plain[i][key].numpy() for i in range(sum(STEPS))]) for key in ("action", "observation.state")
    }
    for number in range(sum(STEPS)):
        predicted, padded = windows.predicted(np.array([number]))
        item = dataset[number]
        np.testing.assert_array_equal(item["action"], rows["action"][predicted[0]])
        np.testing.assert_array_equal(item["action_is_pad"], padded[0])
        observed = windows.observed(np.array([number]))[0]
        np.testing.assert_array_equal(item["observation.state"], rows["observation.state"][observed])


def test_this_package_reads_it_too_and_keeps_failures_apart(tmp_path):
    source = recorded(tmp_path / "a", "vpl", (SUCCESS, FAILURE))
    assert len(formats.open_reader(exported(source, tmp_path / "b"))) == 1
    reader = formats.open_reader(exported(source, tmp_path / "c", keep_failures=True))
    assert [reader.read(index).outcome.success for index in reader.indices] == [True, False]
    assert (reader.indices, reader.cameras) == (source.indices, source.cameras)
    episode = reader.read(2)
    np.testing.assert_array_equal(episode.actions, source.read(2).actions)
    assert episode.frames["images/wrist"].shape == (STEPS[1], 24, 32, 3)


def test_an_export_is_not_converted_again(tmp_path):
    root = exported(recorded(tmp_path / "a", "vpl"), tmp_path / "b")
    with pytest.raises(UsageError, match="only exported"):
        conversion.convert(formats.open_reader(root), "vpl", tmp_path / "c", options("vpl"), False)


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    source = recorded(tmp_path / "a", "vpl")
    monkeypatch.setattr(_lerobot_reader.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"--format lerobot needs LeRobot.*isaaclab-datagen\[learn\]"):
        exported(source, tmp_path / "b")
    with pytest.raises(UsageError, match="Record one of"):
        formats.load_live("lerobot")
