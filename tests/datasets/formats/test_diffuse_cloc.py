"""What is particular to trajectories and to windows written out."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import torch
from dataset_fakes import FAILURE, SUCCESS, open_writer, options, random_frames, write_episode
from robot_fakes import BODIES, JOINTS, robot_dataset, robot_frames

from isaaclab_datagen.datasets import conversion, formats, inspection, trajectories
from isaaclab_datagen.datasets.windows import WindowDataset, WindowShape
from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.geometry import state_layouts

LENGTHS = (40, 5, 25)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return robot_dataset(tmp_path_factory.mktemp("robot"), LENGTHS, (SUCCESS, FAILURE, FAILURE))


def export(reader, out, **given):
    return conversion.convert(reader, "diffuse_cloc_npz", out, options("diffuse_cloc_npz", **given), True)


def test_plain_h5py_reads_an_episode(reader):
    with h5py.File(reader.path(0)) as file:
        assert file["body_pos"].shape == (41, BODIES, 3)
        assert file["action"].shape == file["executed_action"].shape == (40, JOINTS)
        assert file["body_quat"].attrs["order"] == "qx qy qz qw"
        assert file["root_velocity"].attrs["unit"] == "m/s, rad/s"
        assert dict(file.attrs)["success"]
        assert list(file.attrs["joint_names"])[:2] == ["joint_0", "joint_1"]
        assert file.attrs["mass"] == 0.5
        assert json.loads(file.attrs["extra"]) == {"mass": 0.5}


def test_equal_channels_take_the_room_of_one(reader):
    with h5py.File(reader.path(0)) as file:
        assert file["joint_pos"] == file["scene/articulation/robot/joint_position"]
        assert file["root_pose"] == file["scene/articulation/robot/root_pose"]
        assert file["joint_pos"] != file["joint_vel"]


def test_a_trajectory_takes_a_tenth_of_its_windows(tmp_path):
    reader = robot_dataset(tmp_path / "a", (300,))
    (path,) = (tmp_path / "a").rglob("000000.h5")
    made = export(reader, tmp_path / "b")
    assert (made.root / "diffusion_dataset.npz").stat().st_size > 10 * path.stat().st_size


def test_some_channels_are_read_without_the_others(reader):
    columns, whole = reader.columns(2, ("joint_pos", "action")), reader.read(2)
    np.testing.assert_array_equal(columns["joint_pos"], whole.frames["joint_pos"])
    np.testing.assert_array_equal(columns["action"], whole.actions)
    assert reader.outcome(2) == (FAILURE, 25)
    with pytest.raises(RunError, match="000002.h5"):
        reader.columns(2, ("absent",))


def test_images_are_refused(tmp_path):
    with pytest.raises(UsageError, match="--cameras front: format diffuse_cloc stores no images"):
        open_writer(tmp_path, "diffuse_cloc", cameras=["front"])
    sink = open_writer(tmp_path, "diffuse_cloc").open(0)
    with pytest.raises(RunError, match="cannot store images/overhead"):
        sink.append(random_frames(np.random.default_rng(0))[0])


@pytest.mark.parametrize("given", [{"horizon": 0}, {"history_length": -1}])
def test_windows_of_no_length_are_refused(given, tmp_path):
    with pytest.raises(UsageError, match=f"--{next(iter(given))}"):
        open_writer(tmp_path, "diffuse_cloc", given=given)


def test_the_documents_arrays_are_written_without_pickles(tmp_path):
    """Its verification: an episode of 500 steps, a history of 2, a horizon of 4."""
    reader = robot_dataset(tmp_path / "a", (500,))
    made = export(reader, tmp_path / "b", horizon=4, history_length=2)
    data = np.load(made.root / "diffusion_dataset.npz", allow_pickle=False)
    metadata = json.loads(str(data["metadata"]))
    assert (metadata["horizon"], metadata["history_length"], metadata["total_episodes"]) == (4, 2, 1)
    assert data["000000/history_states"].shape == (494, 3, 189)
    assert data["000000/history_actions"].shape == (494, 2, 29)
    assert data["000000/future_states"].shape == (494, 4, 189)
    assert data["000000/future_actions"].shape == (494, 5, 29)
    assert int(data["000000/timesteps"]) == 494
    assert int(data["000000/episode_id"]) == 0
    assert {"000000/motion_file", "000000/policy_path"} <= set(data)


@pytest.mark.parametrize("layout", state_layouts.NAMES)
def test_exported_windows_are_those_that_reading_makes(reader, layout, tmp_path):
    made = export(reader, tmp_path, horizon=4, history_length=2, state_layout=layout)
    assert made.episodes == [0, 1, 2]
    loaded = trajectories.load(reader)
    windows = WindowDataset(loaded, state_layouts.layout(layout, BODIES, JOINTS), WindowShape(2, 4))
    data = np.load(made.root / "diffusion_dataset.npz")
    for place, index in enumerate(reader.indices):
        expected = windows.batch(torch.nonzero(windows.episodes == place).flatten())
        for name, values in expected.items():
            np.testing.assert_allclose(data[f"{index:06d}/{name}"], values, atol=1e-5)


def test_an_export_is_a_dataset_that_can_be_inspected(reader, tmp_path):
    made = export(reader, tmp_path, horizon=4, history_length=2)
    there = formats.open_reader(tmp_path)
    assert (there.manifest.format, there.indices) == ("diffuse_cloc_npz", [0, 1, 2])
    for index in (0, 2):
        np.testing.assert_array_equal(there.read(index).actions, reader.read(index).actions)
        assert there.read(index).frames["state"].shape == (LENGTHS[reader.indices.index(index)], 189)
    assert [episode.outcome for episode in there] == [SUCCESS, FAILURE, FAILURE]
    with pytest.raises(UsageError, match="already"):
        export(reader, tmp_path)
    broken = made.root / "diffusion_dataset.npz"
    broken.write_bytes(broken.read_bytes()[:1000])
    with pytest.raises(RunError, match="not a whole NPZ"):
        formats.open_reader(tmp_path)


def test_windows_longer_than_every_trajectory_leave_nothing(reader, tmp_path):
    with pytest.raises(UsageError, match="no trajectory is long enough"):
        export(reader, tmp_path, horizon=100)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_dataset_without_bodies_has_no_such_windows(tmp_path):
    writer = open_writer(tmp_path / "a", "diffuse_cloc")
    write_episode(writer, 0, random_frames(np.random.default_rng(0), 5, ()))
    writer.close()
    with pytest.raises(RunError, match="need root_pose, root_velocity"):
        export(formats.open_reader(tmp_path / "a"), tmp_path / "b")


def test_a_broken_episode_among_good_ones_is_named_by_the_inspection(tmp_path):
    reader = robot_dataset(tmp_path, LENGTHS)
    path = reader.path(1)
    path.write_bytes(path.read_bytes()[:-200])
    report = inspection.inspect(formats.open_reader(tmp_path))
    assert len(report.problems) == 1
    assert "000001.h5" in report.problems[0]


def test_a_robots_frames_are_what_they_were(tmp_path):
    reader, frames = robot_dataset(tmp_path, (33,)), robot_frames(np.random.default_rng(0), 33)
    episode = reader.read(0)
    for name in episode.frames:
        expected = np.stack([frame[name] for frame in frames if name in frame])
        np.testing.assert_array_equal(episode.frames[name], expected, strict=True)
