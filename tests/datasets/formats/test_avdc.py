"""The layout that AVDC's own, unmodified reader finds, and what is peculiar to it."""

from __future__ import annotations

import json
import pickle
from glob import glob

import numpy as np
import pytest
from dataset_fakes import CAMERAS, FAILURE, UNKNOWN, open_writer, options, random_frames, write_episode
from PIL import Image

from isaaclab_datagen.datasets import formats, inspection
from isaaclab_datagen.datasets.formats import avdc
from isaaclab_datagen.errors import RunError, UsageError


class SequentialDataset:
    """AVDC's ``SequentialDatasetv2`` after its source: its glob, its splits, its order, its crop, its indices."""

    def __init__(self, path: str, sample_per_seq: int = 7, crop: int = 160) -> None:
        self.sample_per_seq, self.crop = sample_per_seq, crop
        self.sequences, self.tasks = [], []
        for folder in sorted(glob(f"{path}/**/metaworld_dataset/*/*/*/", recursive=True)):
            self.tasks.append(folder.split("/")[-4].replace("-", " "))
            int(folder.split("/")[-2])
            self.sequences.append(sorted(glob(f"{folder}*.png"), key=lambda x: int(x.split("/")[-1].rstrip(".png"))))

    def sample(self, index: int, start: int = 0) -> tuple[np.ndarray, str]:
        names = self.sequences[index][start:]
        count = len(names)
        chosen = [int(i * (count - 1) / (self.sample_per_seq - 1)) for i in range(self.sample_per_seq)]
        return np.stack([self._cropped(names[i]) for i in chosen]), self.tasks[index]

    def _cropped(self, name: str) -> np.ndarray:
        image = Image.open(name)
        assert image.mode == "RGB"
        assert min(image.size) >= self.crop
        left, top = (image.width - self.crop) // 2, (image.height - self.crop) // 2
        return np.array(image.crop((left, top, left + self.crop, top + self.crop)))


def write(out, episodes, steps=5, size=(240, 320), **given):
    rng = np.random.default_rng(0)
    frames = [random_frames(rng, steps, size=size) for _ in range(episodes)]
    writer = open_writer(out, **given)
    for index, episode in enumerate(frames):
        write_episode(writer, index, episode)
    return writer, frames


def test_the_trainers_reader_sees_the_committed_episodes_and_nothing_else(tmp_path):
    writer, episodes = write(tmp_path, 2)
    running = writer.open(2)
    running.append(episodes[0][0])
    dataset = SequentialDataset(str(tmp_path))
    assert len(dataset.sequences) == 2 * len(CAMERAS)
    assert set(dataset.tasks) == {"lift custom ik"}
    for sequence, (camera, frames) in enumerate((c, f) for c in CAMERAS for f in episodes):
        samples, _ = dataset.sample(sequence)
        expected = [frames[i][f"images/{camera}"][40:200, 80:240] for i in (0, 0, 1, 2, 3, 4, 5)]
        np.testing.assert_array_equal(samples, expected)
    writer.close()


@pytest.mark.parametrize("start", range(6))
def test_the_trainers_goal_is_the_last_frame(start, tmp_path):
    writer, episodes = write(tmp_path, 1)
    writer.close()
    samples, _ = SequentialDataset(str(tmp_path)).sample(0, start)
    np.testing.assert_array_equal(samples[-1], episodes[0][-1]["images/overhead"][40:200, 80:240])


def test_more_than_a_hundred_frames_stay_in_order(tmp_path):
    writer, episodes = write(tmp_path, 1, steps=120, size=(8, 8))
    writer.close()
    names = SequentialDataset(str(tmp_path)).sequences[0]
    assert [name.split("/")[-1] for name in names] == [f"{i:02d}.png" for i in range(121)]
    images = formats.open_reader(tmp_path)[0].frames["images/overhead"]
    np.testing.assert_array_equal(images[120], episodes[0][120]["images/overhead"])


def test_action_and_metadata_say_what_the_layout_promises(tmp_path):
    writer = open_writer(tmp_path)
    writer.manifest.describe({"intrinsics": {"wrist": np.eye(3)}})
    frames = random_frames(np.random.default_rng(0), 4)
    write_episode(writer, 7, frames, FAILURE)
    writer.close()
    folder = tmp_path / "metaworld_dataset" / "lift-custom-ik" / "wrist" / "007"
    action = pickle.loads((folder / "action.pkl").read_bytes())
    assert action.keys() == {"actions", "num_steps", "success"}
    assert (action["num_steps"], action["success"]) == (4, False)
    np.testing.assert_array_equal(action["actions"], np.stack([f["action"] for f in frames[:-1]]), strict=True)
    metadata = json.loads((folder / "metadata.json").read_text())
    expected = {"camera_sensor": "wrist", "camera_resolution": [32, 24], "fps": 50.0, "num_frames": 5, "num_actions": 4}
    assert expected.items() <= metadata.items()
    assert metadata["intrinsics"] == np.eye(3).tolist()
    assert metadata["reason"] == "time_out"
    with np.load(folder / "state.npz", allow_pickle=False) as states:
        assert states["joint_pos"].shape == (5, 9)
        assert states["extrinsics/overhead"].shape == (5, 4, 4)
        assert states["action"].shape == (4, 7)


def test_the_trainer_never_takes_an_unknown_success_for_one(tmp_path):
    writer = open_writer(tmp_path)
    write_episode(writer, 0, random_frames(np.random.default_rng(0)), UNKNOWN)
    writer.close()
    (folder, *_) = tmp_path.glob("metaworld_dataset/*/wrist/000")
    assert pickle.loads((folder / "action.pkl").read_bytes())["success"] is False
    assert json.loads((folder / "metadata.json").read_text())["success"] is None


@pytest.mark.parametrize("fault", ["overhead", "wrist"])
def test_an_episode_of_which_a_camera_is_missing_is_removed_on_opening(fault, tmp_path):
    writer, _ = write(tmp_path, 3, size=(8, 8))
    writer.close()
    root = writer.root
    (root / fault / "001").rename(tmp_path / "elsewhere")
    assert formats.open_reader(tmp_path).indices == [0, 2]
    writer = open_writer(tmp_path)
    assert writer.committed == [0, 2]
    assert not list(root.glob("*/001"))
    writer.close()


def test_a_camera_that_vanished_whole_is_not_taken_for_a_kill(tmp_path):
    writer, _ = write(tmp_path, 3, size=(8, 8))
    writer.close()
    (writer.root / "wrist").rename(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="wrist"):
        open_writer(tmp_path)
    assert len(list((writer.root / "overhead").iterdir())) == 3


def test_leftovers_of_a_kill_are_removed_on_opening(tmp_path):
    writer, episodes = write(tmp_path, 1, size=(8, 8))
    writer.open(1).append(episodes[0][0])
    writer.lock.release()
    assert list((writer.root / ".staging").iterdir())
    open_writer(tmp_path).close()
    assert not (writer.root / ".staging").exists()


def test_a_rename_that_fails_between_two_cameras_undoes_the_first(tmp_path, monkeypatch):
    writer, episodes = write(tmp_path, 1, size=(8, 8))
    sink = writer.open(1)
    for frame in episodes[0]:
        sink.append(frame)
    rename = avdc.os.rename

    def full(source, target):
        if "wrist" in str(target) and "staging" not in str(target):
            raise OSError(28, "No space left on device", str(target))
        rename(source, target)

    monkeypatch.setattr("os.rename", full)
    with pytest.raises(OSError, match="No space"):
        sink.commit(FAILURE)
    sink.discard()
    assert writer.committed == [0]
    assert not list(writer.root.glob("*/001"))
    writer.close()


@pytest.mark.parametrize("failing", range(0, 18, 2))
def test_a_disk_that_fills_up_at_any_write_leaves_no_trace(failing, tmp_path, monkeypatch):
    writer, episodes = write(tmp_path, 1, size=(8, 8))
    sink = writer.open(1)
    calls = iter(range(100))
    write_file = avdc.write_file

    def full(path, data):
        if next(calls) == failing:
            write_file(path, data[: len(data) // 2])
            raise OSError(28, "No space left on device", str(path))
        write_file(path, data)

    monkeypatch.setattr(avdc, "write_file", full)

    def record():
        for frame in episodes[0]:
            sink.append(frame)
        sink.commit(FAILURE)

    with pytest.raises(OSError, match="No space"):
        record()
    sink.discard()
    writer.close()
    reader = formats.open_reader(tmp_path)
    assert (reader.indices, inspection.inspect(reader).problems) == ([0], [])
    assert not (writer.root / ".staging").exists()


def open_with(out, cameras=("overhead",), **given):
    return avdc.open_writer(out, options("avdc", **given), {"task": "Lift", "cameras": list(cameras)}, {})


def test_task_and_variant_name_the_folders(tmp_path):
    writer = open_with(tmp_path, dataset_task="pick-up", dataset_variant="corner")
    write_episode(writer, 0, random_frames(np.random.default_rng(0), 2, cameras=["overhead"]))
    writer.close()
    assert (tmp_path / "metaworld_dataset" / "pick-up" / "corner" / "000" / "02.png").is_file()
    assert SequentialDataset(str(tmp_path)).tasks == ["pick up"]
    assert formats.open_reader(tmp_path).cameras == ["overhead"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"dataset_task": "a/b"}, "--dataset_task 'a/b'"),
        ({"dataset_task": ".hidden"}, "--dataset_task '.hidden'"),
        ({"dataset_task": ""}, "--dataset_task ''"),
        ({"dataset_variant": "../x"}, "--dataset_variant '../x'"),
        ({"dataset_variant": "x", "cameras": ("a", "b")}, "there are 2"),
        ({"cameras": ()}, "needs a camera"),
    ],
)
def test_names_that_the_trainer_could_not_find_are_refused(given, reason, tmp_path):
    with pytest.raises(UsageError, match=reason):
        open_with(tmp_path, **given)
    assert not list(tmp_path.iterdir())


def test_somebody_elses_episodes_are_not_written_over(tmp_path):
    (tmp_path / "metaworld_dataset" / "lift" / "corner" / "000").mkdir(parents=True)
    with pytest.raises(UsageError, match="not of this package"):
        open_with(tmp_path)


@pytest.mark.parametrize("channel", ["depth/overhead", "images/surprise", "instance_segmentation/overhead"])
def test_what_the_format_would_lose_is_refused(channel, tmp_path):
    writer = open_with(tmp_path)
    frame = random_frames(np.random.default_rng(0), 1, cameras=["overhead"])[0]
    with pytest.raises(RunError, match=channel):
        writer.open(0).append({**frame, channel: np.zeros((8, 8, 3), np.uint8)})
    writer.close()


def test_a_foreign_manifest_is_refused(tmp_path):
    open_with(tmp_path).close()
    path = tmp_path / "metaworld_dataset" / "lift" / "dataset.json"
    path.write_text("{}")
    with pytest.raises(RunError, match="dataset.json"):
        formats.open_reader(tmp_path)
    with pytest.raises(RunError, match="dataset.json"):
        open_with(tmp_path)
    open_with(tmp_path / "other").close()
