"""Memory does not grow with the number of episodes, in any format."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pytest
from dataset_fakes import SUCCESS, cameras_of, live, open_writer, random_frames

from isaaclab_datagen.datasets.recording import RecordingSession

pytestmark = pytest.mark.parametrize("name", live())


def resident() -> float:
    """Memory of this process [MB]."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def growth(out, name, episodes, steps, size, slots=4) -> float:
    """What memory is above that after a tenth of the episodes at most [MB], every group of four measured."""
    frames = random_frames(np.random.default_rng(0), steps, cameras_of(name), size)
    measured = []
    with RecordingSession(open_writer(out, name), slots) as session:
        for first in range(0, episodes, slots):
            for slot in range(slots):
                session.begin(slot, first + slot)
            for frame in frames:
                session.append(dict.fromkeys(range(slots), frame))
            for slot in range(slots):
                session.end(slot, SUCCESS)
            session.flush()
            measured.append(resident())
    early = max(1, len(measured) // 10)
    return max(measured[early:]) - measured[early - 1]


@pytest.mark.timeout(120)
def test_over_forty_short_episodes(name, tmp_path):
    assert growth(tmp_path, name, 40, steps=6, size=(120, 160)) < 20


@pytest.mark.stress
def test_over_two_hundred_episodes_of_full_size(name, tmp_path):
    assert growth(tmp_path, name, 200, steps=40, size=(240, 320)) < 100
