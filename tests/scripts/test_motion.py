"""``motion.py``: its commands on small files, and what it refuses."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

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
        (["retarget", "swim", "a.npz"], "choose from"),
        (["convert", "walk", "a.npz", "--rate", "0"], "--rate"),
    ],
)
def test_bad_words_are_refused(monkeypatch, capsys, words, message):
    assert run(monkeypatch, *words) == 2
    assert message in capsys.readouterr().err
