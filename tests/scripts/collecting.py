"""Short collections of small images, and ways to end them early."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from isaaclab_datagen import registry
from isaaclab_datagen.datasets import formats, inspection

COLLECT = [sys.executable, str(Path(__file__).parents[2] / "scripts" / "collect.py")]
SMALL = [
    "--task",
    "Lift-Custom-IK",
    "--num_envs",
    "2",
    "--camera_width",
    "64",
    "--camera_height",
    "48",
    "--device",
    "cpu",
]
CUT = [*SMALL, *["--max_steps", "15", "--seed", "4"]]
"""Episodes of 15 steps. They fail."""
PICK_PLACE = ["--task", "PickPlace-Rev2Fwd", "--keep_failures"]
WALK = Path(registry.__file__).parent / "tasks/tracking/config/g1/pretrained/walk"
TRACK = ["--task", "Tracking-Diffusion-G1", "--policy_paths", str(WALK), "--action_noise", "white"]


class Recorded(NamedTuple):
    """How a live format is recorded."""

    episodes: str
    """Where its episodes lie, as a pattern."""
    words: list[str]
    """Options, beside :data:`CUT`, with which it keeps failures."""


RECORDED = {
    "avdc": Recorded("metaworld_dataset/*/overhead_camera/[0-9]*", ["--keep_failures"]),
    "vpl": Recorded("Lift-Custom-IK_sim_*/episode_*", ["--format", "vpl", "--cameras", "overhead_camera"]),
    "rev2fwd": Recorded("episode_*.npz", PICK_PLACE),
    "diffuse_cloc": Recorded("*/episodes/[0-9]*.h5", TRACK),
}
"""Every live format, in a task that it was made for."""
STARTUP = 300
"""Longest wait for a first episode [s]."""


def committed(out: Path, format_name: str) -> int:
    """How many episodes are in place, whoever is writing."""
    return len(list(out.glob(RECORDED[format_name].episodes)))


class Collection:
    """A collection that is running."""

    def __init__(self, out: Path, episodes: int, format_name: str) -> None:
        self._out, self._format = out, format_name
        self._before = committed(out, format_name)
        command = [*COLLECT, *CUT, *RECORDED[format_name].words, "--out", str(out), "--episodes", str(episodes)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_for(self, episodes: int) -> None:
        """Wait until it has added so many episodes, or has ended."""
        end = time.monotonic() + STARTUP
        while committed(self._out, self._format) < self._before + episodes and self._process.poll() is None:
            assert time.monotonic() < end, "no episode was committed in time"
            time.sleep(0.02)

    def kill(self, after: float = 0.0) -> None:
        """End it at once, as a power failure would, ``after`` so many seconds."""
        time.sleep(after)
        self._process.kill()
        self._process.communicate()

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C. Returns status and stderr."""
        self._process.send_signal(signal.SIGINT)
        return self.finish()

    def finish(self) -> tuple[int, str]:
        """Wait for its end. Returns status and stderr."""
        _, errors = self._process.communicate(timeout=STARTUP)
        return self._process.returncode, errors


def kill_again_and_again(out: Path, kills: int, rng: random.Random, format_name: str) -> None:
    """Kill a collection so many times, each time after it has added something."""
    for _ in range(kills):
        running = Collection(out, 10_000, format_name)
        running.wait_for(rng.randint(1, 3))
        running.kill(rng.uniform(0.0, 1.0))


def check_whole(out: Path, episodes: int) -> None:
    """The dataset holds so many episodes, all readable, none twice by content, and nothing else."""
    reader = formats.open_reader(out)
    assert reader.indices == list(range(episodes))
    report = inspection.inspect(reader, frozen_frames=1000)
    assert report.problems == []
    assert len({episode.content for episode in report.episodes}) == episodes
    scenes = [[rows[0] for name, rows in episode.frames.items() if name.startswith("scene/")] for episode in reader]
    assert len({np.concatenate(scene, axis=None).tobytes() for scene in scenes}) == episodes
    assert not list(out.glob("**/.staging"))
