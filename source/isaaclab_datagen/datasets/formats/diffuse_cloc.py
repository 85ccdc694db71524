"""Diffuse-CLoC: one HDF5 file for each episode, with whole trajectories; windows are made on reading.

``<out>/<task>/{dataset.json, episodes/000000.h5, ...}``. A window of a model shares all but one of its steps with the
next one: stored so, data would take twenty times the room, and one choice of history, horizon and state. What is stored
here is what was true in the world, step by step; :mod:`~isaaclab_datagen.datasets.windows` cuts windows of any length
and layout out of it. docs/formats.md names every key. A file is built in memory and appears by one rename.
"""

from __future__ import annotations

import json
import re
import shutil
from argparse import Namespace, _ArgumentGroup
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np

from isaaclab_datagen.datasets.episode import Episode, Frame, Outcome, columns_of, is_stream
from isaaclab_datagen.datasets.episode_files import outcome_of
from isaaclab_datagen.datasets.files import write_file
from isaaclab_datagen.datasets.folders import numbered_files, place
from isaaclab_datagen.datasets.hdf5 import Opened, opened, write_numbers
from isaaclab_datagen.datasets.manifest import Manifest, json_clean, open_or_create
from isaaclab_datagen.datasets.reader import DatasetReader
from isaaclab_datagen.datasets.states import StateLog
from isaaclab_datagen.datasets.writing import STAGING, FolderWriter, locked, writable
from isaaclab_datagen.errors import RunError, UsageError

LAYOUT = "<task>/dataset.json and <task>/episodes/<number>.h5"
LIVE, KEEPS_FAILURES = True, True
OWN_IDENTITY: tuple[str, ...] = ()
STREAMS: tuple[str, ...] = ()
NEEDS_IMAGES = False
_MANIFEST, _EPISODES, _SUFFIX, _VERSION = "dataset.json", "episodes", ".h5", 1
_WORLD = "world axes"
_ENVIRONMENT = "environment"
_ABOUT: dict[str, dict[str, str]] = {
    "action": {"what": "what the policy gave: the label", "unit": "of the policy"},
    "executed_action": {
        "what": "what acted: late, with noise; mean of the step's physics steps",
        "unit": "of the policy",
    },
    "root_pose": {"unit": "m", "frame": _ENVIRONMENT, "order": "x y z qx qy qz qw"},
    "root_velocity": {"unit": "m/s, rad/s", "frame": _WORLD, "order": "linear, angular; of the root body's origin"},
    "body_pos": {"unit": "m", "frame": _ENVIRONMENT},
    "body_quat": {"order": "qx qy qz qw", "frame": _ENVIRONMENT},
    "body_lin_vel": {"unit": "m/s", "frame": _WORLD, "what": "of the bodies' origins"},
    "joint_pos": {"unit": "rad"},
    "joint_vel": {"unit": "rad/s"},
    "motion_frame": {"what": "frame of the reference motion"},
}
"""Attributes of the datasets."""


def add_options(group: _ArgumentGroup) -> None:
    """Add ``--horizon`` and ``--history_length``: defaults for reading, data are stored whole."""
    group.add_argument(
        "--horizon", type=int, default=16, metavar="H", help="steps of the future in a window, by default"
    )
    group.add_argument("--history_length", type=int, default=4, metavar="N", help="steps of the past in a window")


def find(path: Path) -> list[Path]:
    """Roots (task folders) that ``path`` means."""
    path = path.resolve()
    roots = next(([root] for root in (path, path.parent) if _is_root(root)), None)
    return roots or sorted(root for root in path.glob("*") if _is_root(root))


def open_writer(out: Path, options: Namespace, identity: Mapping[str, Any], provenance: Mapping[str, Any]) -> Writer:
    """Open ``<out>/<task>`` for writing. See :class:`~isaaclab_datagen.datasets.formats.Format`."""
    if identity["cameras"]:
        raise UsageError(f"--cameras {','.join(identity['cameras'])}: format diffuse_cloc stores no images")
    for name in ("horizon", "history_length"):
        if vars(options)[name] < (name == "horizon"):
            raise UsageError(f"--{name} {vars(options)[name]}: must be {int(name == 'horizon')} or more")
    root = out / re.sub(r"[^\w.-]", "-", identity["task"].split(":")[-1].lower())
    windows = {"horizon": options.horizon, "history_length": options.history_length}
    wanted = Manifest(root / _MANIFEST, "diffuse_cloc", _VERSION, dict(identity), {**provenance, **windows})
    with writable(out), locked(root) as lock:
        shutil.rmtree(root / STAGING, ignore_errors=True)
        for name in (_EPISODES, STAGING):
            (root / name).mkdir(exist_ok=True)
        return Writer(open_or_create(wanted, bool(numbered_files(root / _EPISODES, _SUFFIX))), lock)


class Writer(FolderWriter):
    """A dataset open for writing. Pickled copies of it open and write episodes in other processes."""

    @property
    def committed(self) -> list[int]:
        """Sorted numbers of the episodes that are whole on disk."""
        return numbered_files(self.root / _EPISODES, _SUFFIX)

    def open(self, index: int) -> _Sink:
        """Start episode number ``index``."""
        return _Sink(self.manifest, index, self.staging(index))


class _Sink:
    def __init__(self, manifest: Manifest, index: int, staging: Path) -> None:
        self._manifest = manifest
        self._index = index
        self._whole, self._rows = staging.with_suffix(_SUFFIX), staging.with_suffix(".bin")
        self._states = StateLog(self._rows)

    def append(self, frame: Frame) -> None:
        if not len(self._states) and (images := sorted(name for name in frame if is_stream(name))):
            raise RunError(f"format diffuse_cloc cannot store {', '.join(images)}: record without them")
        self._states.append(frame)

    def commit(self, outcome: Outcome) -> int:
        columns = self._states.columns()
        steps = len(columns.get("action", ()))
        if steps != len(self._states) - 1 or steps == 0:
            raise ValueError(
                f"episode {self._index} has {steps} actions and {len(self._states)} frames, not T and T + 1"
            )
        facts = {**self._manifest.provenance, **self._manifest.identity}
        write_file(self._whole, _encoded(columns, outcome, facts))
        place({self._whole: _file(self._manifest.path.parent, self._index)})
        self._rows.unlink(missing_ok=True)
        return steps

    def discard(self) -> None:
        for path in (self._whole, self._rows):
            path.unlink(missing_ok=True)


class Reader(DatasetReader):
    """A dataset open for reading."""

    def __init__(self, root: Path) -> None:
        """Read the manifest and list the episodes."""
        self.root = root = root.absolute()
        self.manifest = Manifest.load(root / _MANIFEST, "diffuse_cloc", _VERSION)
        self.cameras: list[str] = []
        self.inspection_folder = root / "inspection"
        self.indices = numbered_files(root / _EPISODES, _SUFFIX)

    def path(self, index: int) -> Path:
        """An episode's file."""
        return _file(self.root, index)

    def read(self, index: int, images: bool = True) -> Episode:
        """Read one episode."""
        with opened(self.path(index)) as file:
            columns = columns_of(dict(_columns(file)), self.path(index))
            outcome = outcome_of(file)
            said = {name: value for name, value in file.attrs.items() if name not in ("joint_names", "body_names")}
        own = {name: value.tolist() if isinstance(value, np.generic) else value for name, value in said.items()}
        if "action" not in columns or len(columns["action"]) != own["num_steps"]:
            raise RunError(f"{self.path(index)} does not hold as many actions as it says")
        actions = columns.pop("action")
        return Episode(actions, columns, outcome, {**self.manifest.identity, **self.manifest.provenance, **own})

    def columns(self, index: int, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Some channels of an episode, and ``action``, without reading the others.

        Raises:
            RunError: The file is broken, or lacks one; names the file.
        """
        with opened(self.path(index)) as file:
            return {name: file[name][()] for name in names}

    def outcome(self, index: int) -> tuple[Outcome, int]:
        """How an episode ended, and its number of actions, without reading its data. Errors as :meth:`read`."""
        with opened(self.path(index)) as file:
            return outcome_of(file), int(file.attrs["num_steps"])

    def stored(self, index: int) -> Sequence[int]:
        """None: there are no images."""
        return ()

    def decode(self, index: int, stream: str, frames: Sequence[int] | None = None) -> NoReturn:
        """Refuse: there are no images."""
        raise RunError(f"{self.root} holds no images, so no {stream}")

    def problems(self, index: int) -> list[str]:
        """Whether the file says of itself what it holds."""
        try:
            with opened(self.path(index)) as file:
                said = int(file.attrs["num_steps"])
                wrong = [
                    name
                    for name, rows in _rows(file)
                    if rows not in (said, said + 1) or (name == "action" and rows != said)
                ]
        except RunError as error:
            return [str(error)]
        return [f"{self.path(index)}: {name} does not have num_steps rows, or one more" for name in wrong]


def _encoded(columns: Mapping[str, np.ndarray], outcome: Outcome, facts: Mapping[str, Any]) -> bytes:
    """An episode's file. Channels that are equal in every bit are stored once, under both names."""
    with h5py.File("episode", "w", libver=("v110", "v110"), driver="core", backing_store=False) as file:
        stored: dict[tuple[Any, ...], list[str]] = {}
        for name in sorted(columns, key=lambda name: ("/" in name, name)):
            values = columns[name]
            alike = stored.setdefault((values.shape, values.dtype.str), [])
            same = next((other for other in alike if columns[other].tobytes() == values.tobytes()), None)
            if same is None:
                alike.append(name)
                write_numbers(file, name, values).attrs.update(_ABOUT.get(name, {}))
            else:
                file[name] = file[same]
        file.attrs.update(_attributes(columns, outcome, facts))
        file.flush()
        return file.id.get_file_image()


def _attributes(columns: Mapping[str, np.ndarray], outcome: Outcome, facts: Mapping[str, Any]) -> dict[str, Any]:
    extra = json_clean(outcome.extra)
    return {
        **{name: value for name, value in extra.items() if isinstance(value, bool | int | float | str)},
        "success": bool(outcome.success),
        "success_known": outcome.success is not None,
        "terminated": bool(outcome.terminated),
        "termination_reason": outcome.reason,
        "env_idx": int(outcome.env_index),
        "num_steps": len(columns["action"]),
        "task": facts["task"],
        "step_dt": facts.get("step_dt", 0.0),
        "quaternion_order": "xyzw",
        **{
            kind: np.array(_of_robot(facts.get(kind, {})), h5py.string_dtype())
            for kind in ("joint_names", "body_names")
        },
        "extra": json.dumps(extra),
    }


def _of_robot(names: Mapping[str, Sequence[str]]) -> list[str]:
    """Those of the articulation ``robot``, or of the only one."""
    return list(names.get("robot", next(iter(names.values()), ()) if len(names) == 1 else ()))


def _datasets(group: Opened, prefix: str = "") -> Iterator[tuple[str, h5py.Dataset]]:
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            yield from _datasets(item, f"{prefix}{name}/")
        else:
            yield prefix + name, item


def _columns(file: Opened) -> Iterator[tuple[str, np.ndarray]]:
    return ((name, dataset[()]) for name, dataset in _datasets(file))


def _rows(file: Opened) -> Iterator[tuple[str, int]]:
    return ((name, len(dataset)) for name, dataset in _datasets(file))


def _is_root(path: Path) -> bool:
    manifest = path / _MANIFEST
    if not manifest.is_file():
        return False
    with manifest.open("rb") as file:  # other formats have files of this name too
        return b'"format": "diffuse_cloc"' in file.read(64)


def _file(root: Path, index: int) -> Path:
    return root / _EPISODES / f"{index:06d}{_SUFFIX}"
