"""A broken episode is one line that names file and remedy, for whoever reads a dataset whole; or it is left out."""

from __future__ import annotations

import re
import zipfile

import numpy as np
import pytest
from dataset_fakes import FACTS, open_writer, options, random_frames, write_episode

from isaaclab_datagen.datasets import arrays, checks, conversion, formats, inspection
from isaaclab_datagen.datasets.views import Reversed, Reversing, without_broken
from isaaclab_datagen.errors import RunError

STEPS = 12


def episode(seed):
    made = random_frames(np.random.default_rng(seed), STEPS)
    for step, frame in enumerate(made):
        frame["gripper_width"] = np.array([0.01 * step], np.float32)
        frame["phase"] = np.asarray(step // 4, np.int64)
        frame |= {name: np.arange(7, dtype=np.float32) for name in ("goal_pose", "place_pose", "target_pose")}
        if "action" in frame:
            frame["action"] = np.full(8, step, np.float32)
    return made


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setitem(FACTS, "action_terms", {"arm": 7, "gripper": 1})
    writer = open_writer(tmp_path / "data", "rev2fwd", env={"direction": "B"})
    for index in range(3):
        write_episode(writer, index, episode(index))
    writer.close()
    return tmp_path / "data"


def rewrite(file, change) -> None:
    with np.load(file) as archive:
        found = dict(archive)
    change(found)
    np.savez(file, **found)


def put(**values):
    return lambda found: found.update({name.replace("__", "/"): value for name, value in values.items()})


def without(*names):
    return lambda found: [found.pop(name) for name in names]


def narrow(name, width):
    return lambda found: found.update({name: found[name][:, :width]})


def nothing(name):
    return lambda found: found.update({name: np.full_like(found[name], np.nan)})


BROKEN = {
    "no states/ee_pose": (without("states/ee_pose"), "states/ee_pose is missing"),
    "no ee_pose at all": (without("states/ee_pose", "ee_pose"), "states/ee_pose is missing"),
    "no states/gripper_width": (without("states/gripper_width"), "gripper_width"),
    "narrow actions": (narrow("action", 7), r"actions have shape \(12, 7\), the task's are"),
    "narrow states/ee_pose": (narrow("states/ee_pose", 6), "keys for trainers cannot be made"),
    "narrow ee_pose": (narrow("ee_pose", 6), "ee_pose is missing, or does not agree"),
    "no ee_pose": (without("ee_pose"), "ee_pose is missing, or does not agree"),
    "NaN actions": (nothing("action"), "actions is not finite in step 0"),
    "NaN states/ee_pose": (nothing("states/ee_pose"), "ee_pose is not finite in step 0"),
    "no final/images": (without("final/images"), "final/images is missing"),
    "no images": (without("images"), "images is missing"),
    "images of another type": (
        lambda found: found.update({name: found[name].astype(np.float32) for name in ("images", "final/images")}),
        "images is missing, or not an image .* of uint8",
    ),
    "few images": (lambda found: found.update(images=found["images"][:-1]), "images is missing, or not an image"),
    "a pickled member": (put(extra=np.array([1, None], object)), "extra holds pickled objects"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_episode_is_refused_in_one_line_or_left_out(how, root, tmp_path):
    change, said = BROKEN[how]
    rewrite(root / "episode_001.npz", change)
    reader = formats.open_reader(root)
    assert any(re.search(said, line) for line in inspection.inspect(reader).problems)
    (line,) = checks.broken(reader, reader.indices).values()
    assert re.search(said, line) and str(root) in line and "\n" not in line
    assert re.search("episode_001.npz|episode 1", line)
    expected = f"{re.escape(line)}. convert.py --skip_broken leaves broken episodes out"
    with pytest.raises(RunError, match=expected):
        arrays.build(reader, tmp_path / "cache")
    for source in (reader, Reversed(reader, Reversing())):
        with pytest.raises(RunError, match=expected):
            conversion.convert(source, "rev2fwd", tmp_path / "new", options("rev2fwd"), keep_failures=True)
    whole, left_out = without_broken(reader)
    assert (whole.indices, left_out) == ([0, 2], [line])
    made = conversion.convert(whole, "rev2fwd", tmp_path / "new", options("rev2fwd"), keep_failures=True)
    assert arrays.build(formats.open_reader(made.root), tmp_path / "cache").lengths.tolist() == [STEPS] * 2


@pytest.mark.parametrize("how", BROKEN)
def test_where_every_episode_is_broken_alike_none_is_whole(how, root):
    for index in range(3):
        rewrite(root / f"episode_{index:03d}.npz", BROKEN[how][0])
    with pytest.raises(RunError, match="every episode is broken: "):
        without_broken(formats.open_reader(root))


def test_an_image_that_cannot_be_decoded_is_a_broken_episode_too(root, tmp_path):
    file = root / "episode_001.npz"
    with zipfile.ZipFile(file) as archive:
        start = archive.getinfo("images.npy").header_offset + 200
    data = bytearray(file.read_bytes())
    data[start : start + 500] = bytes(500)
    file.write_bytes(data)
    reader = formats.open_reader(root)
    with pytest.raises(RunError, match=r"episode_001.npz .*\. convert.py --skip_broken"):
        arrays.build(reader, tmp_path / "cache")
    assert without_broken(reader)[0].indices == [0, 2]


def test_what_is_not_learned_from_need_not_be_whole(tmp_path):
    writer = open_writer(tmp_path / "data", "avdc")
    for index in range(2):
        made = episode(index)
        made[0]["observations/policy"] = np.full(36, np.nan, np.float32)
        write_episode(writer, index, made)
    writer.close()
    reader = formats.open_reader(tmp_path / "data")
    assert len(checks.broken(reader, reader.indices)) == 2
    assert len(arrays.build(reader, tmp_path / "cache").lengths) == 2
