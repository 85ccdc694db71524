"""Random episodes, and writers that keep them in memory, for tests of whatever reads or writes episodes."""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path
from types import MappingProxyType

import numpy as np

from isaaclab_datagen.datasets import formats
from isaaclab_datagen.datasets.episode import Frame, Outcome

CAMERAS = ("overhead", "wrist")
SUCCESS = Outcome(success=True, reason="success", terminated=True, env_index=3, extra={"mass": 0.5})
FAILURE = Outcome(success=False, reason="time_out", terminated=False)
UNKNOWN = Outcome(success=None, reason="time_out", terminated=False)
FACTS = {
    "step_dt": 0.02,
    "robot": "franka",
    "joint_names": {"robot": [f"joint_{number}" for number in range(9)]},
    "intrinsics": {camera: [[300.0, 0.0, 160.0], [0.0, 300.0, 120.0], [0.0, 0.0, 1.0]] for camera in CAMERAS},
}


WIDTHS = {"observations/policy": 36, "joint_pos": 9, "joint_vel": 9, "ee_pose": 7, "object_pose": 7}


def random_frames(rng, steps=5, cameras=CAMERAS, size=(24, 32)) -> list[dict[str, np.ndarray]]:
    """T + 1 frames, the last one without actions."""
    frames = []
    for step in range(steps + 1):
        frame = {f"images/{camera}": rng.integers(0, 256, (*size, 3), np.uint8) for camera in cameras}
        frame |= {f"extrinsics/{camera}": rng.normal(size=(4, 4)) for camera in cameras}
        frame |= {name: rng.normal(size=width).astype(np.float32) for name, width in WIDTHS.items()}
        frame["step"] = np.asarray(step, np.int64)
        if step < steps:
            frame["action"] = rng.normal(size=7).astype(np.float32)
            frame["processed_action"] = rng.normal(size=9).astype(np.float32)
        frames.append(frame)
    return frames


def options(name: str, **given) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    formats.load(name).add_options(parser.add_argument_group(name))
    return argparse.Namespace(**{**vars(parser.parse_args([])), **given})


def open_writer(out: Path, name: str = "avdc", cameras=CAMERAS, given=MappingProxyType({}), **identity):
    whole = {"task": "Lift-Custom-IK", "cameras": list(cameras), "seed": 7} | identity
    return formats.load(name).open_writer(out, options(name, **given), whole, FACTS)


def write_episode(writer, index: int, frames: list[Frame], outcome: Outcome = SUCCESS) -> None:
    sink = writer.open(index)
    for frame in frames:
        sink.append(frame)
    sink.commit(outcome)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


class MemoryWriter:
    """Keeps the ``step`` channel of committed episodes. Can be slow, and can fail."""

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.fail: dict[tuple[str, int], Exception] = {}
        self.episodes: dict[int, list[int]] = {}
        self.discarded: list[int] = []
        self.threads: dict[int, set[str]] = {}
        self.closed = False

    @property
    def committed(self) -> list[int]:
        return sorted(self.episodes)

    def open(self, index: int) -> MemorySink:
        self.check("open", index)
        return MemorySink(self, index)

    def close(self) -> None:
        self.closed = True

    def check(self, call: str, index: int) -> None:
        self.threads.setdefault(index, set()).add(threading.current_thread().name)
        if (call, index) in self.fail:
            raise self.fail[call, index]


class MemorySink:
    def __init__(self, writer: MemoryWriter, index: int) -> None:
        self.writer, self.index, self.steps = writer, index, []

    def append(self, frame: Frame) -> None:
        time.sleep(self.writer.delay)
        self.writer.check("append", self.index)
        self.steps.append(int(frame["step"]))

    def commit(self, outcome: Outcome) -> None:
        self.writer.check("commit", self.index)
        self.writer.episodes[self.index] = self.steps

    def discard(self) -> None:
        self.writer.discarded.append(self.index)
        self.writer.check("discard", self.index)
