from __future__ import annotations

from dataclasses import replace

import numpy as np
from dataset_fakes import FAILURE, SUCCESS
from robot_fakes import robot_dataset

from isaaclab_datagen.datasets import inspection, pictures


def outcomes(*facts):
    return [replace(FAILURE if fact["fell"] else SUCCESS, extra=fact) for fact in facts]


def test_an_inspection_tells_ranges_delays_falls_and_motions(tmp_path):
    walk = {"motion": "walk", "motion_length": 62, "policy": "a"}
    facts = [
        {**walk, "fell": False, "action_delay": 5.0},
        {**walk, "fell": True, "action_delay": 100.0},
        {"motion": "wave", "motion_length": 30, "policy": "b", "fell": False, "action_delay": 30.0},
    ]
    reader = robot_dataset(tmp_path, (30, 20, 29), outcomes(*facts))
    rows = dict(inspection.inspect(reader).rows())
    assert rows["action delay"] == "5 to 100 ms, mean 45.0 ms"
    assert rows["falls"] == "1 of 3"
    assert rows["policies"] == "a 2, b 1"
    assert rows["motion walk"] == "2 episodes, 50 % of its 62 frames"
    assert rows["motion wave"] == "1 episodes, 100 % of its 30 frames"
    assert rows["cameras"] == "none"
    low, high = (float(word.rstrip(",")) for word in rows["action from, to"].split()[:2])
    actions = np.concatenate([episode.actions for episode in reader])
    np.testing.assert_allclose([low, high], [actions.min(), actions.max()], rtol=1e-2)
    assert rows["body_pos from, to"].endswith(" m")


def test_a_dataset_without_cameras_is_drawn(tmp_path):
    reader = robot_dataset(tmp_path / "data", (30, 20))
    files = pictures.draw_all(reader, reader.indices, tmp_path / "pictures")
    assert [file.name for file in files] == ["actions.png", "trajectories.png"]
    assert all(file.stat().st_size > 1000 for file in files)
