"""Records random episodes until there are enough. Run by tests that kill it or let its disk fill up."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from dataset_fakes import SUCCESS, cameras_of, open_writer, random_frames

from isaaclab_datagen.datasets.manifest import derive_seed
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.errors import RunError

SLOTS = 4


def main(out: Path, name: str, episodes: int, size: int, longest: int) -> None:
    """The processes that write may write files of ``longest`` bytes; -1 is any length."""
    writer = open_writer(out, name)
    rng = np.random.default_rng(derive_seed(7, writer.session))
    missing = sorted(set(range(episodes)) - set(writer.committed))
    with RecordingSession(writer, SLOTS, workers=3) as session:
        for group in (missing[i : i + SLOTS] for i in range(0, len(missing), SLOTS)):
            running = {slot: random_frames(rng, 6, cameras_of(name), (size, size)) for slot in range(len(group))}
            for slot, index in enumerate(group):
                with longest_file(longest):
                    session.begin(slot, index)
            if group[0] == missing[0]:
                session.flush()  # the processes run
                print("started", flush=True)
            for step in range(7):
                session.append({slot: frames[step] for slot, frames in running.items()})
                time.sleep(0.001)
            for slot in running:
                session.end(slot, SUCCESS)


@contextmanager
def longest_file(size: int) -> Iterator[None]:
    """Limit the files of this process, and of those that it starts meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
    except RunError as error:
        print(error, file=sys.stderr)
        os._exit(1)
