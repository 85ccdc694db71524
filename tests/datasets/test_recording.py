from __future__ import annotations

import errno
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from dataset_fakes import FAILURE, SUCCESS, FolderWriter

from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.datasets.recording_process import WorkerProcess
from isaaclab_datagen.datasets.recording_worker import portable
from isaaclab_datagen.datasets.rows import RowLayout
from isaaclab_datagen.errors import RunError

pytestmark = pytest.mark.timeout(60)


def frame(step):
    return {"step": np.asarray(step), "image": np.full((5, 7, 3), step % 256, np.uint8)}


def children() -> set[int]:
    """Processes that this one has started and not yet waited for."""
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


def test_frames_arrive_whole_in_order_and_slots_keep_to_one_process(tmp_path):
    writer = FolderWriter(tmp_path)
    with RecordingSession(writer, 7, workers=3) as session:
        for slot in range(7):
            session.begin(slot, slot)
        for step in range(50):
            session.append({slot: frame(step) for slot in range(7)})
        for slot in range(7):
            session.end(slot, SUCCESS)
    assert writer.steps == {slot: list(range(50)) for slot in range(7)}
    assert all(np.all(f["image"] == f["step"]) for saved in writer.episodes.values() for f in saved.frames)
    processes = [saved.process for saved in writer.episodes.values()]
    assert processes == [processes[slot % 3] for slot in range(7)]
    assert len(set(processes) - {os.getpid()}) == 3
    assert session.committed == list(range(7))
    assert writer.noted == dict.fromkeys(range(7), 49)
    assert writer.closed


def test_the_slots_of_a_frame_s_rows_may_be_others_each_time(tmp_path):
    with RecordingSession(writer := FolderWriter(tmp_path), 6, workers=2) as session:
        for slot in range(6):
            session.begin(slot, slot)
        everyone, given = list(range(6)), {slot: [] for slot in range(6)}
        for step, slots in enumerate([everyone, [5, 3, 1], everyone, everyone, [4], [1, 0, 2], [2, 0, 1], everyone]):
            session.append({slot: frame(10 * step + slot) for slot in slots})
            for slot in slots:
                given[slot].append(10 * step + slot)
        for slot in range(6):
            session.end(slot, SUCCESS)
    assert writer.steps == given


def test_frames_of_the_same_slots_cost_a_short_message_for_each_process(tmp_path, monkeypatch):
    sizes, send = [], WorkerProcess.send_pickled
    monkeypatch.setattr(WorkerProcess, "send_pickled", lambda self, m: sizes.append(len(m)) or send(self, m))
    with RecordingSession(FolderWriter(tmp_path), 40, workers=2) as session:
        for slot in range(40):
            session.begin(slot, slot)
        session.append({slot: frame(0) for slot in range(40)})
        sizes.clear()
        session.append({slot: frame(1) for slot in range(40)})
        assert len(sizes) == 2 and max(sizes) < 60
        for slot in range(40):
            session.end(slot, SUCCESS)


def test_a_slow_disk_makes_the_simulation_wait_and_nothing_is_dropped(tmp_path):
    writer = FolderWriter(tmp_path, delay=0.005)
    with RecordingSession(writer, 4, workers=2, buffers=3) as session:
        for slot in range(4):
            session.begin(slot, slot)
        session.flush()
        start = time.monotonic()
        for step in range(40):
            session.append({slot: frame(step) for slot in range(4)})
        waited = time.monotonic() - start
        size = session.memory.nbytes
        for slot in range(4):
            session.end(slot, SUCCESS)
    assert waited > (40 - 3) * 2 * 0.005
    assert size == 3 * 4 * RowLayout.of_frame(frame(0)).size
    assert writer.steps == {slot: list(range(40)) for slot in range(4)}


def test_slots_run_beside_each_other(tmp_path):
    writer = FolderWriter(tmp_path, delay=0.05)
    with RecordingSession(writer, 8, workers=8) as session:
        for slot in range(8):
            session.begin(slot, slot)
        session.flush()
        start = time.monotonic()
        for step in range(5):
            session.append({slot: frame(step) for slot in range(8)})
        session.flush()
        assert time.monotonic() - start < 8 * 5 * 0.05 / 2


def test_what_was_put_may_be_changed_once_it_is_taken_again_and_no_sooner(tmp_path):
    """The rows of a buffer that is being read are not given out."""
    layout = RowLayout.of_frame(frame(0))
    writer = FolderWriter(tmp_path, delay=0.01)
    with RecordingSession(writer, 1, buffers=2) as session:
        session.begin(0, 0)
        for step in range(20):
            rows = session.take(1, layout)
            rows.data[...] = 99
            layout.pack(frame(step), rows.data[0])
            session.put([0], rows)
        session.end(0, SUCCESS)
    assert writer.steps == {0: list(range(20))}
    assert all(np.all(f["image"] == f["step"]) for f in writer.episodes[0].frames)


def test_frames_of_several_layouts_pass_but_none_that_is_larger_than_the_first(tmp_path):
    with RecordingSession(writer := FolderWriter(tmp_path), 2) as session:
        session.begin(0, 0)
        session.append({0: {**frame(0), "action": np.zeros(2)}})
        session.append({0: frame(1)})
        session.end(0, SUCCESS)
        layout = RowLayout.of_frame({"image": np.zeros(10_000)})
        with pytest.raises(ValueError, match="80000 bytes do not fit"):
            session.take(1, layout)
    assert [set(f) for f in writer.episodes[0].frames] == [{"step", "image", "action"}, {"step", "image"}]


def test_episodes_of_a_slot_do_not_mix_and_failures_are_discarded(tmp_path):
    writer = FolderWriter(tmp_path)
    with RecordingSession(writer, 1) as session:
        for index in range(4):
            session.begin(0, index)
            for step in range(index + 1):
                session.append({0: frame(step)})
            session.end(0, SUCCESS if index % 2 else FAILURE, keep=bool(index % 2))
        session.flush()
        assert session.committed == [1, 3]
    assert writer.steps == {1: [0, 1], 3: [0, 1, 2, 3]}
    assert writer.discarded == [0, 2]


def test_what_still_runs_is_discarded_and_what_ended_is_kept(tmp_path):
    writer = FolderWriter(tmp_path, delay=0.01)
    with pytest.raises(KeyboardInterrupt), RecordingSession(writer, 2) as session:
        for slot in range(2):
            session.begin(slot, slot)
        session.append({0: frame(0), 1: frame(0)})
        session.end(0, SUCCESS)
        raise KeyboardInterrupt
    assert writer.steps == {0: [0]}
    assert writer.discarded == [1]
    assert writer.closed


@pytest.mark.parametrize("call", ["open", "append", "commit"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_error_stops_the_simulation_with_one_line_and_no_deadlock(call, number, tmp_path):
    writer = FolderWriter(tmp_path, delay=0.001, fail={(call, 5): OSError(number, "no luck", "some/file")})
    with pytest.raises(RunError) as error, RecordingSession(writer, 2, workers=2, buffers=1) as session:
        for index in range(0, 1000, 2):
            for slot in range(2):
                session.begin(slot, index + slot)
            for step in range(4):
                session.append({0: frame(step), 1: frame(step)})
            for slot in range(2):
                session.end(slot, SUCCESS)
    message = str(error.value)
    assert "some/file" in message
    assert ("disk is full" in message) == (number == errno.ENOSPC)
    assert "the same command again" in message
    assert "\n" not in message
    assert f"{len(writer.committed)} episodes are committed" in message
    assert 5 not in writer.committed
    assert writer.discarded.count(5) == (call != "open")
    assert all(steps == [0, 1, 2, 3] for steps in writer.steps.values())
    assert {0, 1, 2, 3} <= writer.steps.keys()
    assert set(writer.discarded) & writer.steps.keys() == set()


def test_an_error_that_is_not_the_disks_arrives_as_it_is_and_says_where_it_was(tmp_path):
    writer = FolderWriter(tmp_path, fail={("append", 0): ValueError("a bug")})
    with pytest.raises(ValueError, match="a bug") as error, RecordingSession(writer, 1) as session:
        session.begin(0, 0)
        session.append({0: frame(0)})
        session.flush()
    assert "in append" in "".join(error.value.__notes__)


def test_a_discard_that_fails_too_hides_nothing(tmp_path):
    fail = {("append", 0): OSError(errno.ENOSPC, "full", "a"), ("discard", 0): OSError(errno.EIO, "broken", "b")}
    writer = FolderWriter(tmp_path, fail=fail)
    session = RecordingSession(writer, 1)
    session.begin(0, 0)
    session.append({0: frame(0)})
    with pytest.raises(RunError, match="disk is full"):
        session.close()
    assert writer.closed


class Stubborn(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} {second}")


class StubbornDisk(OSError):
    def __init__(self, first, second, third, fourth):
        super().__init__(first, second, third)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (OSError(errno.ENOSPC, "full", "a/b"), OSError, "a/b"),
        (RunError("one line"), RunError, "one line"),
        (Stubborn("a", "b"), RuntimeError, "Stubborn: a b"),
        (StubbornDisk(errno.EIO, "broken", "c/d", 4), OSError, "c/d"),
    ],
)
def test_every_error_can_travel(error, kind, text):
    arrived = pickle.loads(pickle.dumps(portable(error)))
    assert isinstance(arrived, kind)
    assert text in str(arrived)


@pytest.mark.parametrize("busy", [False, True])
def test_a_process_that_is_killed_is_noticed_and_the_others_finish(busy, tmp_path):
    writer = FolderWriter(tmp_path, delay=0.002)
    before = children()
    with pytest.raises(RunError, match="SIGKILL, as where memory runs out") as error:  # noqa: SIM117
        with RecordingSession(writer, 2, workers=2, buffers=2) as session:
            for slot in range(2):
                session.begin(slot, slot)
            session.append({0: frame(0), 1: frame(0)})
            session.end(0, SUCCESS)
            session.flush()
            os.kill(sorted(children() - before)[1], signal.SIGKILL)
            while busy:
                session.append({1: frame(1)})
            time.sleep(0.2)
            session.begin(0, 2)
    assert "1 episodes are committed and whole" in str(error.value)
    assert "the same command again" in str(error.value)
    assert writer.steps == {0: [0]}
    assert writer.closed
    assert children() == before


def test_a_writer_that_cannot_travel_is_an_error_and_no_wait(tmp_path):
    writer = FolderWriter(tmp_path)
    writer.folder = Nowhere()  # type: ignore[assignment]
    with pytest.raises(ImportError, match="not for other processes"), RecordingSession(writer, 1) as session:
        session.begin(0, 0)
        session.flush()


class Nowhere:
    def __reduce__(self):
        return exec, ("raise ImportError('not for other processes')",)


def test_batches_without_rows_are_released(tmp_path):
    layout = RowLayout.of_frame(frame(0))
    with RecordingSession(FolderWriter(tmp_path), 2, buffers=1) as session:
        for _ in range(5):
            session.put([], session.take(0, layout))
        session.append({})


def test_the_order_of_calls_is_checked(tmp_path):
    with RecordingSession(FolderWriter(tmp_path), 2) as session:
        session.begin(0, 0)
        with pytest.raises(ValueError, match="slot 0"):
            session.begin(0, 1)
        with pytest.raises(ValueError, match=r"\[1\]"):
            session.append({1: frame(0)})


def test_nothing_is_left_of_a_session(tmp_path):
    def descriptors():
        return set(os.listdir("/proc/self/fd"))

    with RecordingSession(FolderWriter(tmp_path), 1) as session:
        session.begin(0, 0)
    before, running = descriptors(), children()
    with RecordingSession(FolderWriter(tmp_path), 4) as session:
        for slot in range(4):
            session.begin(slot, slot)
        session.append({slot: frame(0) for slot in range(4)})
        session.flush()
        assert children() > running
    assert (descriptors(), children()) == (before, running)


def test_a_session_that_records_nothing_starts_nothing(tmp_path):
    before = children()
    with RecordingSession(FolderWriter(tmp_path), 4) as session:
        assert children() == before
        session.flush()


RUNNING = """
import sys, time
import numpy as np
from pathlib import Path
from dataset_fakes import SUCCESS, FolderWriter
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.datasets.recording_process import WorkerProcess
with RecordingSession(FolderWriter(Path(sys.argv[1]), delay=0.2), 2, workers=2) as session:
    session.begin(0, 0)
    session.begin(1, 1)
    session.flush()
    session.append({0: {"x": np.zeros(1)}, 1: {"x": np.zeros(1)}})
    session.end(0, SUCCESS)
    print("started", flush=True)
    time.sleep(60)
"""


def running(folder: Path) -> subprocess.Popen[str]:
    """A process that records, in a group of its own."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "process_group": 0}
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", RUNNING, str(folder)], env=path, **given)
    assert process.stdout is not None and process.stdout.readline() == "started\n"
    return process


def test_ctrl_c_reaches_the_session_alone(tmp_path):
    """A terminal sends it to the whole group. The episode that has ended is still committed."""
    process = running(tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    writer = FolderWriter(tmp_path)
    assert (writer.committed, writer.discarded) == ([0], [1])


def test_the_processes_end_with_a_session_that_is_killed(tmp_path):
    """Their end lets the next run in: they hold the folder's lock."""
    process = running(tmp_path)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(workers) == 2
    process.kill()
    FolderWriter(tmp_path).close()
    assert not any(Path(f"/proc/{worker}/fd/0").exists() for worker in workers)
    process.communicate()


def test_a_worker_needs_neither_torch_nor_isaac_lab():
    code = "import sys, isaaclab_datagen.datasets.recording_worker, isaaclab_datagen.datasets.formats.vpl; " + (
        "print([name for name in ('torch', 'isaaclab', 'pxr') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
