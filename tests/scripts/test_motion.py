"""``motion.py``: its commands on small files, and what it refuses."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_fakes import open_writer, write_episode
from PIL import Image

from isaaclab_datagen.assets.g1 import JOINT_NAMES
from isaaclab_datagen.datasets import video
from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.motions import files

SCRIPT = str(Path(__file__).parents[2] / "scripts" / "motion.py")


def run(monkeypatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["motion.py", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(SCRIPT, run_name="__main__")
    return int(ended.value.code or 0)


@pytest.fixture
def csv(tmp_path) -> Path:
    """Two seconds of Unitree's layout, 30 rows a second."""
    wave = files.load("wave")
    rows = np.concatenate([wave.body_pos_w[:60, 0], wave.body_quat_w[:60, 0], wave.joint_pos[:60]], axis=1)
    path = tmp_path / "wave.csv"
    np.savetxt(path, rows, delimiter=",")
    return path


def test_a_csv_of_thirty_rows_a_second_becomes_a_motion_at_fifty(monkeypatch, csv, tmp_path, capsys):
    out = tmp_path / "wave.npz"
    assert run(monkeypatch, "convert", csv, out) == 0
    made = files.load(str(out))
    assert made.fps == 50.0 and made.duration == pytest.approx(59 / 30, abs=0.02)
    assert "foot skating" in capsys.readouterr().out
    assert run(monkeypatch, "convert", out, tmp_path / "slow.npz", "--rate", 25, "--compact") == 0
    assert files.load(str(tmp_path / "slow.npz")).fps == 25.0


def test_figures_and_names_are_printed(monkeypatch, capsys):
    assert run(monkeypatch, "list") == 0 and run(monkeypatch, "check", "squat") == 0
    told = capsys.readouterr().out
    assert all(name in told for name in files.builtin())
    assert "joint limit margin" in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "moonwalk"], "no built-in motion"),
        (["convert", "walk", "walk.csv"], "written as .npz"),
        (["convert", "walk.csv", "--quaternion_order", "wxyz"], "--quaternion_order and --order are for NPZ files"),
        (["retarget", "swim", "a.npz"], "choose from"),
        (["convert", "walk", "a.npz", "--rate", "0"], "--rate"),
    ],
)
def test_bad_words_are_refused(monkeypatch, capsys, words, message):
    assert run(monkeypatch, *words) == 2
    assert message in capsys.readouterr().err


def record(out: Path, joint_names: tuple[str, ...] = JOINT_NAMES, **changes: np.ndarray) -> Path:
    """An episode that is exactly the walk, from its frame 100 on: each frame commands the next."""
    walk, place = files.load("walk"), np.arange(100, 112)
    channels = {
        "root_pose": np.concatenate([walk.body_pos_w[place, 0], walk.body_quat_w[place, 0]], axis=1),
        "joint_pos": walk.joint_pos[place],
        "motion_frame": np.append(place[1:], place[-1]),
        **changes,
    }
    writer = open_writer(out, "diffuse_cloc", task="Tracking")
    writer.manifest.describe({"joint_names": {"robot": list(joint_names)}})
    frames = [
        {
            name: np.asarray(values[step], np.int32 if name == "motion_frame" else np.float32)
            for name, values in channels.items()
            if values is not None
        }
        for step in range(len(place))
    ]
    for frame in frames[:-1]:
        frame["action"] = np.zeros(29, np.float32)
    extra = {"motion": "walk", "motion_length": walk.frames}
    write_episode(writer, 0, frames, Outcome(True, "completed", False, extra=extra))
    writer.close()
    return out


@pytest.mark.sim
def test_a_recording_is_shown_beside_the_frames_that_it_followed(monkeypatch, tmp_path, capsys):
    """One that is exactly the reference looks exactly like it, and walks."""
    words = ["show", "walk", "--recorded", record(tmp_path / "data"), "--size", 64, 48, "--out", tmp_path]
    assert run(monkeypatch, *words, "--device", "cpu") == 0
    assert "6 frames" in capsys.readouterr().out
    facts = video.probe(tmp_path / "walk.mp4")
    assert (facts.frames, facts.width, facts.height, facts.fps) == (6, 128, 48, 25.0)
    sheet = np.asarray(Image.open(tmp_path / "walk.png"))
    images = [
        sheet[48 * row : 48 * (row + 1), 128 * column : 128 * (column + 1)] for row in (0, 1) for column in range(4)
    ]
    assert all((image[:, :64] == image[:, 64:]).all() for image in images[:6])
    assert len({image.tobytes() for image in images[:6]}) == 6 and all(image.std() > 10 for image in images[:6])


@pytest.mark.parametrize(
    ("words", "changes", "message"),
    [
        (["walk", "--episode", "3"], {}, "--episode 3: "),
        (["squat"], {}, "episode 0 followed walk of 620 frames, not squat of 601"),
        (["walk"], {"joint_names": JOINT_NAMES[::-1]}, "its joints are not the G1's"),
        (["walk"], {"motion_frame": None}, "motion_frame are missing"),
    ],
)
def test_a_recording_that_followed_something_else_is_refused(monkeypatch, tmp_path, capsys, words, changes, message):
    assert run(monkeypatch, "show", *words, "--recorded", record(tmp_path / "data", **changes), "--out", tmp_path) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("*.mp4"))
