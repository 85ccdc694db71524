"""Format ``rev2fwd``: what any numpy finds in a file, and what is refused."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from dataset_fakes import FAILURE, SUCCESS, open_writer, random_frames, write_episode

from isaaclab_datagen.datasets import formats
from isaaclab_datagen.errors import RunError, UsageError

STEPS = 6
POSES = {"goal_pose": 0.1, "place_pose": 0.2, "target_pose": 0.2}


def frames() -> list[dict[str, np.ndarray]]:
    made = random_frames(np.random.default_rng(0), STEPS)
    for step, frame in enumerate(made):
        frame["gripper_width"] = np.array([0.01 * step], np.float32)
        frame["phase"] = np.asarray(step, np.int64)
        frame |= {name: np.arange(7, dtype=np.float32) + value for name, value in POSES.items()}
    return made


@pytest.fixture
def file(tmp_path):
    writer = open_writer(tmp_path, "rev2fwd")
    write_episode(writer, 0, frames())
    writer.close()
    return tmp_path / "episode_000.npz"


def rewrite(file, change) -> None:
    """Write a file again, its arrays changed."""
    with np.load(file) as archive:
        arrays = dict(archive)
    change(arrays)
    np.savez(file, **arrays)


def problems(file) -> list[str]:
    return formats.open_reader(file.parent).problems(0)


def test_every_key_is_in_the_guide(file):
    text = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*) \| (\(.*?\)) ", text.split("\n## rev2fwd\n")[1].split("\n## ")[0], re.M)
    shapes = {
        key: shape.count(",") + bool(re.search(r"\w\)", shape)) for names, shape in rows for key in names.split("`")
    }
    with np.load(file, allow_pickle=False) as episode:
        for key in episode.files:
            if not key.startswith(("states/", "final/")):
                assert episode[key].ndim == shapes[key], key


def test_numpy_finds_what_the_document_names(file):
    given = frames()
    with np.load(file, allow_pickle=False) as episode:
        for key, camera in (("images", "overhead"), ("wrist_images", "wrist")):
            stored = np.stack([frame[f"images/{camera}"] for frame in given])
            np.testing.assert_array_equal(episode[key], stored[:-1], strict=True)
            np.testing.assert_array_equal(episode[f"final/{key}"], stored[-1], strict=True)
        for key, channel in (("ee_pose", "ee_pose"), ("obj_pose", "object_pose")):
            x, y, z, w = np.stack([frame[channel][3:] for frame in given[:-1]]).T
            np.testing.assert_array_equal(episode[key][:, 3:], np.stack([w, x, y, z], axis=1), strict=True)
            np.testing.assert_array_equal(episode[key][:, :3], [frame[channel][:3] for frame in given[:-1]])
        assert episode["goal_pose"].tolist() == pytest.approx([0.1, 1.1, 2.1, 6.1, 3.1, 4.1, 5.1])
        assert episode["gripper_width"].shape == episode["phase"].shape == (STEPS,)
        assert (episode["action"].shape, episode["joint_pos"].shape) == ((STEPS, 7), (STEPS, 9))
        assert episode["success"].item() is True


@pytest.mark.parametrize(
    ("cameras", "keys"),
    [
        (["table_camera", "wrist_camera"], ["images", "wrist_images"]),
        (["wrist_camera"], ["images"]),
        (["a", "b", "c"], ["images", "b_images", "c_images"]),
    ],
)
def test_keys_of_cameras(cameras, keys, tmp_path):
    writer = open_writer(tmp_path, "rev2fwd", cameras=cameras)
    assert list(writer.manifest.provenance["image_keys"].values()) == keys
    writer.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cameras": []}, "needs a camera"),
        ({"cameras": ["a", "b", "b_camera"]}, "one key"),
        ({"data_types": ["rgb", "depth"]}, "rgb alone"),
    ],
)
def test_what_it_cannot_hold_is_a_usage_error(given, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        open_writer(tmp_path, "rev2fwd", **given)


def test_frames_that_lack_the_tip_or_hold_too_much_are_refused(tmp_path):
    writer = open_writer(tmp_path, "rev2fwd")
    lacking, *_ = frames()
    del lacking["ee_pose"]
    with pytest.raises(RunError, match="needs ee_pose"):
        writer.open(0).append(lacking)
    with pytest.raises(RunError, match="cannot store depth/wrist"):
        writer.open(1).append({**frames()[0], "depth/wrist": np.zeros((24, 32), np.float32)})
    writer.close()


def test_episodes_without_a_manifest_are_not_taken_over(tmp_path):
    (tmp_path / "episode_003.npz").write_bytes(b"precious")
    with pytest.raises(UsageError, match=r"episode_003.npz but no dataset.json"):
        open_writer(tmp_path, "rev2fwd")
    assert (tmp_path / "episode_003.npz").read_bytes() == b"precious"


def test_pickles_are_refused_not_loaded(file):
    rewrite(file, lambda arrays: arrays.update(action=np.array([1, None], object)))
    with pytest.raises(RunError, match="not a whole NPZ file"):
        formats.open_reader(file.parent)[0]
    assert len(problems(file)) == 1


@pytest.mark.parametrize("key", ["action", "episode", "ee_pose", "images", "final/wrist_images", "phase", "goal_pose"])
def test_a_missing_key_is_a_problem(key, file):
    assert problems(file) == []
    rewrite(file, lambda arrays: arrays.pop(key))
    assert [line for line in problems(file) if key in line]


@pytest.mark.parametrize("key", ["action", "ee_pose", "images", "gripper_width", "states/joint_pos", "success"])
def test_a_key_of_another_shape_is_a_problem(key, file):
    rewrite(file, lambda arrays: arrays.update({key: np.concatenate([np.atleast_1d(arrays[key])] * 2)}))
    assert problems(file)


def test_a_cut_file_is_a_broken_one(file):
    data = file.read_bytes()
    for size in (0, 100, len(data) // 2, len(data) - 1):
        file.write_bytes(data[:size])
        with pytest.raises(RunError, match=r"episode_000.npz"):
            formats.open_reader(file.parent)[0]


def test_images_are_compressed_and_decoded_one_by_one(file):
    with zipfile.ZipFile(file) as archive:
        assert archive.getinfo("images.npy").compress_type == zipfile.ZIP_DEFLATED
    reader = formats.open_reader(file.parent)
    assert list(reader.stored(0)) == list(range(STEPS + 1))
    images = reader.images(0, "overhead")
    np.testing.assert_array_equal(next(images), frames()[0]["images/overhead"])
    with pytest.raises(RunError, match="none is number 99"):
        next(reader.images(0, "overhead", [99]))


def test_failures_are_left_out_unless_wanted(file):
    assert formats.load("rev2fwd").KEEPS_FAILURES is False
    writer = open_writer(file.parent, "rev2fwd")
    write_episode(writer, 1, frames(), FAILURE)
    writer.close()
    with np.load(file.with_name("episode_001.npz")) as episode:
        assert episode["success"].item() is False
    assert [episode.outcome for episode in formats.open_reader(file.parent)] == [SUCCESS, FAILURE]
