"""Motion files: what is written is read, names decide the order, and what is wrong is refused with its name."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from isaaclab_datagen.assets.g1 import BODY_NAMES, JOINT_NAMES
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.motions import files
from isaaclab_datagen.motions.inverse_kinematics import Configuration
from isaaclab_datagen.motions.motion import Motion, from_configuration

ARRAYS = ("joint_pos", "joint_vel", *files.BODY_ARRAYS)


@pytest.fixture(scope="module")
def motion() -> Motion:
    return files.load("wave")


def equal(a: Motion, b: Motion, tolerance: float = 1e-5) -> bool:
    return all(np.allclose(getattr(a, name), getattr(b, name), atol=tolerance) for name in ARRAYS)


def old(motion: Motion, path: Path, joints: list[int], bodies: list[int], **changes: object) -> Path:
    """A file of BeyondMimic's kind: no names, quaternions w x y z."""
    held = {
        "fps": np.array([motion.fps]),
        "joint_pos": motion.joint_pos[:, joints],
        "joint_vel": motion.joint_vel[:, joints],
        "body_pos_w": motion.body_pos_w[:, bodies],
        "body_quat_w": np.roll(motion.body_quat_w[:, bodies], 1, axis=-1),
        "body_lin_vel_w": motion.body_lin_vel_w[:, bodies],
        "body_ang_vel_w": motion.body_ang_vel_w[:, bodies],
    }
    np.savez(path, **{key: value for key, value in {**held, **changes}.items() if value is not None})
    return path


@pytest.mark.parametrize("full", [True, False])
def test_what_is_written_is_read(motion, tmp_path, full):
    path = tmp_path / "motion.npz"
    if full:
        files.save(motion, path)
    else:
        files.save_configuration(motion.configuration(), motion.fps, path)
    found = files.load(str(path))
    assert (found.fps, found.joint_names, found.body_names) == (50.0, JOINT_NAMES, BODY_NAMES)
    assert equal(found, motion, 1e-4)


def test_a_file_without_names_is_read_in_the_order_that_is_said(motion, tmp_path):
    names = files.breadth_first()
    bodies = [BODY_NAMES.index(name) for name in names]
    joints = [body - 1 for body in bodies[1:]]
    path = old(motion, tmp_path / "old.npz", joints, bodies)
    cure = "motion.py convert .*old.npz NEW.npz --quaternion_order xyzw or wxyz --order depth_first or breadth_first$"
    with pytest.raises(UsageError, match=f"does not say its quaternion order; .*{cure}"):
        files.load(str(path))
    with pytest.raises(UsageError, match=f"does not say the order of its joints and bodies; .*{cure}"):
        files.load(str(path), quaternion_order="wxyz")
    assert equal(files.load(str(path), "wxyz", "breadth_first"), motion)
    assert not equal(files.load(str(path), "wxyz", "depth_first"), motion)


def test_names_decide_the_order(motion, tmp_path):
    path = tmp_path / "motion.npz"
    turned = motion.ordered(JOINT_NAMES[::-1], BODY_NAMES[::-1])
    files.save(turned, path)
    with np.load(path) as file:
        held = dict(file)
    np.savez(path, **{**held, "joint_names": np.array(JOINT_NAMES[::-1])})
    assert equal(files.load(str(path)), motion)


def test_a_csv_becomes_a_motion_at_another_rate(motion, tmp_path):
    rows = np.concatenate([motion.body_pos_w[::2, 0], motion.body_quat_w[::2, 0], motion.joint_pos[::2]], axis=1)
    path = tmp_path / "motion.csv"
    np.savetxt(path, rows, delimiter=",", fmt="%.9f")
    found = files.read_csv(path, 25.0, 50.0)
    assert found.fps == 50.0 and found.frames == motion.frames
    assert np.abs(found.joint_pos - motion.joint_pos).max() < 0.02
    assert np.abs(found.body_pos_w - motion.body_pos_w).max() < 0.01


def test_velocities_are_the_derivatives_of_poses():
    time = np.arange(100) / 50
    root = np.stack([time, 0 * time, 0.7 + 0 * time], axis=1)
    quat = np.stack([0 * time, 0 * time, np.sin(time / 2), np.cos(time / 2)], axis=1)
    joint_pos = np.zeros((100, 29))
    joint_pos[:, 3] = 0.5 + 0.3 * np.sin(2 * time)
    found = from_configuration(Configuration(root, quat, joint_pos), 50.0)
    assert np.allclose(found.body_ang_vel_w[:, 0], [0.0, 0.0, 1.0], atol=1e-6)
    assert np.allclose(found.body_lin_vel_w[:, 0], [1.0, 0.0, 0.0], atol=1e-6)
    differences = np.gradient(found.body_pos_w, 1 / 50, axis=0)[1:-1]
    assert np.abs(differences - found.body_lin_vel_w[1:-1]).max() < 2e-3


BROKEN = {
    "joints of another robot": (
        {"joint_names": np.array([*JOINT_NAMES[:-1], "tail"])},
        "joint_names are not the G1's.*tail",
    ),
    "not a number": ({"joint_pos": np.full((601, 29), np.nan)}, "joint_pos is not finite in frame 0"),
    "a speed that is not a number": ({"joint_vel": np.full((601, 29), np.nan)}, "joint_vel is not finite in frame 0"),
    "fewer joints": (dict.fromkeys(("joint_pos", "joint_vel"), np.zeros((601, 23))), "but 29 joints are named"),
    "hands too": (dict.fromkeys(("joint_pos", "joint_vel"), np.zeros((601, 43))), "but 29 joints are named"),
    "more bodies": ({"body_pos_w": np.zeros((601, 31, 3))}, "body_pos_w has shape .*, but 30 bodies are named"),
    "no bodies": ({"body_pos_w": np.zeros((601, 3))}, "body_pos_w has shape .*, but 30 bodies are named"),
    "no frames": ({"joint_pos": np.zeros((0, 29))}, "needs 2 frames or more"),
    "an unknown quaternion order": ({"quaternion_order": np.array("zyxw")}, "quaternion order is zyxw"),
    "no rate": ({"fps": None}, "does not say its rate.*motion.py convert .*bad.npz NEW.npz --fps R$"),
    "a rate of zero": ({"fps": np.array(0.0)}, "rate is 0.0"),
    "an array missing": ({"body_pos_w": None}, "body_pos_w are missing"),
    "quaternions of no length": ({"body_quat_w": np.zeros((601, 30, 4))}, "not of length 1"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_refused(motion, tmp_path, what):
    changes, message = BROKEN[what]
    names = {
        "joint_names": np.array(JOINT_NAMES),
        "body_names": np.array(BODY_NAMES),
        "quaternion_order": np.array("wxyz"),
    }
    path = old(motion, tmp_path / "bad.npz", list(range(29)), list(range(30)), **{**names, **changes})
    with pytest.raises(UsageError, match=message):
        files.load(str(path))


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(UsageError, match="not a readable NPZ"):
        files.load(str(tmp_path / "text.npz"))
    with pytest.raises(UsageError, match="no built-in motion: choose from .*walk"):
        files.load("moonwalk")
    (tmp_path / "short.csv").write_text("1,2,3\n4,5,6\n")
    with pytest.raises(UsageError, match=r"shape is \(2, 3\)"):
        files.read_csv(tmp_path / "short.csv", 30.0, 50.0)
    (tmp_path / "empty.csv").touch()
    with warnings.catch_warnings(), pytest.raises(UsageError, match=r"shape is \(0, 1\); needs 2 rows"):
        warnings.simplefilter("error")
        files.read_csv(tmp_path / "empty.csv", 30.0, 50.0)
