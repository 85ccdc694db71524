"""VPL: one HDF5 file and one video for each camera in the folder of each episode, as vision policy trainers read it.

``<out>/<task>_sim_<robot>_<YYYYMMDD_HHMMSS>/episode_000/{episode_000.h5, camera_0/episode_000.mp4, ...}``. The manifest
is ``metadata.json``, with the numbers of episodes and steps at its top. docs/formats.md names every key. An episode is
written in a hidden folder and appears by one rename.
"""

from __future__ import annotations

import math
import re
import shutil
import time
from argparse import Namespace, _ArgumentGroup
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from isaaclab_datagen.datasets.episode import Frame, Outcome, is_stream
from isaaclab_datagen.datasets.episode_files import (
    EPISODE,
    PIXELS,
    EpisodeFiles,
    check,
    episode_file,
    write_facts,
    write_rows,
)
from isaaclab_datagen.datasets.files import FolderLock
from isaaclab_datagen.datasets.folders import numbers, place
from isaaclab_datagen.datasets.formats._vpl_reader import MANIFEST, VERSION, Reader
from isaaclab_datagen.datasets.hdf5 import opened
from isaaclab_datagen.datasets.manifest import Manifest, differences, json_clean, open_or_create
from isaaclab_datagen.datasets.states import StateLog
from isaaclab_datagen.datasets.video import check_size
from isaaclab_datagen.datasets.writing import STAGING, FolderWriter, locked, writable
from isaaclab_datagen.errors import UsageError

__all__ = ["Reader", "add_options", "find", "open_writer"]
LAYOUT = "<task>_sim_<robot>_<time>/metadata.json"
LIVE = True
KEEPS_FAILURES = True
OWN_IDENTITY = ("fps", "video_interval", "color")
STREAMS = tuple(PIXELS)
NEEDS_IMAGES = True
_COUNTING_PERIOD = 1.0
"""Seconds between two updates of the manifest's numbers while episodes are being committed."""


def add_options(group: _ArgumentGroup) -> None:
    """Add ``--fps``, ``--video_interval`` and ``--color``."""
    group.add_argument("--fps", type=float, metavar="HZ", help="playback rate of the videos (default: 1 / step_dt)")
    group.add_argument(
        "--video_interval", type=int, default=1, metavar="K", help="store every K-th frame's images, and every action"
    )
    group.add_argument(
        "--color", choices=("lossless", "none"), default="lossless", help="images in HDF5, or only as videos"
    )


def find(path: Path) -> list[Path]:
    """Roots that ``path`` means."""
    path = path.resolve()
    around = [path, *path.parents[:2]]
    roots = next(([root] for root in around if _is_root(root)), None)
    return roots or sorted(root for root in path.glob("*") if _is_root(root))


def open_writer(out: Path, options: Namespace, identity: Mapping[str, Any], provenance: Mapping[str, Any]) -> Writer:
    """Open the dataset of this identity below ``out``, or start one; ``robot`` of the provenance goes into its name.

    See :class:`~isaaclab_datagen.datasets.formats.Format`.
    """
    if not identity["cameras"]:
        raise UsageError("format vpl needs a camera: name one with --cameras")
    if options.video_interval < 1:
        raise UsageError(f"--video_interval {options.video_interval}: must be 1 or more")
    sizes = provenance.get("camera_sizes", {})
    for width, height in sizes.values():
        check_size(width, height)
    if len({tuple(size) for size in sizes.values()}) > 1:
        said = ", ".join(f"{name} {width}x{height}" for name, (width, height) in sizes.items())
        raise UsageError(
            f"format vpl puts the images of all cameras into one array, so they must be of one size: {said}"
        )
    fps = _fps(options.fps, provenance.get("step_dt"))
    whole = {**identity, "fps": fps, "video_interval": options.video_interval, "color": options.color}
    facts = {"robot": "robot", "step_dt": 1 / fps, **provenance}
    name = re.sub(r"[^\w.-]", "-", f"{identity['task'].split(':')[-1]}_sim_{facts['robot']}")
    with writable(out):
        root, keep_identity = _choose(out, name, whole)
        with locked(root) as lock:
            shutil.rmtree(root / STAGING, ignore_errors=True)
            wanted = Manifest(root / MANIFEST, "vpl", VERSION, whole, facts)
            return Writer(open_or_create(wanted, keep_identity), lock)


class Writer(FolderWriter):
    """A dataset open for writing. Pickled copies of it open and write episodes in other processes."""

    def __init__(self, manifest: Manifest, lock: FolderLock) -> None:
        """Count the session and the episodes."""
        super().__init__(manifest, lock)
        self._counted = -math.inf
        known = dict(
            zip(manifest.contents.get("episodes", ()), manifest.contents.get("num_timesteps", ()), strict=True)
        )
        self._steps = {index: known.get(index) or _num_steps(self.root, index) for index in self.committed}
        self._count()

    @property
    def committed(self) -> list[int]:
        """Sorted numbers of the episodes that are whole on disk."""
        return sorted(numbers(self.root, EPISODE))

    def open(self, index: int) -> _Sink:
        """Start episode number ``index``."""
        return _Sink(self, index, self.staging(index))

    def close(self) -> None:
        """Remove what uncommitted episodes left, bring the numbers up to date, and let other processes write."""
        try:
            self._count()
        finally:
            super().close()

    def committed_one(self, index: int, steps: int) -> None:
        """Bring the numbers up to date, now and then."""
        self._steps[index] = steps
        if time.monotonic() - self._counted > _COUNTING_PERIOD:
            self._count()

    def _count(self) -> None:
        """Save the numbers. A large configuration takes 10 ms: not done for each episode."""
        episodes = sorted(self._steps)
        steps = [self._steps[index] for index in episodes]
        self.manifest.count({"num_episodes": len(episodes), "num_timesteps": steps, "episodes": episodes})
        self._counted = time.monotonic()


class _Sink:
    def __init__(self, writer: Writer, index: int, staging: Path) -> None:
        identity = writer.manifest.identity
        self._writer = writer
        self._index = index
        self._staging = staging
        self._path = episode_file(staging, index)
        self._cameras: list[str] = identity["cameras"]
        self._interval: int = identity["video_interval"]
        self._fps = Fraction(identity["fps"]).limit_denominator(1000) / self._interval
        self._states = StateLog(staging / "states.bin")
        self._files: EpisodeFiles | None = None
        self._path.parent.mkdir(parents=True)

    def append(self, frame: Frame) -> None:
        row = len(self._states)
        self._states.append({name: value for name, value in frame.items() if not is_stream(name)})
        if self._files is None:
            check(frame, self._cameras)
            lossless = self._writer.manifest.identity["color"] == "lossless"
            self._files = EpisodeFiles(self._path, frame, self._cameras, lossless, self._fps)
        if "action" not in frame:
            self._files.append_last(frame)
        elif row % self._interval == 0:
            self._files.append(frame)

    def commit(self, outcome: Outcome) -> int:
        columns = self._states.columns()
        steps = len(columns.get("action", ()))
        if self._files is None or steps != len(self._states) - 1 or steps == 0:
            raise ValueError(
                f"episode {self._index} has {steps} actions and {len(self._states)} frames, not T and T + 1"
            )
        manifest = self._writer.manifest
        write_rows(self._files.file, columns, self._cameras, self._interval)
        write_facts(self._files.file, outcome, {**manifest.provenance, **manifest.identity})
        self._files.finish()
        place({self._path.parent: episode_file(self._writer.root, self._index).parent})
        shutil.rmtree(self._staging)
        return steps

    def discard(self) -> None:
        if self._files is not None:
            with suppress(OSError):  # what cannot be finished need not be
                self._files.close()
        shutil.rmtree(self._staging)


def _is_root(path: Path) -> bool:
    manifest = path / MANIFEST
    if not manifest.is_file():
        return False
    with manifest.open("rb") as file:  # other formats have files of this name too
        return b'"format": "vpl"' in file.read(64)


def _fps(asked: float | None, step_dt: float | None) -> float:
    """Frames a second of a video that shows every frame."""
    if asked is None and step_dt is None:
        raise UsageError("give --fps: the length of a step is not known")
    fps = asked if asked is not None else round(1 / step_dt, 6) if step_dt else 0.0
    if not 0 < fps < math.inf:
        raise UsageError(f"--fps {fps}: must be above 0")
    return fps


def _choose(out: Path, name: str, identity: Mapping[str, Any]) -> tuple[Path, bool]:
    """The dataset to go on with, or the path of a new one; and whether its identity must stay.

    Raises:
        UsageError: There is a dataset of the same task and robot, but of another identity, with episodes.
    """
    pattern = re.compile(re.escape(name) + r"_\d{8}_\d{6}")
    there = sorted((path for path in out.glob("*") if pattern.fullmatch(path.name)), reverse=True)
    ours = [path for path in there if _is_root(path)]
    unborn = [path for path in there if all(child.name.startswith(".") for child in path.iterdir())]
    same = [path for path in ours if not differences(Manifest.load(path / MANIFEST).identity, json_clean(identity))]
    filled = [path for path in ours if numbers(path, EPISODE)]
    root = next(iter([*same, *filled, *ours, *unborn]), out / f"{name}_{datetime.now():%Y%m%d_%H%M%S}")
    return root, root in filled


def _num_steps(root: Path, index: int) -> int:
    with opened(episode_file(root, index)) as file:
        return int(file.attrs["num_steps"])
