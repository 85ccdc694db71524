"""``scripts/inspect_data.py`` on whole, broken and foreign datasets."""

from __future__ import annotations

import runpy
import sys
from glob import glob
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "datasets"))
from dataset_fakes import open_writer, random_frames, write_episode  # noqa: E402


@pytest.fixture
def dataset(tmp_path):
    writer = open_writer(tmp_path)
    rng = np.random.default_rng(0)
    for index in range(6):
        write_episode(writer, index, random_frames(rng))
    writer.close()
    return tmp_path


def inspect_data(monkeypatch, *words) -> int:
    monkeypatch.setattr(sys, "argv", ["inspect_data.py", *map(str, words)])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(str(ROOT / "scripts" / "inspect_data.py"), run_name="__main__")
    return int(exit_.value.code or 0)


def test_a_whole_dataset_gives_a_table_and_pictures_beside_it(dataset, monkeypatch, capsys):
    before = glob(f"{dataset}/**/metaworld_dataset/*/*/", recursive=True)
    assert inspect_data(monkeypatch, dataset, "--episodes", 2) == 0
    words = capsys.readouterr().out.split()
    pictures = dataset / "inspection" / "lift-custom-ik"
    assert str(pictures / "contact_sheet.png") in words
    assert {path.name for path in pictures.iterdir()} == {"contact_sheet.png", "actions.png", "trajectories.png"}
    assert glob(f"{dataset}/**/metaworld_dataset/*/*/", recursive=True) == before


def test_pictures_go_where_they_are_asked(dataset, monkeypatch, capsys):
    assert inspect_data(monkeypatch, dataset, "--out", dataset / "here") == 0
    assert (dataset / "here" / "contact_sheet.png").is_file()
    assert not (dataset / "inspection").exists()


def test_a_broken_dataset_exits_1_with_the_reason_and_no_picture(dataset, monkeypatch, capsys):
    broken = dataset / "metaworld_dataset" / "lift-custom-ik" / "wrist" / "002" / "01.png"
    broken.write_bytes(broken.read_bytes()[:100])
    assert inspect_data(monkeypatch, dataset) == 1
    assert str(broken) in capsys.readouterr().err
    assert not (dataset / "inspection").exists()


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (["absent"], 2, "no such folder"),
        (["."], 1, "no dataset"),
        ([], 2, "DATASET"),
        ([".", "--episodes", "0"], 2, "--episodes 0"),
        ([".", "--out", "file"], 2, "a file"),
        ([".", "--episode", "1"], 2, "did you mean --episodes"),
    ],
)
def test_bad_input_gets_one_line(words, status, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert inspect_data(monkeypatch, *words) == status
    error = capsys.readouterr().err
    assert reason in error
    assert len(error.strip().splitlines()) == 1
