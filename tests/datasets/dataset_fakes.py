"""Random episodes, and a writer of no format, for tests of whatever reads or writes episodes."""

from __future__ import annotations

import argparse
import os
import pickle
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from isaaclab_datagen.datasets import formats
from isaaclab_datagen.datasets.episode import Frame, Outcome
from isaaclab_datagen.datasets.files import FolderLock, append_file

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


def cameras_of(name: str) -> tuple[str, ...]:
    """The cameras of a format's datasets here: none where it stores no images."""
    return CAMERAS if "images" in formats.load(name).STREAMS else ()


def live() -> list[str]:
    """Names of the formats that are recorded."""
    return [name for name in formats.names() if formats.load(name).LIVE]


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


def open_writer(out: Path, name: str = "avdc", cameras=None, given=MappingProxyType({}), **identity):
    cameras = cameras_of(name) if cameras is None else cameras
    whole = {"task": "Lift-Custom-IK", "cameras": list(cameras), "seed": 7} | identity
    return formats.load(name).open_writer(out, options(name, **given), whole, FACTS)


def write_episode(writer, index: int, frames: list[Frame], outcome: Outcome = SUCCESS) -> None:
    sink = writer.open(index)
    for frame in frames:
        sink.append(frame)
    writer.committed_one(index, sink.commit(outcome))


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


@dataclass(frozen=True)
class Saved:
    """A committed episode of a :class:`FolderWriter`."""

    outcome: Outcome
    frames: list[dict[str, np.ndarray]]
    process: int
    """Which one wrote it."""


class FolderWriter:
    """A format for tests: pickles every episode into a folder. Can be slow, and can fail."""

    def __init__(
        self, folder: Path, delay: float = 0.0, fail: Mapping[tuple[str, int], Exception] = MappingProxyType({})
    ):
        self.folder, self.delay, self.fail = folder, delay, dict(fail)
        self.lock = FolderLock(folder)
        self.noted: dict[int, int] = {}
        """Episode to the number of steps that was told."""
        self.closed = False

    @property
    def committed(self) -> list[int]:
        return sorted(int(path.stem) for path in self.folder.glob("*.pickle"))

    @property
    def episodes(self) -> dict[int, Saved]:
        return {index: pickle.loads((self.folder / f"{index}.pickle").read_bytes()) for index in self.committed}

    @property
    def steps(self) -> dict[int, list[int]]:
        """Episode to the ``step`` channel."""
        return {index: [int(frame["step"]) for frame in saved.frames] for index, saved in self.episodes.items()}

    @property
    def discarded(self) -> list[int]:
        log = self.folder / "discarded"
        return sorted(map(int, log.read_text().split())) if log.exists() else []

    def open(self, index: int) -> FolderSink:
        self.check("open", index)
        return FolderSink(self, index)

    def committed_one(self, index: int, steps: int) -> None:
        self.noted[index] = steps

    def close(self) -> None:
        self.closed = True
        self.lock.release()

    def check(self, call: str, index: int) -> None:
        if (error := self.fail.get((call, index))) is not None:
            raise error


class FolderSink:
    def __init__(self, writer: FolderWriter, index: int) -> None:
        self.writer, self.index = writer, index
        self.frames: list[dict[str, np.ndarray]] = []

    def append(self, frame: Frame) -> None:
        time.sleep(self.writer.delay)
        self.writer.check("append", self.index)
        self.frames.append({name: value.copy() for name, value in frame.items()})

    def commit(self, outcome: Outcome) -> int:
        self.writer.check("commit", self.index)
        path = self.writer.folder / f"{self.index}.pickle"
        assert not path.exists()
        hidden = path.with_suffix(".part")
        hidden.write_bytes(pickle.dumps(Saved(outcome, self.frames, os.getpid())))
        hidden.rename(path)
        return len(self.frames) - 1

    def discard(self) -> None:
        append_file(self.writer.folder / "discarded", f"{self.index}\n".encode())
        self.writer.check("discard", self.index)
