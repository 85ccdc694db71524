"""Diffuse-CLoC as one NPZ file: windows written out, for programs that want arrays and no code of this package.

``<out>/<task>_windows/{dataset.json, diffusion_dataset.npz}``. Some ten times larger than the trajectories that it is
made of. Only exported, by ``convert.py`` from ``diffuse_cloc``; nothing in it is pickled. docs/formats.md names its
keys.
"""

from __future__ import annotations

import json
import re
import zipfile
from argparse import Namespace, _ArgumentGroup
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from isaaclab_datagen.datasets.episode import Episode, Frame, Outcome, columns_of
from isaaclab_datagen.datasets.files import FolderLock
from isaaclab_datagen.datasets.manifest import Manifest, json_clean, open_or_create
from isaaclab_datagen.datasets.reader import DatasetReader
from isaaclab_datagen.datasets.states import StateLog
from isaaclab_datagen.datasets.writing import locked, writable
from isaaclab_datagen.errors import RunError, UsageError

LAYOUT = "<task>_windows/dataset.json"
LIVE, KEEPS_FAILURES = False, True
OWN_IDENTITY = ("horizon", "history_length", "state_layout")
STREAMS: tuple[str, ...] = ()
NEEDS_IMAGES = False
FILE = "diffusion_dataset.npz"
WINDOWS = ("history_states", "history_actions", "future_states", "future_actions")
_MANIFEST, _VERSION = "dataset.json", 1


def add_options(group: _ArgumentGroup) -> None:
    """Add what windows are like."""
    group.add_argument("--horizon", type=int, metavar="H", help="steps of the future (default: the dataset's)")
    group.add_argument("--history_length", type=int, metavar="N", help="steps of the past (default: the dataset's)")
    group.add_argument("--state_layout", default="body_pos", metavar="NAME", help="what a state is made of")


def find(path: Path) -> list[Path]:
    """Roots that ``path`` means."""
    path = path.resolve()
    return [path] if _is_root(path) else sorted(root for root in path.glob("*") if _is_root(root))


def open_writer(out: Path, options: Namespace, identity: Mapping[str, Any], provenance: Mapping[str, Any]) -> Writer:
    """Create the dataset. See :class:`~isaaclab_datagen.datasets.formats.Format`."""
    root = out / (re.sub(r"[^\w.-]", "-", identity["task"].split(":")[-1].lower()) + "_windows")
    defaults = {"horizon": 16, "history_length": 4}
    own = {name: vars(options)[name] for name in OWN_IDENTITY}
    own |= {name: provenance.get(name, value) for name, value in defaults.items() if own[name] is None}
    wanted = Manifest(root / _MANIFEST, "diffuse_cloc_npz", _VERSION, {**identity, **own}, dict(provenance))
    with writable(out), locked(root) as lock:
        return Writer(open_or_create(wanted), lock)


class Writer:
    """One archive open for writing; an episode is in it once it is committed."""

    def __init__(self, manifest: Manifest, lock: FolderLock) -> None:
        """Start the archive."""
        self.manifest = manifest
        self.root = manifest.path.parent
        self.session = manifest.begin_session()
        self.lock = lock
        self.committed: list[int] = []
        self._windows = 0
        self._archive = zipfile.ZipFile(self.root / FILE, "w", zipfile.ZIP_STORED)

    def open(self, index: int) -> _Sink:
        """Start episode number ``index``."""
        return _Sink(self, index)

    def committed_one(self, index: int, steps: int) -> None:
        """Nothing: the archive has it."""

    def add(self, index: int, columns: Mapping[str, np.ndarray], outcome: Outcome) -> None:
        """Write an episode's windows."""
        # torch, which a process that only records or looks for datasets does not need
        from isaaclab_datagen.datasets.windows import WindowShape, of_columns

        identity = self.manifest.identity
        shape = WindowShape(identity["history_length"], identity["horizon"])
        windows = of_columns(columns, identity["state_layout"], shape)
        self._windows += len(windows["history_states"])
        facts = {name: str(outcome.extra.get(name, "")) for name in ("motion_file", "policy_path")}
        steps = {"episode_id": index, "timesteps": len(windows["history_states"])}
        ended = {"success": bool(outcome.success), "success_known": outcome.success is not None}
        about = {
            **facts,
            **steps,
            **ended,
            "reason": outcome.reason,
            "outcome": json.dumps(json_clean(asdict(outcome))),
        }
        for name, value in {**windows, **about}.items():
            self._write(f"{index:06d}/{name}", np.asarray(value))
        self.committed.append(index)

    def close(self) -> None:
        """Finish the archive.

        Raises:
            UsageError: No episode was long enough for a window.
        """
        identity, facts = self.manifest.identity, self.manifest.provenance
        about = {name: identity[name] for name in OWN_IDENTITY} | {"total_episodes": len(self.committed)}
        about |= {name: facts.get(name) for name in ("joint_names", "body_names", "step_dt")}
        about["action_delay_range"] = facts.get("args", {}).get("action_delay_range")
        try:
            self._write("metadata", np.array(json.dumps(about)))
            self._archive.close()
        finally:
            self.lock.release()
        if self.committed and not self._windows:
            lengths = f"history {identity['history_length']} and horizon {identity['horizon']}"
            raise UsageError(f"{lengths}: no trajectory is long enough for a window")

    def _write(self, name: str, values: np.ndarray) -> None:
        with self._archive.open(f"{name}.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array(file, values, allow_pickle=False)


class _Sink:
    def __init__(self, writer: Writer, index: int) -> None:
        self._writer, self._index = writer, index
        self._path = writer.root / f".{index}.bin"
        self._states = StateLog(self._path)

    def append(self, frame: Frame) -> None:
        self._states.append(frame)

    def commit(self, outcome: Outcome) -> int:
        columns = self._states.columns()
        self._writer.add(self._index, columns, outcome)
        self._path.unlink(missing_ok=True)
        return len(columns["action"])

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)


class Reader(DatasetReader):
    """Such an archive. Of an episode it has the actions and the states, where these do not depend on the window."""

    def __init__(self, root: Path) -> None:
        """Read the manifest and list the episodes."""
        self.root = root = root.absolute()
        self.manifest = Manifest.load(root / _MANIFEST, "diffuse_cloc_npz", _VERSION, {"state_layout": str})
        self.cameras: list[str] = []
        self.inspection_folder = root / "inspection"
        try:
            with np.load(root / FILE, allow_pickle=False) as archive:
                self.indices = sorted({int(name.partition("/")[0]) for name in archive if "/" in name})
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise RunError(f"{root / FILE} is not a whole NPZ file ({error})") from error

    def read(self, index: int, images: bool = True) -> Episode:
        """Put an episode together again from its windows."""
        try:
            with np.load(self.root / FILE, allow_pickle=False) as archive:
                windows = columns_of({name: archive[f"{index:06d}/{name}"] for name in WINDOWS}, self.root / FILE)
                said = json.loads(str(archive[f"{index:06d}/outcome"]))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise RunError(f"{self.root / FILE}: episode {index} cannot be read ({error})") from error
        outcome = Outcome.of(said, f"{self.root / FILE}: episode {index}")
        joined = {
            name: _joined(windows[f"history_{name}"], windows[f"future_{name}"]) for name in ("states", "actions")
        }
        whole = self.manifest.identity["state_layout"] == "body_pos"
        frames = {"state": joined["states"]} if whole else {}
        return Episode(joined["actions"], frames, outcome, {**self.manifest.identity, **self.manifest.provenance})

    def stored(self, index: int) -> Sequence[int]:
        """None: there are no images."""
        return ()

    def decode(self, index: int, stream: str, frames: Sequence[int] | None = None) -> NoReturn:
        """Refuse: there are no images."""
        raise RunError(f"{self.root} holds no images, so no {stream}")

    def problems(self, index: int) -> list[str]:
        """Nothing beyond what reading finds."""
        return []


def _joined(past: np.ndarray, future: np.ndarray) -> np.ndarray:
    """The steps of an episode: the first window's past, each window's first future step, the last one's further."""
    if len(past) == 0:
        return np.empty((0, past.shape[-1]), past.dtype)
    return np.concatenate([past[0], future[:, 0], future[-1, 1:]])


def _is_root(path: Path) -> bool:
    manifest = path / _MANIFEST
    if not manifest.is_file():
        return False
    with manifest.open("rb") as file:  # other formats have files of this name too
        return b'"format": "diffuse_cloc_npz"' in file.read(64)
