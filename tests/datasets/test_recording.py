from __future__ import annotations

import errno
import threading
import time

import numpy as np
import pytest
from dataset_fakes import FAILURE, SUCCESS, MemoryWriter

from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.errors import RunError

pytestmark = pytest.mark.timeout(30)


def frame(step):
    return {"step": np.asarray(step)}


def nothing() -> None:
    pass


def test_frames_arrive_whole_in_order_and_slots_keep_to_one_thread():
    writer = MemoryWriter()
    with RecordingSession(writer, 7, workers=3) as session:
        for slot in range(7):
            session.begin(slot, slot)
        for step in range(50):
            session.append({slot: frame(step) for slot in range(7)}, nothing)
        for slot in range(7):
            session.end(slot, SUCCESS)
    assert writer.episodes == {slot: list(range(50)) for slot in range(7)}
    assert all(len(threads) == 1 for threads in writer.threads.values())
    assert len(set.union(*writer.threads.values())) == 3
    assert session.committed == list(range(7))
    assert writer.closed


def test_a_slow_disk_makes_the_simulation_wait_and_nothing_is_dropped():
    writer = MemoryWriter(delay=0.002)
    taken = most = 0
    lock = threading.Lock()

    def release():
        nonlocal taken
        with lock:
            taken -= 1

    with RecordingSession(writer, 8, workers=2, max_in_flight=3) as session:
        for slot in range(8):
            session.begin(slot, slot)
        for step in range(40):
            session.append({slot: frame(step) for slot in range(8)}, release)
            with lock:
                taken += 1
                most = max(most, taken)
        for slot in range(8):
            session.end(slot, SUCCESS)
    assert writer.episodes == {slot: list(range(40)) for slot in range(8)}
    assert taken == 0
    assert most <= 3


def test_slots_run_beside_each_other():
    writer = MemoryWriter(delay=0.02)
    start = time.monotonic()
    with RecordingSession(writer, 8, workers=8) as session:
        for slot in range(8):
            session.begin(slot, slot)
        for step in range(5):
            session.append({slot: frame(step) for slot in range(8)}, nothing)
    assert time.monotonic() - start < 8 * 5 * 0.02 / 2


def test_episodes_of_a_slot_do_not_mix_and_failures_are_discarded():
    writer = MemoryWriter()
    with RecordingSession(writer, 1) as session:
        for index in range(4):
            session.begin(0, index)
            for step in range(index + 1):
                session.append({0: frame(step)}, nothing)
            session.end(0, SUCCESS if index % 2 else FAILURE, keep=bool(index % 2))
        session.flush()
        assert session.committed == [1, 3]
    assert writer.episodes == {1: [0, 1], 3: [0, 1, 2, 3]}
    assert writer.discarded == [0, 2]


def test_what_still_runs_is_discarded_and_what_ended_is_kept():
    writer = MemoryWriter(delay=0.01)
    with pytest.raises(KeyboardInterrupt), RecordingSession(writer, 2) as session:
        for slot in range(2):
            session.begin(slot, slot)
        session.append({0: frame(0), 1: frame(0)}, nothing)
        session.end(0, SUCCESS)
        raise KeyboardInterrupt
    assert writer.episodes == {0: [0]}
    assert writer.discarded == [1]
    assert writer.closed


@pytest.mark.parametrize("call", ["open", "append", "commit"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_error_stops_the_simulation_with_one_line_and_no_deadlock(call, number):
    writer = MemoryWriter(delay=0.001)
    writer.fail[call, 5] = OSError(number, "no luck", "some/file")
    with pytest.raises(RunError) as error, RecordingSession(writer, 2, max_in_flight=1) as session:
        for index in range(0, 1000, 2):
            for slot in range(2):
                session.begin(slot, index + slot)
            for step in range(4):
                session.append({0: frame(step), 1: frame(step)}, nothing)
            for slot in range(2):
                session.end(slot, SUCCESS)
    message = str(error.value)
    assert "some/file" in message
    assert ("disk is full" in message) == (number == errno.ENOSPC)
    assert "the same command again" in message
    assert "\n" not in message
    assert 5 not in writer.episodes
    assert writer.discarded.count(5) == (call != "open")
    assert all(steps == [0, 1, 2, 3] for steps in writer.episodes.values())
    assert {0, 1, 2, 3} <= writer.episodes.keys()
    assert set(writer.discarded) & writer.episodes.keys() == set()


def test_an_error_that_is_not_the_disks_arrives_as_it_is():
    writer = MemoryWriter()
    writer.fail["append", 0] = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"), RecordingSession(writer, 1) as session:
        session.begin(0, 0)
        session.append({0: frame(0)}, nothing)
        session.flush()


def test_a_discard_that_fails_too_hides_nothing():
    writer = MemoryWriter()
    writer.fail["append", 0] = OSError(errno.ENOSPC, "full", "a")
    writer.fail["discard", 0] = OSError(errno.EIO, "broken", "b")
    session = RecordingSession(writer, 1)
    session.begin(0, 0)
    session.append({0: frame(0)}, nothing)
    with pytest.raises(RunError, match="disk is full"):
        session.close()
    assert writer.closed


def test_a_release_that_fails_does_not_block():
    def release():
        raise RuntimeError("release")

    session = RecordingSession(MemoryWriter(), 1, max_in_flight=1)
    session.begin(0, 0)
    with pytest.raises(RuntimeError, match="release"):
        for step in range(10):
            session.append({0: frame(step)}, release)
    session.abort()


def test_batches_without_rows_are_released():
    released = []
    with RecordingSession(MemoryWriter(), 2, max_in_flight=1) as session:
        for _ in range(5):
            session.append({}, lambda: released.append(1))
    assert len(released) == 5


def test_the_order_of_calls_is_checked():
    with RecordingSession(MemoryWriter(), 2) as session:
        session.begin(0, 0)
        with pytest.raises(ValueError, match="slot 0"):
            session.begin(0, 1)
        with pytest.raises(ValueError, match=r"\[1\]"):
            session.append({1: frame(0)}, nothing)


def test_no_thread_is_left():
    before = threading.active_count()
    with RecordingSession(MemoryWriter(), 4):
        assert threading.active_count() == before + min(4, threading.active_count() - before)
    assert threading.active_count() == before
