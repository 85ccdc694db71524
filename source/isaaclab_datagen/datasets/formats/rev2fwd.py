"""Rev2Fwd: one NPZ file for each trajectory, without pickles; ``<out>/dataset.json`` is the manifest.

``<out>/episode_000.npz`` holds what docs/formats.md lists: for trainers T rows of images, poses and actions, their
quaternions w, x, y, z; below ``final/`` the images after the last action; below ``states/`` every channel as recorded.
What is being written lies in a hidden folder; an episode appears by one rename.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from argparse import Namespace, _ArgumentGroup
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib

from isaaclab_datagen.datasets.archives import (
    Kind,
    array_kind,
    array_kinds,
    load_npz,
    read_array,
    read_rows,
    write_array,
    write_rows,
)
from isaaclab_datagen.datasets.episode import Episode, Frame, Outcome, columns_of, is_stream
from isaaclab_datagen.datasets.files import append_file
from isaaclab_datagen.datasets.folders import place
from isaaclab_datagen.datasets.manifest import Manifest, json_clean, open_or_create
from isaaclab_datagen.datasets.reader import DatasetReader, LazyFrames
from isaaclab_datagen.datasets.states import StateLog
from isaaclab_datagen.datasets.writing import STAGING, FolderWriter, locked, writable
from isaaclab_datagen.errors import RunError, UsageError

LAYOUT = "dataset.json with episode_<number>.npz"
LIVE, KEEPS_FAILURES = True, False
OWN_IDENTITY, STREAMS = (), ("images",)
NEEDS_IMAGES = True
_MANIFEST, _VERSION = "dataset.json", 1
_EPISODE = re.compile(r"episode_(\d+)\.npz")
_LEVEL = 1
"""Of the archive's zlib, and of ISA-L for what waits to go there. Higher levels hardly gain."""

ROWS = {
    "ee_pose": "ee_pose",
    "obj_pose": "object_pose",
    "joint_pos": "joint_pos",
    "joint_vel": "joint_vel",
    "gripper_width": "gripper_width",
    "phase": "phase",
}
"""Keys of T rows, and the channels that they show."""
CONSTANTS = {"goal_pose": "goal_pose", "place_pose": "place_pose", "target_pose": "target_pose"}
"""Keys that show a channel's first row: what was asked for."""
POSES = {"ee_pose", "obj_pose", *CONSTANTS}
"""Keys with quaternions."""
NEEDED = ("ee_pose",)
"""Channels without which nothing is written; the others show where they are there."""
TO_WXYZ = [0, 1, 2, 6, 3, 4, 5]


def add_options(group: _ArgumentGroup) -> None:
    """None."""


def find(path: Path) -> list[Path]:
    """Roots that ``path`` means."""
    path = path.resolve()
    around = next(([root] for root in (path, path.parent) if _is_root(root)), None)
    return around or sorted(root for root in path.glob("*") if _is_root(root))


def open_writer(out: Path, options: Namespace, identity: Mapping[str, Any], provenance: Mapping[str, Any]) -> Writer:
    """Open ``out`` for writing. See :class:`~isaaclab_datagen.datasets.formats.Format`."""
    keys = image_keys(identity["cameras"])
    if lost := [name for name in identity.get("data_types", ()) if name != "rgb"]:
        raise UsageError(f"--data_types {','.join(lost)}: format rev2fwd stores rgb alone, give another --format")
    facts = {**provenance, "image_keys": keys, "quaternion_order_of_keys": "wxyz"}
    wanted = Manifest(out / _MANIFEST, "rev2fwd", _VERSION, dict(identity), facts)
    with writable(out), locked(out) as lock:
        shutil.rmtree(out / STAGING, ignore_errors=True)
        there = _numbers(out)
        if there and not wanted.path.exists():
            raise UsageError(f"--out {out}: holds {_name(there[0])} but no {_MANIFEST}. Give another --out")
        return Writer(open_or_create(wanted, keep_identity=bool(there)), lock)


def image_keys(cameras: Sequence[str]) -> dict[str, str]:
    """Camera to the key of its images: ``images`` for the first one, ``<name>_images`` for the others.

    Raises:
        UsageError: There is no camera, or two would have one key.
    """
    if not cameras:
        raise UsageError("format rev2fwd needs a camera: name one with --cameras")
    keys = {camera: f"{camera.removesuffix('_camera')}_images" for camera in cameras} | {cameras[0]: "images"}
    if len(set(keys.values())) < len(cameras):
        raise UsageError(f"--cameras {','.join(cameras)}: two of them would be stored under one key")
    return keys


class Writer(FolderWriter):
    """A dataset open for writing. Pickled copies of it open and write episodes in other processes."""

    @property
    def committed(self) -> list[int]:
        """Sorted numbers of the episodes that are whole on disk."""
        return _numbers(self.root)

    def open(self, index: int) -> _Sink:
        """Start episode number ``index``."""
        return _Sink(self.root, index, self.staging(index), image_keys(self.manifest.identity["cameras"]))


class _Sink:
    def __init__(self, root: Path, index: int, staging: Path, keys: Mapping[str, str]) -> None:
        self._root, self._index, self._staging = root, index, staging
        self._keys = {f"images/{camera}": key for camera, key in keys.items()}
        self._states = StateLog(staging / "states.bin")
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._sizes: dict[str, list[int]] = {key: [] for key in self._keys.values()}
        staging.mkdir(parents=True)

    def append(self, frame: Frame) -> None:
        if not self._shapes:
            self._check(frame)
        self._states.append({name: value for name, value in frame.items() if not is_stream(name)})
        for name, key in self._keys.items():
            data = isal_zlib.compress(np.ascontiguousarray(frame[name]), _LEVEL)
            append_file(self._staging / key, data)
            self._sizes[key].append(len(data))

    def commit(self, outcome: Outcome) -> int:
        columns = self._states.columns()
        steps = len(columns.get("action", ()))
        if steps != len(self._states) - 1 or steps == 0:
            raise ValueError(
                f"episode {self._index} has {steps} actions and {len(self._states)} frames, not T and T + 1"
            )
        file = self._staging / _name(self._index)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
            facts = {**asdict(outcome), "extra": json_clean(outcome.extra)}
            write_array(archive, "episode", np.array(json.dumps(facts)))
            write_array(archive, "success", np.array(bool(outcome.success)))
            for key, values in shown(columns).items():
                write_array(archive, key, values)
            for name in columns.keys() - {"action"}:
                write_array(archive, f"states/{name}", columns[name])
            for key, shape in self._shapes.items():
                images = self._images(key)
                write_rows(archive, key, (steps, *shape), (next(images) for _ in range(steps)))
                write_rows(archive, f"final/{key}", shape, images)
        place({file: self._root / _name(self._index)})
        shutil.rmtree(self._staging)
        return steps

    def discard(self) -> None:
        shutil.rmtree(self._staging)

    def _images(self, key: str) -> Iterator[bytes]:
        """The images of all frames, one by one."""
        with (self._staging / key).open("rb") as file:
            for size in self._sizes[key]:
                yield isal_zlib.decompress(file.read(size))

    def _check(self, frame: Frame) -> None:
        """Refuse what the format would lose, or what it needs."""
        found = {name for name in frame if is_stream(name)}
        if missing := sorted({*self._keys, *NEEDED, "action"} - frame.keys()):
            raise RunError(f"format rev2fwd needs {', '.join(missing)}: the recorder or the source does not give it")
        if lost := sorted(found - self._keys.keys()):
            raise RunError(f"format rev2fwd cannot store {', '.join(lost)}: record without it, or in another --format")
        self._shapes = {key: frame[name].shape for name, key in self._keys.items()}


class Reader(DatasetReader):
    """A dataset open for reading."""

    def __init__(self, root: Path) -> None:
        """Read the manifest and list the episodes."""
        self.root = root = root.absolute()
        self.manifest = Manifest.load(root / _MANIFEST, "rev2fwd", _VERSION, {"cameras": list[str]})
        self.cameras = self.manifest.identity["cameras"]
        self._keys = {f"images/{camera}": key for camera, key in image_keys(self.cameras).items()}
        self.inspection_folder = root.parent / "inspection" / root.name
        self.indices = _numbers(root)

    def read(self, index: int, images: bool = True) -> Episode:
        """Read one episode. Its images are decoded each time a stream is taken from ``frames``."""
        path = self.root / _name(index)
        arrays = load_npz(path, lambda name: name in ("action", "episode") or name.startswith("states/"))
        if missing := {"action", "episode"} - arrays.keys():
            raise RunError(f"{path} lacks {', '.join(sorted(missing))}: it was not written by this package")
        said = str(arrays.pop("episode"))
        actions = columns_of(arrays, path).pop("action")
        try:
            outcome = Outcome.of(json.loads(said), f"{path}: episode")
        except ValueError as error:
            raise RunError(f"{path}: episode says {said!r}, which is not how one ends ({error})") from error
        states = {name.removeprefix("states/"): values for name, values in arrays.items()}
        for name, values in states.items():
            if len(values) not in (len(actions), len(actions) + 1):
                raise RunError(f"{path}: states/{name} has {len(values)} rows, action has {len(actions)}")
        frames = LazyFrames(self, index, states) if images else states
        everything = {**self.manifest.identity, **self.manifest.provenance, **outcome.extra}
        return Episode(actions, frames, outcome, everything)

    def stored(self, index: int) -> Sequence[int]:
        """All frames."""
        return range(array_kind(self.root / _name(index), "action")[0][0] + 1)

    def decode(self, index: int, stream: str, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Decode images one by one; ascending ones fastest."""
        path, key = self.root / _name(index), self._keys[stream]
        (last, *_), dtype = array_kind(path, key)
        if dtype != np.uint8:
            raise RunError(f"{path}: {key} holds {dtype}, not uint8")
        wanted = range(last + 1) if frames is None else frames
        rows = read_rows(path, key, [frame for frame in wanted if frame != last])
        for frame in wanted:
            yield next(rows) if frame != last else read_array(path, f"final/{key}")

    def problems(self, index: int) -> list[str]:
        """What is wrong with an episode's file: keys that are missing, do not agree with the states, or are pickled."""
        path = self.root / _name(index)
        try:
            kinds, episode = array_kinds(path), self.read(index, images=False)
            expected = shown({**episode.frames, "action": episode.actions})
            expected["success"] = np.array(bool(episode.outcome.success))
            found = load_npz(path, expected.__contains__)
            wrong = [f"states/{name}" for name in NEEDED if name not in episode.frames]
            wrong += [name for name, values in expected.items() if not _same(found.get(name), values)]
            wrong += [name for name in (*ROWS, *CONSTANTS) if name in kinds and name not in expected]
            lacking = [name for key in self._keys.values() for name in _no_images(kinds, key, episode.num_steps)]
        except RunError as error:
            return [str(error)]
        except (LookupError, ValueError) as error:  # a pose too narrow, a width that is none
            return [f"{path}: the keys for trainers cannot be made of its channels ({error})"]
        lines = [f"{path}: {name} is missing, or does not agree with the states" for name in wrong]
        return lines + [f"{path}: {name} is missing, or not an image (H, W, 3) of uint8 a step" for name in lacking]


def shown(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The keys for trainers, images left out, of what was recorded: T rows, or one for what was asked for.

    Args:
        columns: Channels (T + 1, ...), and ``action`` (T, A).
    """
    actions = columns["action"]
    keys = {key: columns[name][: len(actions)] for key, name in ROWS.items() if name in columns}
    keys |= {key: columns[name][0] for key, name in CONSTANTS.items() if name in columns}
    keys |= {key: keys[key][..., TO_WXYZ] for key in keys.keys() & POSES}
    if "gripper_width" in keys:
        keys["gripper_width"] = keys["gripper_width"].reshape(len(actions))
    return {**keys, "action": actions}


def _same(found: np.ndarray | None, expected: np.ndarray) -> bool:
    return found is not None and found.shape == expected.shape and found.tobytes() == expected.tobytes()


def _no_images(kinds: Mapping[str, Kind], key: str, steps: int) -> list[str]:
    """Which of a camera's two arrays does not hold its images."""
    shape, dtype = kinds.get(f"final/{key}", ((), None))
    if len(shape) != 3 or shape[2] != 3 or dtype != np.uint8:
        return [f"final/{key}"]
    return [] if kinds.get(key) == ((steps, *shape), dtype) else [key]


def _is_root(path: Path) -> bool:
    manifest = path / _MANIFEST
    if not manifest.is_file():
        return False
    with manifest.open("rb") as file:  # other formats have files of this name too
        return b'"format": "rev2fwd"' in file.read(64)


def _numbers(root: Path) -> list[int]:
    found = (_EPISODE.fullmatch(name) for name in os.listdir(root))
    return sorted(int(match[1]) for match in found if match)


def _name(index: int) -> str:
    return f"episode_{index:03d}.npz"
