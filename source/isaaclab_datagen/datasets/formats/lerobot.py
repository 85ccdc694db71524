"""LeRobot dataset v3, written by LeRobot itself: for its own trainers, and for looking at with its own tools.

Only exported: ``convert.py SRC DST --format lerobot``. A frame is an image of each camera, the state, the action chosen
in it, and whether the episode ends with it and succeeded; the frame after the last action has no place in it.
"""

from __future__ import annotations

import importlib
from argparse import Namespace, _ArgumentGroup
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from av.logging import ERROR, set_libav_level

from isaaclab_datagen.datasets import features
from isaaclab_datagen.datasets.episode import Frame, Outcome
from isaaclab_datagen.datasets.files import FolderLock
from isaaclab_datagen.datasets.formats._lerobot_reader import IMAGE, INFO, MANIFEST, NAME, Reader, require
from isaaclab_datagen.datasets.manifest import Manifest, open_or_create
from isaaclab_datagen.datasets.writing import writable
from isaaclab_datagen.errors import RunError

__all__ = ["Reader", "add_options", "find", "open_writer"]
LAYOUT = f"{INFO}, of LeRobot's dataset v3"
LIVE = False
KEEPS_FAILURES = False
OWN_IDENTITY = ("include_obj_pose",)
STREAMS = ("images",)
NEEDS_IMAGES = False
_VERSION = 1
_CRF = 18
"""Quality of the videos: what the format ``vpl`` uses. LeRobot's own default, 30 of AV1, takes ten times as long."""


def add_options(group: _ArgumentGroup) -> None:
    """Add ``--include_obj_pose``."""
    group.add_argument("--include_obj_pose", action="store_true", help="let the state hold the object's pose too")


def find(path: Path) -> list[Path]:
    """Roots that ``path`` means: itself, or folders just below it."""
    path = path.resolve()
    return [path] if (path / INFO).is_file() else sorted(root for root in path.glob("*") if (root / INFO).is_file())


def open_writer(out: Path, options: Namespace, identity: Mapping[str, Any], provenance: Mapping[str, Any]) -> Writer:
    """Start a dataset, a folder in ``out`` that is named after the task. See the protocol."""
    require("--format lerobot")
    whole = {**identity, "include_obj_pose": options.include_obj_pose}
    root = out / identity["task"].split(":")[-1]
    with writable(out):
        lock = FolderLock(out / f".{root.name}")
        return Writer(root, lock, Manifest(root / MANIFEST, NAME, _VERSION, whole, dict(provenance)))


class Writer:
    """A dataset being written. LeRobot makes its folder when the first episode shows what a frame holds."""

    def __init__(self, root: Path, lock: FolderLock, manifest: Manifest) -> None:
        """Nothing is written yet."""
        self.root, self.lock, self.manifest, self.session = root, lock, manifest, 0
        self._dataset: Any = None
        self._numbers: list[int] = []
        self._outcomes: list[dict[str, Any]] = []
        self.spec: features.StateSpec | None = None

    @property
    def committed(self) -> list[int]:
        """Numbers of the episodes so far."""
        return list(self._numbers)

    def open(self, index: int) -> _Sink:
        """Start an episode. One at a time: LeRobot's writer has one buffer."""
        return _Sink(self, index)

    def add(self, index: int, rows: list[dict[str, Any]], outcome: Outcome) -> None:
        """Hand a whole episode to LeRobot."""
        task = self.manifest.identity.get("language") or self.manifest.identity["task"]
        if self._dataset is None:
            self._dataset = self._create(rows[0])
        for row in rows:
            self._dataset.add_frame({**row, "task": task})
        self._dataset.save_episode(parallel_encoding=False)
        self._numbers.append(index)
        self._outcomes.append({"success": outcome.success, "reason": outcome.reason, "terminated": outcome.terminated})

    def committed_one(self, index: int, steps: int) -> None:
        """Nothing to note."""

    def close(self) -> None:
        """Have LeRobot write the ends of its files, and add the manifest. Without an episode there is no dataset."""
        try:
            if self._dataset is not None:
                self._dataset.finalize()
                assert self.spec is not None
                self.manifest.provenance["state"] = self.spec.to_json()
                contents = {"episodes": self._numbers, "outcomes": self._outcomes}
                open_or_create(self.manifest).count(contents)
                self.manifest = Manifest.load(self.manifest.path)
        finally:
            self._dataset = None
            self.lock.release()

    def _create(self, row: Mapping[str, np.ndarray]) -> Any:
        facts = self.manifest.provenance
        if not facts.get("step_dt"):
            raise RunError("the source does not say how long a step takes (step_dt): LeRobot needs a frame rate")
        fps = round(1 / facts["step_dt"])
        if abs(fps * facts["step_dt"] - 1) > 0.01:
            raise RunError(f"LeRobot needs a whole frame rate, {1 / facts['step_dt']:g} is none")
        dataset = importlib.import_module("lerobot.datasets.lerobot_dataset").LeRobotDataset
        assert self.spec is not None
        described = {name: self._feature(name, value) for name, value in row.items()}
        encoder = importlib.import_module("lerobot.configs.video").RGBEncoderConfig
        set_libav_level(ERROR)  # LeRobot lets FFmpeg tell about every file
        return dataset.create(
            f"local/{self.root.name}",
            fps,
            described,
            self.root,
            facts.get("robot"),
            rgb_encoder=encoder("h264", crf=_CRF, preset="veryfast"),
            streaming_encoding=True,
            encoder_queue_maxsize=0,  # without a limit: with one, LeRobot drops the frames that come too fast
            video_backend="pyav",
        )

    def _feature(self, name: str, value: np.ndarray) -> dict[str, Any]:
        if value.ndim == 3:
            return {"dtype": "video", "shape": value.shape, "names": ["height", "width", "channels"]}
        assert self.spec is not None
        names = self.spec.names if name == features.READY else None
        return {"dtype": str(value.dtype), "shape": value.shape, "names": names}


class _Sink:
    """Keeps the small numbers of one episode; images go to LeRobot at its end, one after the other.

    So an episode's images are held in memory once: LeRobot's writer cannot take back frames of an episode that fails.
    """

    def __init__(self, writer: Writer, index: int) -> None:
        self._writer, self._index = writer, index
        self._frames: list[dict[str, np.ndarray]] = []
        self._cameras: list[str] = writer.manifest.identity["cameras"]

    def append(self, frame: Frame) -> None:
        if "action" not in frame:
            return
        kept = {name: np.array(frame[name]) for name in features.CHANNELS if name in frame}
        kept |= {f"images/{camera}": np.array(frame[f"images/{camera}"]) for camera in self._cameras}
        self._frames.append({**kept, "action": np.array(frame["action"])})

    def commit(self, outcome: Outcome) -> int:
        steps = len(self._frames)
        if steps == 0:
            raise ValueError(f"episode {self._index} has no action")
        channels = {name: np.stack([f[name] for f in self._frames]) for name in self._frames[0] if "/" not in name}
        if self._writer.spec is None:
            self._writer.spec = self._spec(channels)
        states = features.state(self._writer.spec, channels, np.concatenate).astype(np.float32)
        rows = []
        for step, frame in enumerate(self._frames):
            row = {IMAGE + camera: frame[f"images/{camera}"] for camera in self._cameras}
            last = step == steps - 1
            row |= {features.READY: states[step], "action": frame["action"].astype(np.float32)}
            row |= {"next.done": np.array([last]), "next.success": np.array([last and outcome.success is True])}
            rows.append(row)
        self._writer.add(self._index, rows, outcome)
        return steps

    def _spec(self, channels: Mapping[str, np.ndarray]) -> features.StateSpec:
        facts = self._writer.manifest.provenance
        joints = next(iter(facts.get("joint_names", {}).values()), [])
        widths = {name: values.shape[-1] for name, values in channels.items() if name != "action"}
        spec = features.choose(widths, joints, self._writer.manifest.identity["include_obj_pose"])
        return features.with_references(spec, channels)

    def discard(self) -> None:
        self._frames.clear()
