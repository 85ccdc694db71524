"""What holds for every format, whichever there are."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from dataset_fakes import (
    FAILURE,
    SUCCESS,
    UNKNOWN,
    cameras_of,
    files_below,
    live,
    open_writer,
    random_frames,
    write_episode,
)

from isaaclab_datagen.datasets import formats, inspection, manifest
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.errors import RunError, UsageError

pytestmark = [pytest.mark.parametrize("name", live()), pytest.mark.timeout(120)]
PROCESS = Path(__file__).parents[1] / "writing_process.py"


def frames_of(name, rng, steps=5):
    return random_frames(rng, steps, cameras_of(name))


@pytest.mark.parametrize("steps", [1, 6, 101])
def test_what_was_written_is_read_back_bit_for_bit(name, steps, tmp_path):
    frames = frames_of(name, np.random.default_rng(0), steps)
    writer = open_writer(tmp_path, name)
    write_episode(writer, 12, frames)
    writer.close()
    reader = formats.open_reader(tmp_path)
    assert reader.indices == [12]
    episode = reader[0]
    assert episode.outcome == SUCCESS
    assert episode.num_steps == steps
    np.testing.assert_array_equal(episode.actions, np.stack([f["action"] for f in frames[:-1]]), strict=True)
    assert set(episode.frames) == frames[0].keys() - {"action"}
    for channel in episode.frames:
        expected = np.stack([frame[channel] for frame in frames if channel in frame])
        np.testing.assert_array_equal(episode.frames[channel], expected, strict=True)


def test_an_unknown_success_stays_unknown(name, tmp_path):
    writer = open_writer(tmp_path, name)
    write_episode(writer, 0, frames_of(name, np.random.default_rng(0)), UNKNOWN)
    write_episode(writer, 1, frames_of(name, np.random.default_rng(1)), SUCCESS)
    writer.close()
    reader = formats.open_reader(tmp_path)
    assert [episode.outcome for episode in reader] == [UNKNOWN, SUCCESS]
    report = inspection.inspect(reader)
    assert report.problems == []
    assert dict(report.rows())["success"] == "1 of 2 (unknown of 1)"


def test_opening_is_undone_and_nothing_else(name, tmp_path):
    """Before an episode: folders that were not there go, an empty one is empty again, what others have stays."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / ".note").write_text("precious")
    for out in ("new/deep", "empty", "mine"):
        writer = open_writer(tmp_path / out, name)
        writer.lock.undo()
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(writer.lock.descriptor)
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "mine"}
    assert not list((tmp_path / "empty").iterdir())
    assert (tmp_path / "mine" / ".note").read_text() == "precious"


def test_what_is_refused_on_opening_leaves_nothing(name, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise UsageError("no")

    monkeypatch.setattr(manifest.Manifest, "begin_session", refuse)
    with pytest.raises(UsageError, match="no"):
        open_writer(tmp_path / "new", name)
    assert not list(tmp_path.iterdir())


def test_a_dataset_of_a_newer_release_is_not_misread(name, tmp_path):
    writer = open_writer(tmp_path, name)
    write_episode(writer, 0, frames_of(name, np.random.default_rng(0)))
    writer.close()
    path = writer.manifest.path
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 9'))
    with pytest.raises(RunError, match=f"{path}: version 9 of format {name}, of which this release"):
        formats.open_reader(tmp_path)


def test_single_images_are_read_without_the_rest(name, tmp_path):
    if not cameras_of(name):
        pytest.skip("stores no images")
    frames = frames_of(name, np.random.default_rng(0))
    writer = open_writer(tmp_path, name)
    write_episode(writer, 0, frames)
    writer.close()
    reader = formats.open_reader(tmp_path)
    images = list(reader.images(0, "wrist", [5, 0]))
    np.testing.assert_array_equal(images[0], frames[5]["images/wrist"])
    np.testing.assert_array_equal(images[1], frames[0]["images/wrist"])
    assert not any(channel.startswith("images/") for channel in reader.read(0, images=False).frames)


def test_the_writer_keeps_no_array_of_the_recorder(name, tmp_path):
    frames = frames_of(name, np.random.default_rng(0), 3)
    writer = open_writer(tmp_path, name)
    sink = writer.open(0)
    buffers = {channel: np.empty_like(value) for channel, value in frames[0].items()}
    for frame in frames:
        for channel, value in frame.items():
            buffers[channel][...] = value
        sink.append({channel: buffers[channel] for channel in frame})
        for buffer in buffers.values():
            buffer[...] = 99
    sink.commit(SUCCESS)
    writer.close()
    np.testing.assert_array_equal(
        formats.open_reader(tmp_path)[0].frames["joint_pos"], np.stack([frame["joint_pos"] for frame in frames])
    )


def test_an_uncommitted_episode_leaves_no_trace(name, tmp_path):
    writer = open_writer(tmp_path, name)
    before = files_below(tmp_path)
    sink = writer.open(0)
    sink.append(frames_of(name, np.random.default_rng(0))[0])
    assert writer.committed == []
    assert len(formats.open_reader(tmp_path)) == 0
    sink.discard()
    writer.open(1).append(frames_of(name, np.random.default_rng(0))[0])
    writer.close()
    assert files_below(tmp_path) == before


def test_a_number_is_not_written_twice(name, tmp_path):
    frames = frames_of(name, np.random.default_rng(0))
    writer = open_writer(tmp_path, name)
    write_episode(writer, 0, frames)
    before = files_below(tmp_path)
    sink = writer.open(0)
    for frame in frames_of(name, np.random.default_rng(1)):
        sink.append(frame)
    with pytest.raises(RunError, match="already"):
        sink.commit(FAILURE)
    sink.discard()
    writer.close()
    assert files_below(tmp_path) == before
    np.testing.assert_array_equal(formats.open_reader(tmp_path)[0].actions[0], frames[0]["action"])


def test_a_discarded_number_can_be_in_use_again_at_once(name, tmp_path):
    writer = open_writer(tmp_path, name)
    frames = frames_of(name, np.random.default_rng(0))
    first, second = writer.open(0), writer.open(0)
    for frame in frames:
        first.append(frame)
        second.append(frame)
    first.discard()
    second.commit(SUCCESS)
    writer.close()
    assert inspection.inspect(formats.open_reader(tmp_path)).problems == []


@pytest.mark.parametrize("drop", [0, 2])
def test_an_episode_with_the_wrong_number_of_actions_is_not_committed(name, drop, tmp_path):
    frames = frames_of(name, np.random.default_rng(0), 3)
    writer = open_writer(tmp_path, name)
    sink = writer.open(0)
    for frame in frames[: len(frames) - 1 - drop]:
        sink.append(frame)
    with pytest.raises(ValueError, match="not T and T"):
        sink.commit(SUCCESS)


def test_an_existing_dataset_is_continued(name, tmp_path):
    for session in range(3):
        writer = open_writer(tmp_path, name)
        assert writer.session == session
        assert writer.committed == list(range(session))
        write_episode(writer, session, frames_of(name, np.random.default_rng(session)))
        writer.close()
    assert len(formats.open_reader(tmp_path)) == 3


def test_another_identity_is_refused_once_there_is_an_episode(name, tmp_path):
    open_writer(tmp_path, name, seed=1).close()
    writer = open_writer(tmp_path, name, seed=2)
    write_episode(writer, 0, frames_of(name, np.random.default_rng(0)))
    writer.close()
    before = files_below(tmp_path)
    with pytest.raises(UsageError, match="seed is 2 there, 3 here"):
        open_writer(tmp_path, name, seed=3)
    with pytest.raises(UsageError, match="cameras"):
        open_writer(tmp_path, name, cameras=["front"], seed=2)
    assert files_below(tmp_path) == before
    open_writer(tmp_path, name, seed=2).close()


def test_two_writers_at_a_time_are_refused(name, tmp_path):
    writer = open_writer(tmp_path, name)
    with pytest.raises(RunError, match="another process"):
        open_writer(tmp_path, name)
    writer.close()
    open_writer(tmp_path, name).close()


@pytest.mark.parametrize("below", [False, True])
def test_an_output_that_is_a_file_is_a_usage_error(name, below, tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(UsageError, match="--out"):
        open_writer(tmp_path / "file" / "deeper" if below else tmp_path / "file", name)
    assert (tmp_path / "file").read_text() == "precious"


def test_every_folder_of_a_dataset_means_the_dataset(name, tmp_path):
    writer = open_writer(tmp_path / "out", name)
    root = writer.manifest.path.parent
    writer.close()
    assert formats.detect(root / ".." / root.name) == (name, root)
    while root != tmp_path:
        assert formats.detect(root) == (name, writer.manifest.path.parent)
        root = root.parent


def test_a_reader_travels_to_other_processes(name, tmp_path):
    writer = open_writer(tmp_path, name)
    write_episode(writer, 0, frames_of(name, np.random.default_rng(0)))
    writer.close()
    reader = pickle.loads(pickle.dumps(formats.open_reader(tmp_path)))
    for camera in cameras_of(name):
        assert reader.read(0).frames[f"images/{camera}"].shape == (6, 24, 32, 3)
    assert reader[-1].num_steps == len(reader[:1][0].actions) == 5
    assert reader.read(0).metadata["task"] == "Lift-Custom-IK"


def test_a_truncated_file_is_named(name, tmp_path):
    writer = open_writer(tmp_path / "good", name)
    write_episode(writer, 0, frames_of(name, np.random.default_rng(0)))
    root = writer.manifest.path.parent.relative_to(tmp_path / "good")
    writer.close()
    kept = (".lock", writer.manifest.path.name)
    for file in [path for path in (tmp_path / "good").rglob("*") if path.is_file() and path.name not in kept]:
        shutil.copytree(tmp_path / "good", tmp_path / "bad")
        broken = tmp_path / "bad" / file.relative_to(tmp_path / "good")
        broken.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        problems = inspection.inspect(formats.open_reader(tmp_path / "bad" / root)).problems
        assert any(file.name in problem for problem in problems), file
        shutil.rmtree(tmp_path / "bad")


def test_one_session_fills_a_dataset(name, tmp_path):
    rng = np.random.default_rng(0)
    episodes = {index: frames_of(name, rng, 4) for index in range(6)}
    with RecordingSession(open_writer(tmp_path, name), 6, workers=2) as session:
        for index in episodes:
            session.begin(index, index)
        for step in range(5):
            session.append({index: frames[step] for index, frames in episodes.items()})
        for index in episodes:
            session.end(index, SUCCESS if index % 2 else FAILURE, keep=index != 4)
    reader = formats.open_reader(tmp_path)
    report = inspection.inspect(reader)
    assert (reader.indices, report.problems, report.flags) == ([0, 1, 2, 3, 5], [], [])
    assert [episode.outcome.success for episode in reader] == [False, True, False, True, True]
    for index, episode in zip(reader.indices, reader, strict=True):
        for channel in episode.frames.keys() & episodes[index][4].keys():
            np.testing.assert_array_equal(episode.frames[channel][4], episodes[index][4][channel])


def run_process(out, name, episodes, size=24, longest=-1):
    command = [sys.executable, str(PROCESS), str(out), name, str(episodes), str(size), str(longest)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_again_and_again_every_episode_is_whole_and_none_is_there_twice(name, tmp_path):
    """The long form, with the simulator, is ``make stress``."""
    moments, wanted = np.random.default_rng().uniform(0, 0.15, size=5), 200
    counts = []
    for moment in moments:
        process = run_process(tmp_path, name, wanted)
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        counts.append(len(formats.open_reader(tmp_path)))
        problems = inspection.inspect(formats.open_reader(tmp_path)).problems
        assert problems == [] or "no committed episode" in problems[0], moments
    process = run_process(tmp_path, name, wanted)
    assert process.communicate()[1] == ""
    reader = formats.open_reader(tmp_path)
    report = inspection.inspect(reader)
    assert counts == sorted(counts), moments
    assert (reader.indices, report.problems, report.flags) == (list(range(wanted)), [], []), moments
    assert len(reader.manifest.sessions) == 6
    hidden = {path.name for path in tmp_path.rglob(".*")}
    assert hidden <= {".lock"}, moments


def may_mount(folder):
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", str(folder)]
    return shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True).returncode == 0


def test_a_file_that_cannot_grow_is_never_committed(name, tmp_path):
    """A write is cut off in the middle of a file, as on a full disk."""
    first = run_process(tmp_path, name, 4)
    assert first.communicate()[1] == ""
    process = run_process(tmp_path, name, 40, size=64, longest=6000)
    message = process.communicate()[1]
    assert process.returncode == 1, message
    assert "4 episodes are committed and whole" in message
    reader = formats.open_reader(tmp_path)
    assert (len(reader), inspection.inspect(reader).problems) == (4, [])
    assert not {path.name for path in tmp_path.rglob(".*")} - {".lock"}


def test_a_full_disk_keeps_what_is_committed_and_can_be_continued(name, tmp_path):
    if not may_mount(tmp_path):
        pytest.skip("needs the right to mount a file system of its own")
    copy = tmp_path / "copy"
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f'mount -t tmpfs -o size=2m tmpfs {disk} && "$@"; status=$?; cp -r {disk} {copy}; exit $status'
    command = ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, str(PROCESS), str(disk), name]
    command += ["500", "32", "-1"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1, result.stderr
    assert "the disk is full" in result.stderr
    reader = formats.open_reader(copy)
    assert f"{len(reader)} episodes are committed and whole" in result.stderr
    assert len(reader) > 4
    assert inspection.inspect(reader).problems == []
    assert not {path.name for path in copy.rglob(".*")} - {".lock"}
    process = run_process(copy, name, len(reader) + 10, size=32)
    assert process.communicate()[1] == ""
    assert len(formats.open_reader(copy)) == len(reader) + 10


def test_the_cameras_are_those_of_the_identity(name, tmp_path):
    open_writer(tmp_path, name).close()
    assert formats.open_reader(tmp_path).cameras == list(cameras_of(name))
