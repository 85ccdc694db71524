"""AVDC: what the unmodified ``SequentialDatasetv2`` of flow-diffusion/AVDC globs and reads (flowdiffusion/datasets.py).

``<out>/metaworld_dataset/<task>/<variant>/<episode>/`` holds ``00.png ... action.pkl metadata.json state.npz``. Task is
the trainer's text prompt, each camera is one variant. T actions, T + 1 images, the last one being the goal image.
``state.npz`` holds all other channels, (T + 1, ...), the actions (T, ...). ``<task>/dataset.json`` is the manifest;
hidden names below ``<task>`` hold what is being written: the trainer's glob skips them. An episode is committed when
all of its variants' folders are in place. No depth, no segmentation; ``action.pkl`` calls an unknown success False.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from argparse import Namespace, _ArgumentGroup
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from isaaclab_datagen.datasets import png, typed
from isaaclab_datagen.datasets.archives import dump_npz, dump_pickle, load_npz, load_pickle
from isaaclab_datagen.datasets.episode import Episode, Frame, Outcome, columns_of, is_stream
from isaaclab_datagen.datasets.files import FolderLock, write_file
from isaaclab_datagen.datasets.folders import place, whole_and_partial, wrong_numbers
from isaaclab_datagen.datasets.manifest import Manifest, json_clean, open_or_create
from isaaclab_datagen.datasets.reader import DatasetReader, LazyFrames
from isaaclab_datagen.datasets.states import StateLog
from isaaclab_datagen.datasets.writing import STAGING, FolderWriter, locked, writable
from isaaclab_datagen.errors import RunError, UsageError

LAYOUT = "metaworld_dataset/<task>/dataset.json"
LIVE, KEEPS_FAILURES = True, False
OWN_IDENTITY, STREAMS = ("dataset_task", "variants"), ("images",)
NEEDS_IMAGES = True
_TOP, _MANIFEST, _VERSION = "metaworld_dataset", "dataset.json", 1
_NEEDED = {"cameras": list[str], "variants": dict[str, str]}
_KINDS = {**get_type_hints(Outcome), "camera_resolution": list[int], "num_frames": int, "num_actions": int}
"""Types of what is read from an episode's metadata."""


def add_options(group: _ArgumentGroup) -> None:
    """Add ``--dataset_task`` and ``--dataset_variant``."""
    group.add_argument(
        "--dataset_task", help="the task's folder and the trainer's text prompt (default: the task's id)"
    )
    group.add_argument("--dataset_variant", help="the camera's folder, where there is one camera (default: its name)")


def find(path: Path) -> list[Path]:
    """Roots (task folders) that ``path`` means."""
    path = path.resolve()
    around = [path, *path.parents[:2]]
    below = [*path.glob("*"), *path.glob(f"{_TOP}/*")]
    roots = next(([root] for root in around if _is_root(root)), None)
    return roots or sorted(root for root in below if _is_root(root))


def open_writer(out: Path, options: Namespace, identity: Mapping[str, Any], provenance: Mapping[str, Any]) -> Writer:
    """Open ``<out>/metaworld_dataset/<task>`` for writing. See :class:`~isaaclab_datagen.datasets.formats.Format`."""
    given = options.dataset_task
    task = identity["task"].split(":")[-1].lower() if given is None else given
    variants = _variants(identity["cameras"], options.dataset_variant)
    if lost := [name for name in identity.get("data_types", ()) if name != "rgb"]:
        raise UsageError(f"--data_types {','.join(lost)}: format avdc stores rgb alone, give another --format")
    for option, name in (("--dataset_task", task), *(("--dataset_variant", name) for name in variants.values())):
        if not name or name.startswith(".") or "/" in name or os.sep in name:
            raise UsageError(f"{option} {name!r}: must be a folder's name, not hidden, without separators")
    root = out / _TOP / task
    whole = {**identity, "dataset_task": task, "variants": variants}
    wanted = Manifest(root / _MANIFEST, "avdc", _VERSION, whole, dict(provenance))
    with writable(out), locked(root) as lock:
        return Writer(_recovered(wanted), lock)


class Writer(FolderWriter):
    """A dataset open for writing. Pickled copies of it open and write episodes in other processes."""

    def __init__(self, manifest: Manifest, lock: FolderLock) -> None:
        """Count the session and prepare the folders."""
        super().__init__(manifest, lock)
        for variant in manifest.identity["variants"].values():
            (self.root / variant).mkdir(exist_ok=True)

    @property
    def committed(self) -> list[int]:
        """Sorted numbers of the episodes that are whole on disk."""
        return whole_and_partial(self.root / variant for variant in self.manifest.identity["variants"].values())[0]

    def open(self, index: int) -> _Sink:
        """Start episode number ``index``."""
        return _Sink(self.manifest, index, self.staging(index))


class _Sink:
    def __init__(self, manifest: Manifest, index: int, staging: Path) -> None:
        self._manifest = manifest
        self._index = index
        self._staging = staging
        self._variants: dict[str, str] = manifest.identity["variants"]
        self._streams = [(f"images/{camera}", f"{staging}/{variant}") for camera, variant in self._variants.items()]
        self._resolutions: dict[str, list[int]] = {}
        self._states = StateLog(staging / "states.bin")
        for _, folder in self._streams:
            os.makedirs(folder)

    def append(self, frame: Frame) -> None:
        number = len(self._states)
        if number == 0:
            self._check_channels(frame)
        self._states.append({name: value for name, value in frame.items() if not name.startswith("images/")})
        for name, folder in self._streams:
            write_file(f"{folder}/{number:02d}.png", png.encode(frame[name]))

    def commit(self, outcome: Outcome) -> int:
        columns = self._states.columns()
        actions = columns.get("action", np.empty(0))
        if len(actions) != len(self._states) - 1 or len(actions) == 0:
            raise ValueError(
                f"episode {self._index} has {len(actions)} actions and {len(self._states)} frames, not T and T + 1"
            )
        states = dump_npz(columns)
        pickled = dump_pickle(
            {"actions": actions.astype(np.float32), "num_steps": len(actions), "success": bool(outcome.success)}
        )
        for camera, variant in self._variants.items():
            folder = self._staging / variant
            write_file(folder / "action.pkl", pickled)
            write_file(folder / "state.npz", states)
            write_file(folder / "metadata.json", json.dumps(self._metadata(camera, outcome), indent=1).encode())
        root = self._manifest.path.parent
        place({self._staging / variant: _folder(root, variant, self._index) for variant in self._variants.values()})
        shutil.rmtree(self._staging)
        return len(actions)

    def discard(self) -> None:
        shutil.rmtree(self._staging)

    def _check_channels(self, frame: Frame) -> None:
        """Refuse what the format would lose."""
        expected, found = {name for name, _ in self._streams}, {name for name in frame if is_stream(name)}
        if missing := sorted(expected - found):
            raise RunError(f"format avdc needs {', '.join(missing)}: the recorder or the source does not give it")
        if lost := sorted(found - expected):
            raise RunError(f"format avdc cannot store {', '.join(lost)}: record without it, or in another --format")
        shapes = {camera: frame[f"images/{camera}"].shape for camera in self._variants}
        self._resolutions = {camera: [width, height] for camera, (height, width, _) in shapes.items()}

    def _metadata(self, camera: str, outcome: Outcome) -> dict[str, Any]:
        facts = self._manifest.provenance
        return {
            "task": self._manifest.identity["task"],
            "camera_sensor": camera,
            "camera_resolution": self._resolutions[camera],
            "intrinsics": facts.get("intrinsics", {}).get(camera),
            "fps": 1.0 / facts["step_dt"] if "step_dt" in facts else None,
            "num_frames": len(self._states),
            "num_actions": len(self._states) - 1,
            "success": outcome.success,
            "reason": outcome.reason,
            "terminated": bool(outcome.terminated),
            "env_index": int(outcome.env_index),
            "extra": json_clean(outcome.extra),
        }


class Reader(DatasetReader):
    """A dataset open for reading."""

    def __init__(self, root: Path) -> None:
        """Read the manifest and list the episodes."""
        self.root = root = root.absolute()
        self.manifest = Manifest.load(root / _MANIFEST, "avdc", _VERSION, _NEEDED)
        self._variants: dict[str, str] = self.manifest.identity["variants"]
        if not self._variants:
            raise RunError(f"{self.manifest.path} names no variant")
        self.cameras = list(self._variants)
        self.inspection_folder = root.parents[1] / "inspection" / root.name
        self.indices = whole_and_partial(root / variant for variant in self._variants.values())[0]

    def read(self, index: int, images: bool = True) -> Episode:
        """Read one episode. Its images are decoded each time a stream is taken from ``frames``."""
        folder = self._folder(index, self.cameras[0])
        metadata = self._metadata(index, self.cameras[0])
        outcome = Outcome.of(metadata, folder / "metadata.json")
        states = columns_of(load_npz(folder / "state.npz"), folder / "state.npz")
        if "action" not in states or metadata["num_actions"] != len(states["action"]):
            raise RunError(f"{folder / 'state.npz'} does not hold as many actions as metadata.json says")
        actions = states.pop("action")
        everything = {**self.manifest.identity, **self.manifest.provenance, **metadata}
        frames = LazyFrames(self, index, states) if images else states
        return Episode(actions, frames, outcome, everything)

    def stored(self, index: int) -> Sequence[int]:
        """All frames."""
        return range(self._metadata(index, self.cameras[0])["num_frames"])

    def decode(self, index: int, stream: str, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Decode images one by one."""
        folder = self._folder(index, stream.removeprefix("images/"))
        wanted = self.stored(index) if frames is None else frames
        return (png.decode(folder / f"{number:02d}.png") for number in wanted)

    def problems(self, index: int) -> list[str]:
        """What is wrong with an episode's files: image numbers, ``action.pkl``, disagreement between cameras."""
        try:
            episode = self.read(index, images=False)
            return [problem for camera in self.cameras for problem in self._camera_problems(index, camera, episode)]
        except RunError as error:
            return [str(error)]

    def foreign(self) -> list[str]:
        """Folders among the episodes whose names are no numbers: the trainer takes them for some."""
        folders = [self.root / variant for variant in self._variants.values()]
        found = (child for folder in folders if folder.is_dir() for child in sorted(folder.iterdir()))
        names = [child for child in found if child.is_dir() and not child.name.startswith(".")]
        return [f"{child}: its name must be a number" for child in names if not child.name.isdecimal()]

    def _camera_problems(self, index: int, camera: str, episode: Episode) -> list[str]:
        folder, metadata = self._folder(index, camera), self._metadata(index, camera)
        pickled = load_pickle(folder / "action.pkl")
        actions = pickled.get("actions") if isinstance(pickled, dict) else None
        found = wrong_numbers(folder, ".png", episode.num_steps + 1)
        expected = {"num_steps": episode.num_steps, "success": bool(episode.outcome.success)}
        if not isinstance(actions, np.ndarray) or {name: pickled.get(name) for name in expected} != expected:
            found.append(f"{folder / 'action.pkl'} does not say {expected}")
        elif not np.array_equal(actions, episode.actions.astype(np.float32), equal_nan=True):
            found.append(f"{folder / 'action.pkl'} holds other actions than state.npz")
        said = folder / "metadata.json"
        counted = metadata["num_frames"], metadata["num_actions"], metadata["success"]
        if counted != (episode.num_steps + 1, episode.num_steps, episode.outcome.success):
            found.append(f"{said}: frames, actions, success {counted} disagree with the other files")
        height, width, _ = next(self.images(index, camera, [0])).shape
        if metadata["camera_resolution"] != [width, height]:
            found.append(f"{said} says {metadata['camera_resolution']}, images are {[width, height]}")
        first, other = self._folder(index, self.cameras[0]) / "state.npz", folder / "state.npz"
        if load_npz(other).keys() and other.read_bytes() != first.read_bytes():
            found.append(f"{other} differs from {first}")
        return found

    def _folder(self, index: int, camera: str) -> Path:
        return _folder(self.root, self._variants[camera], index)

    def _metadata(self, index: int, camera: str) -> dict[str, Any]:
        path = self._folder(index, camera) / "metadata.json"
        try:
            metadata = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read ({error})") from error
        typed.check(metadata, _KINDS, path)
        return metadata


def _is_root(path: Path) -> bool:
    return path.parent.name == _TOP and (path / _MANIFEST).is_file()


def _folder(root: Path, variant: str, index: int) -> Path:
    return root / variant / f"{index:03d}"


def _variants(cameras: Sequence[str], variant: str | None) -> dict[str, str]:
    if not cameras:
        raise UsageError("format avdc needs a camera: name one with --cameras")
    if variant is None:
        return {camera: camera for camera in cameras}
    if len(cameras) > 1:
        raise UsageError(
            f"--dataset_variant {variant}: names one camera, there are {len(cameras)} ({', '.join(cameras)})"
        )
    return {cameras[0]: variant}


def _recovered(wanted: Manifest) -> Manifest:
    """Open the manifest, having removed what a killed run left of its episodes."""
    root = wanted.path.parent
    if not wanted.path.exists():
        if any(child.is_dir() and not child.name.startswith(".") for child in root.iterdir()):
            raise UsageError(f"{root} holds folders but no {_MANIFEST}: not of this package. Give another --out")
        return open_or_create(wanted)
    variants = list(Manifest.load(wanted.path, "avdc", _VERSION, _NEEDED).identity["variants"].values())
    whole, partial = whole_and_partial(root / variant for variant in variants)
    missing = [variant for variant in variants if not (root / variant).is_dir()]
    if missing and partial:
        raise RunError(
            f"{root} lacks the folder {missing[0]}, though others hold {len(partial)} episodes. Restore it first"
        )
    shutil.rmtree(root / STAGING, ignore_errors=True)
    for variant, index in itertools.product(variants, partial):
        shutil.rmtree(_folder(root, variant, index), ignore_errors=True)
    return open_or_create(wanted, keep_identity=bool(whole))
