"""Reading LeRobot datasets, those of this package and others'."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from isaaclab_datagen.datasets.episode import Episode, Outcome
from isaaclab_datagen.datasets.manifest import Manifest
from isaaclab_datagen.datasets.reader import DatasetReader, LazyFrames
from isaaclab_datagen.errors import RunError, UsageError

NAME = "lerobot"
INFO = Path("meta/info.json")
MANIFEST = Path("isaaclab_datagen.json")
"""What this package adds; other programs ignore it."""
IMAGE = "observation.images."
_OPENING = Lock()
"""Of LeRobot, which opens a dataset in one thread only."""
_OWN = ("timestamp", "frame_index", "episode_index", "index", "task_index")
"""Columns that LeRobot adds."""


def require(what: str) -> None:
    """Refuse what needs LeRobot where it is not installed.

    Raises:
        UsageError: It is not there.
    """
    if importlib.util.find_spec(NAME) is None:
        raise UsageError(f"{what} needs LeRobot, which is not installed: pip install 'isaaclab-datagen[learn]'")


class Reader(DatasetReader):
    """A LeRobot dataset open for reading."""

    has_last_frame = False

    def __init__(self, root: Path) -> None:
        """Read what it says about itself."""
        self.root = root = root.absolute()
        try:
            info = json.loads((root / INFO).read_text())
            described, self.num_episodes, self.fps = info["features"], info["total_episodes"], info["fps"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{root / INFO} does not describe a LeRobot dataset ({error!r})") from error
        keys = [name for name, feature in described.items() if feature["dtype"] in ("video", "image")]
        self.keys = {key.removeprefix("observation.images.").removeprefix("observation."): key for key in keys}
        self.cameras = list(self.keys)
        self._columns = [name for name in described if name not in keys and name not in _OWN]
        self.inspection_folder = root.parent / "inspection" / root.name
        self.manifest = self._manifest(info)
        self.indices = self.manifest.contents.get("episodes", list(range(self.num_episodes)))
        self._opened: Any = None

    def read(self, index: int, images: bool = True) -> Episode:
        """Read one episode."""
        dataset, number = self._dataset(), self._number(index)
        facts = dataset.meta.episodes[number]
        rows = dataset.hf_dataset.with_format("numpy")[facts["dataset_from_index"] : facts["dataset_to_index"]]
        columns = {name: _array(rows[name]) for name in self._columns if name in rows}
        actions = columns.pop("action")
        frames = {name: values for name, values in columns.items() if values.dtype.kind in "fiub"}
        metadata = {**self.manifest.identity, **self.manifest.provenance}
        return Episode(
            actions, LazyFrames(self, index, frames) if images else frames, self._outcome(number, columns), metadata
        )

    def stored(self, index: int) -> Sequence[int]:
        """All frames in which an action was chosen."""
        facts = self._dataset().meta.episodes[self._number(index)]
        return range(facts["dataset_to_index"] - facts["dataset_from_index"])

    def decode(self, index: int, stream: str, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Decode images one by one, as LeRobot does."""
        dataset, key = self._dataset(), self.keys[stream.partition("/")[2]]
        first = dataset.meta.episodes[self._number(index)]["dataset_from_index"]
        for frame in self.stored(index) if frames is None else frames:
            image = dataset[first + frame][key].numpy()
            yield np.ascontiguousarray((image * 255).round().astype(np.uint8).transpose(1, 2, 0))

    def problems(self, index: int) -> list[str]:
        """LeRobot's own check is its loading, which :meth:`read` does."""
        return []

    def __getstate__(self) -> dict[str, Any]:
        """Without the open dataset."""
        return {**self.__dict__, "_opened": None}

    def _number(self, index: int) -> int:
        if index not in self.indices:
            raise RunError(f"{self.root} has no episode {index}")
        return self.indices.index(index)

    def _dataset(self) -> Any:
        with _OPENING:
            if self._opened is None:
                require(f"reading {self.root}")
                module = importlib.import_module("lerobot.datasets.lerobot_dataset")
                self._opened = module.LeRobotDataset(f"local/{self.root.name}", root=self.root, video_backend="pyav")
        return self._opened

    def _manifest(self, info: dict[str, Any]) -> Manifest:
        if (self.root / MANIFEST).is_file():
            return Manifest.load(self.root / MANIFEST)
        identity = {"task": self.root.name, "cameras": self.cameras, "include_obj_pose": False}
        facts = {"step_dt": 1 / self.fps, "robot": info.get("robot_type")}
        return Manifest(self.root / MANIFEST, NAME, 0, identity, facts)

    def _outcome(self, number: int, columns: dict[str, np.ndarray]) -> Outcome:
        """How an episode ended; unknown where nobody says so."""
        outcomes = self.manifest.contents.get("outcomes")
        if outcomes:
            return Outcome.of(outcomes[number], f"{self.manifest.path}: outcome {number}")
        success = bool(columns["next.success"][-1]) if "next.success" in columns else None
        return Outcome(success, "end", False)


def _array(values: Any) -> np.ndarray:
    """A column as one array, (T, ...)."""
    return np.stack(list(values)) if len(values) and np.ndim(values[0]) else np.asarray(values)
