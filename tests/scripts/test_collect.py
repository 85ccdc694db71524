"""``scripts/collect.py`` with the real simulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isaaclab_datagen.datasets import formats
from isaaclab_datagen.geometry.cameras import project

pytestmark = pytest.mark.sim
PROJECT = Path(__file__).parents[1] / "fixtures" / "pushing_project"


def test_the_same_seed_gives_the_same_files_in_another_process(collect, collected, collected_by, tmp_path):
    collect(*collected_by, "--out", tmp_path)
    data = {".png", ".npz", ".pkl"}
    files = sorted(path.relative_to(collected) for path in collected.rglob("*") if path.suffix in data)
    assert len(files) == 2 * (21 + 2)
    for file in files:
        assert (collected / file).read_bytes() == (tmp_path / file).read_bytes(), file


def test_what_was_recorded_is_told(collected):
    reader = formats.open_reader(collected)
    assert [reader.problems(index) for index in reader.indices] == [[], []]
    for episode in reader:
        assert (episode.num_steps, len(episode.frames["joint_pos"])) == (20, 21)
        assert (episode.outcome.reason, episode.outcome.success) == ("time_out", False)
        facts = episode.metadata
        assert facts["step_dt"] == pytest.approx(0.02)
        assert len(facts["joint_names"]["robot"]) == episode.frames["joint_pos"].shape[1]
        assert facts["camera_resolution"] == [320, 240]
        assert (facts["seed"], facts["expert"], facts["quaternion_order"]) == (5, "state_machine", "xyzw")
    starts = [episode.frames["object_pose"][0] for episode in reader]
    assert np.abs(starts[0] - starts[1]).max() > 0.01


def test_a_project_of_somebody_else_is_recorded(collect, tmp_path):
    """Found by its entry point; it brings its own task and imports recorder, camera and MDP terms from here."""
    words = ["--task", "Other-Push", "--expert", "random", "--keep_failures", "--episodes", 6, "--num_envs", 2]
    collect(*words, "--seed", 1, "--out", tmp_path, env={"PYTHONPATH": str(PROJECT)})
    reader = formats.open_reader(tmp_path)
    assert [reader.problems(index) for index in reader.indices] == [[]] * 6
    assert {episode.outcome.reason for episode in reader} == {"pushed_far", "time_out"}
    for episode in reader:
        frames = episode.frames
        assert len(frames["push_direction"]) == len(frames["images/side_camera"]) == episode.num_steps + 1
        assert np.array_equal(frames["observations/policy/block"], frames["object_pose"])
        away = np.linalg.norm(frames["object_pose"][:, :2] - [0.5, 0.0], axis=1) > 0.045
        assert away.tolist() == [False] * episode.num_steps + [episode.outcome.success]
        pixels, _ = project(
            frames["object_pose"][-1, :3],
            np.array(episode.metadata["intrinsics"]),
            frames["extrinsics/side_camera"][-1],
        )
        red, green, blue = frames["images/side_camera"][-1][int(pixels[1]), int(pixels[0])].astype(int)
        assert green > 1.5 * max(red, blue)
