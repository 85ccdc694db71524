"""From every format to every format, whichever there are."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from dataset_fakes import (
    CAMERAS,
    FAILURE,
    SUCCESS,
    cameras_of,
    files_below,
    live,
    open_writer,
    options,
    random_frames,
    write_episode,
)

from isaaclab_datagen.datasets import conversion, formats, inspection
from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.errors import RunError, UsageError

PAIRS = [pair for pair in itertools.product(live(), repeat=2) if cameras_of(pair[0]) == cameras_of(pair[1])]
"""A dataset without images becomes no dataset with images."""
UNKNOWN = Outcome(None, "time_out", False)  # type: ignore[arg-type]


def record(out, name, outcomes=(SUCCESS, SUCCESS), change=lambda frame: None, data_types=("rgb",), **given):
    writer = open_writer(out, name, given=given, data_types=list(data_types) if cameras_of(name) else [])
    for index, outcome in enumerate(outcomes):
        frames = random_frames(np.random.default_rng(index), 4 + index, cameras_of(name))
        for frame in frames:
            change(frame)
        write_episode(writer, 3 * index, frames, outcome)
    writer.close()
    return formats.open_reader(out)


def convert(source, name, out, keep_failures=True, **given):
    return conversion.convert(source, name, out, options(name, **given), keep_failures)


def assert_same(one, other):
    assert (one.indices, one.cameras) == (other.indices, other.cameras)
    for index in one.indices:
        first, second = one.read(index), other.read(index)
        assert first.outcome == second.outcome
        assert set(first.frames) == set(second.frames)
        np.testing.assert_array_equal(first.actions, second.actions, strict=True)
        for name in first.frames:
            np.testing.assert_array_equal(first.frames[name], second.frames[name], strict=True)


@pytest.mark.parametrize("name", live())
def test_several_processes_write_the_same(name, tmp_path, monkeypatch):
    source = record(tmp_path / "a", name, (SUCCESS,) * 3)
    convert(source, name, tmp_path / "one")
    monkeypatch.setattr(conversion, "processes", lambda episodes, each: 2)
    convert(source, name, tmp_path / "many")
    assert_same(formats.open_reader(tmp_path / "one"), formats.open_reader(tmp_path / "many"))


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_there_and_back_everything_is_the_same_in_every_bit(old, new, tmp_path):
    source = record(tmp_path / "a", old, (SUCCESS, FAILURE))
    there = formats.load(new).Reader(convert(source, new, tmp_path / "b").root)
    back = formats.load(old).Reader(convert(there, old, tmp_path / "c").root)
    assert_same(source, there)
    assert_same(source, back)
    assert inspection.inspect(there).problems == []
    made_of = back.manifest.provenance["converted_from"]
    assert made_of["path"] == str(there.manifest.path.parent)
    assert (made_of["format"], made_of["converted_from"]["format"]) == (new, old)
    assert made_of["converted_from"]["sessions"] == source.manifest.sessions
    assert back.manifest.identity == source.manifest.identity


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_the_new_dataset_appears_whole_or_not_at_all(old, new, tmp_path, monkeypatch):
    source = record(tmp_path / "a", old)
    read = conversion.frames

    def fails_late(reader, index, streams):
        yield from itertools.islice(read(reader, index, streams), None if index == 0 else 2)
        if index:
            assert len(files_below(tmp_path / "b")) > 1
            assert formats.load(new).find(tmp_path / "b") == []
            raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr(conversion, "frames", fails_late)
    with pytest.raises(OSError, match="No space"):
        convert(source, new, tmp_path / "b")
    assert files_below(tmp_path / "b") == set()
    monkeypatch.undo()
    leftover = tmp_path / "b" / ".converting" / "of a kill"
    leftover.mkdir(parents=True)
    assert convert(source, new, tmp_path / "b").episodes == [0, 3]
    assert not list((tmp_path / "b").glob(".*"))


@pytest.mark.parametrize("name", live())
def test_a_second_one_in_the_same_folder_is_refused(name, tmp_path):
    source = record(tmp_path / "a", "avdc")
    convert(source, name, tmp_path / "b")
    before = files_below(tmp_path / "b")
    with pytest.raises(UsageError, match="already"):
        convert(source, name, tmp_path / "b")
    assert files_below(tmp_path / "b") == before


@pytest.mark.parametrize("name", [name for name in formats.names() if formats.load(name).NEEDS_IMAGES])
def test_a_dataset_without_images_becomes_none_with_images(name, tmp_path):
    source = record(tmp_path / "old", "diffuse_cloc")
    with pytest.raises(RunError, match=f"old.* holds no images, which format {name} needs"):
        convert(source, name, tmp_path / "new")


def test_what_a_killed_conversion_left_is_told(tmp_path):
    """A format whose episodes lie beside its manifest appears file by file, the manifest last."""
    source, new = record(tmp_path / "old", "rev2fwd"), tmp_path / "new"
    formats.open_reader(convert(source, "rev2fwd", new).root).manifest.path.unlink()
    with pytest.raises(UsageError, match="is there, but no dataset: a conversion was killed here. Delete it"):
        convert(source, "rev2fwd", new)


def test_failures_and_what_is_not_known_are_left_out_unless_wanted(tmp_path):
    source = record(tmp_path / "a", "vpl", (SUCCESS, FAILURE, UNKNOWN))
    made = convert(source, "avdc", tmp_path / "b", keep_failures=False)
    assert (made.episodes, made.failures) == ([0], [3, 6])
    assert formats.open_reader(tmp_path / "b").indices == [0]
    failures = record(tmp_path / "c", "vpl", (FAILURE,))
    with pytest.raises(RunError, match="--keep_failures"):
        convert(failures, "avdc", tmp_path / "d", keep_failures=False)


def test_a_missing_field_is_named(tmp_path):
    source = record(tmp_path / "a", "avdc", change=lambda frame: frame.pop("joint_vel"))
    with pytest.raises(RunError, match="needs joint_vel"):
        convert(source, "vpl", tmp_path / "b")
    sparse = record(tmp_path / "c", "vpl", video_interval=2)
    with pytest.raises(RunError, match="images/overhead of every frame"):
        convert(sparse, "avdc", tmp_path / "d")
    assert files_below(tmp_path / "b") | files_below(tmp_path / "d") == set()


def test_streams_that_a_format_cannot_hold_are_left_out_and_told(tmp_path):
    def add(frame):
        frame |= {f"depth/{camera}": np.full((24, 32), 0.5, np.float32) for camera in CAMERAS}

    source = record(tmp_path / "a", "vpl", change=add, data_types=("rgb", "depth"))
    made = convert(source, "avdc", tmp_path / "b")
    assert made.streams == ["depth/overhead", "depth/wrist"]
    assert formats.load("avdc").Reader(made.root).manifest.identity["data_types"] == ["rgb"]
    again = convert(source, "vpl", tmp_path / "c")
    assert again.streams == []
    assert_same(source, formats.load("vpl").Reader(again.root))


@pytest.mark.parametrize("new", [name for name in live() if not cameras_of(name)])
def test_a_format_without_images_takes_all_but_those(new, tmp_path):
    source = record(tmp_path / "a", "vpl", (SUCCESS, FAILURE))
    made = convert(source, new, tmp_path / "b")
    assert made.streams == ["images/overhead", "images/wrist"]
    there = formats.load(new).Reader(made.root)
    assert (there.cameras, there.manifest.identity["cameras"]) == ([], [])
    for index in source.indices:
        first, second = source.read(index, images=False), there.read(index)
        assert first.outcome == second.outcome
        assert set(first.frames) == set(second.frames)
        np.testing.assert_array_equal(first.actions, second.actions, strict=True)


def test_other_options_of_the_same_format(tmp_path):
    source = record(tmp_path / "a", "vpl")
    sparse = formats.open_reader(convert(source, "vpl", tmp_path / "b", video_interval=2, color="none").root)
    assert list(sparse.stored(0)) == [0, 2, 4]
    assert sparse.manifest.identity["video_interval"] == 2
    json.dumps(sparse.manifest.provenance)
    again = convert(sparse, "vpl", tmp_path / "c", video_interval=2)
    assert formats.open_reader(again.root).read(0).frames["joint_pos"].shape == (5, 9)


def test_a_file_in_the_way_is_a_usage_error(tmp_path):
    source = record(tmp_path / "a", "avdc")
    (tmp_path / "file").write_text("precious")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(UsageError, match="file"):
            convert(source, "vpl", out)
    assert (tmp_path / "file").read_text() == "precious"
