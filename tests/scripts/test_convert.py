"""``scripts/convert.py``: what it prints, and its exit status."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from isaaclab_datagen.datasets import formats

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "datasets"))
from dataset_fakes import FAILURE, SUCCESS, open_writer, random_frames, write_episode  # noqa: E402
from robot_fakes import robot_dataset  # noqa: E402


@pytest.fixture
def dataset(tmp_path):
    writer = open_writer(tmp_path / "source", "vpl")
    for index, outcome in enumerate((SUCCESS, FAILURE)):
        write_episode(writer, index, random_frames(np.random.default_rng(index)), outcome)
    writer.close()
    return writer.root


def convert(monkeypatch, *words) -> int:
    monkeypatch.setattr(sys, "argv", ["convert.py", *map(str, words)])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(str(ROOT / "scripts" / "convert.py"), run_name="__main__")
    return int(exit_.value.code or 0)


def test_the_new_dataset_and_what_was_left_out_are_told(dataset, tmp_path, monkeypatch, capsys):
    assert convert(monkeypatch, dataset, tmp_path / "new", "--format", "avdc", "--dataset_task", "lift") == 0
    said = capsys.readouterr()
    assert said.out == f"1 episodes in {tmp_path / 'new' / 'metaworld_dataset' / 'lift'}\n"
    assert said.err.splitlines()[-1] == "left out 1 episodes without success (--keep_failures takes them)"
    assert formats.open_reader(tmp_path / "new").indices == [0]
    assert convert(monkeypatch, dataset, tmp_path / "all", "--format", "avdc", "--keep_failures") == 0
    assert formats.open_reader(tmp_path / "all").indices == [0, 1]


def test_a_broken_episode_is_named_with_the_remedy_which_leaves_it_out(tmp_path, monkeypatch, capsys):
    reader = robot_dataset(tmp_path / "source", (30, 12, 41))
    reader.path(1).write_bytes(reader.path(1).read_bytes()[:3000])
    words = [tmp_path / "source", tmp_path / "new", "--format", "diffuse_cloc_npz"]
    assert convert(monkeypatch, *words) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert "000001.h5" in told and told.endswith("convert.py --skip_broken leaves broken episodes out")
    assert convert(monkeypatch, *words, "--skip_broken") == 0
    said = capsys.readouterr()
    assert said.out.startswith("2 episodes in ")
    assert "left out a broken episode: " in said.err and "000001.h5" in said.err
    made = formats.open_reader(tmp_path / "new")
    assert made.indices == [0, 2] and "000001.h5" in made.manifest.provenance["selected"]["broken"][0]
    for index in reader.indices:
        reader.path(index).write_bytes(b"")
    assert convert(monkeypatch, *words[:1], tmp_path / "none", *words[2:], "--skip_broken") == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: every episode is broken: ")
    assert not (tmp_path / "none").exists()


def test_a_broken_image_is_a_broken_episode_too(dataset, tmp_path, monkeypatch, capsys):
    words = ["--format", "avdc", "--keep_failures"]
    assert convert(monkeypatch, dataset, tmp_path / "a", *words) == 0
    image = min((tmp_path / "a").rglob("*.png"))
    image.write_bytes(image.read_bytes()[:50])
    assert convert(monkeypatch, tmp_path / "a", tmp_path / "b", *words, "--skip_broken") == 0
    assert len(formats.open_reader(tmp_path / "b").indices) == 1
    assert image.name in capsys.readouterr().err


def test_the_options_of_the_format_are_its_own(dataset, tmp_path, monkeypatch):
    words = ["--format", "vpl", "--video_interval", "2", "--color", "none"]
    assert convert(monkeypatch, dataset, tmp_path / "new", *words) == 0
    assert list(formats.open_reader(tmp_path / "new").stored(1)) == [0, 2, 4, 5]


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (["SRC", "new"], 2, "--format"),
        (["SRC", "new", "--format", "vlp"], 2, "Did you mean vpl?"),
        (["SRC", "new", "--format", "vpl", "--video_interval", "0"], 2, "--video_interval 0"),
        (["SRC", "new", "--format", "vpl", "--labels", "segment_goal"], 2, "give --reverse too"),
        (["SRC", "new", "--format", "vpl", "--color", "some"], 2, "some"),
        (["SRC", "new", "--format", "vpl", "--dataset_task", "x"], 2, "--dataset_task"),
        (["SRC", "new", "more", "--format", "vpl"], 2, "unexpected more"),
        (["absent", "new", "--format", "vpl"], 2, "no such folder"),
        (["empty", "new", "--format", "vpl"], 1, "no dataset"),
        (["SRC", "file", "--format", "vpl"], 2, "a file"),
        (["SRC", "SRC", "--format", "vpl"], 2, "already"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(words, status, reason, dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    assert convert(monkeypatch, *(str(dataset) if word == "SRC" else word for word in words)) == status
    error = capsys.readouterr().err
    assert reason in error
    assert len(error.strip().splitlines()) == 1
    assert [path for path in sorted(tmp_path.rglob("*")) if path.is_file()] == [p for p in before if p.is_file()]
