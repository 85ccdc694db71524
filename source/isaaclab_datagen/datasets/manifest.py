"""A dataset's identity and provenance: one JSON file that says what the data are and how they came about."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_type_hints

import numpy as np

from isaaclab_datagen.datasets import typed
from isaaclab_datagen.datasets.files import write_atomically
from isaaclab_datagen.errors import RunError, UsageError

_SHOWN_DIFFERENCES = 6
_KINDS: dict[str, Any] = {
    "task": str,
    "cameras": list[str],
    "seed": int,
    "num_envs": int,
    "device": str,
    "env": dict[str, Any],
    "args": dict[str, Any],
    "overrides": list[str],
    "step_dt": float | None,
    "joint_names": dict[str, list[str]],
    "body_names": dict[str, list[str]],
}
"""Types of what is read from identity and provenance, where it is there."""


@dataclass
class Manifest:
    """What a dataset says about itself."""

    path: Path
    """Where it lies."""
    format: str
    """Name of the format's module."""
    format_version: int
    """Grows when the format's layout changes."""
    identity: dict[str, Any]
    """All that changes the data (task, expert, checkpoint hash, cameras, configuration, seed, ...), JSON-clean."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """All else a reader needs (names of joints and bodies, quaternion order, units, step_dt, ...), JSON-clean."""
    sessions: list[dict[str, Any]] = field(default_factory=list)
    """One entry for each process that wrote here: number, package version, commit, start time."""
    contents: dict[str, Any] = field(default_factory=dict)
    """What a format adds at the top of the file, beside the other fields (such as its number of episodes)."""

    @classmethod
    def load(
        cls, path: Path, of: str = "", version: int = 0, needed: Mapping[str, Any] = MappingProxyType({})
    ) -> Manifest:
        """Read it.

        Args:
            path: Where it lies.
            of: The format that it must be of, if one is named.
            version: Of that format, the newest one that can be read.
            needed: What that format needs in the identity: name to type, as :func:`typed.check` takes them.

        Raises:
            RunError: It cannot be read, is not a manifest, or says something of another type than it must have.
        """
        kinds = {name: kind for name, kind in get_type_hints(cls).items() if name not in ("path", "contents")}
        try:
            saved = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise RunError(f"{path} is not a dataset's manifest ({error})") from error
        typed.check(saved, {name: kinds[name] for name in ("format", "format_version", "identity")}, path)
        typed.check(saved, kinds, path, needed=False)
        contents = {name: saved.pop(name) for name in saved.keys() - kinds.keys()}
        manifest = cls(path=path, contents=contents, **saved)
        if of and manifest.format != of:
            raise RunError(f"{path} is not the manifest of a dataset of format {of}")
        if of and manifest.format_version > version:
            raise RunError(
                f"{path}: version {manifest.format_version} of format {of}, of which this release of "
                f"isaaclab_datagen reads {version} and older. Install a newer one"
            )
        typed.check({**manifest.provenance, **manifest.identity}, _KINDS, path, needed=False)
        typed.check(manifest.identity, needed, path)
        return manifest

    def save(self) -> None:
        """Write it, atomically."""
        saved = asdict(self)
        del saved["path"]
        saved |= saved.pop("contents")
        write_atomically(self.path, json.dumps(saved, indent=1, default=_plain).encode())

    def describe(self, facts: Mapping[str, Any]) -> None:
        """Add facts to the provenance (those known only once the simulation exists) and save."""
        self.provenance.update(json_clean(facts))
        self.save()

    def count(self, contents: Mapping[str, Any]) -> None:
        """Replace what the format adds, and save."""
        self.contents = dict(contents)
        self.save()

    def begin_session(self) -> int:
        """Count this process in, on disk before anything is recorded.

        Returns:
            Its number, from 0. No two processes get the same; see :func:`derive_seed`.
        """
        number = len(self.sessions)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self.sessions.append({"number": number, "started": started, **_origin()})
        self.save()
        return number


def open_or_create(wanted: Manifest, keep_identity: bool = True) -> Manifest:
    """Open the manifest at ``wanted.path``, or create it.

    Args:
        wanted: Format, identity and first provenance of the data about to be written.
        keep_identity: False where the dataset holds no episode yet: then another identity may take its place.

    Returns:
        The manifest on disk. One that was there keeps its provenance and its sessions.

    Raises:
        UsageError: One is there with another format or identity; names each difference.
    """
    wanted.identity, wanted.provenance = json_clean(wanted.identity), json_clean(wanted.provenance)
    if wanted.path.exists():
        found = Manifest.load(wanted.path)
        if _signature(found) == _signature(wanted):
            return found
        if keep_identity:
            raise UsageError(_explain_differences(found, wanted))
        wanted.sessions = found.sessions
    wanted.save()
    return wanted


def derive_seed(seed: int, session: int) -> int:
    """Seed of one session of a run, so that a resumed run records no start state twice.

    Args:
        seed: The run's seed, as the user gave it.
        session: From :meth:`Manifest.begin_session`.

    Returns:
        ``seed`` itself in session 0, afterwards a 31-bit number that depends on both.
    """
    if seed < 0:
        raise UsageError(f"--seed {seed}: must be 0 or more")
    if session == 0:
        return seed
    return int(np.random.SeedSequence(seed, spawn_key=(session,)).generate_state(1)[0]) & 0x7FFFFFFF


def json_clean(value: Any) -> Any:
    """What ``value`` is after a round trip through JSON (tuples become lists, arrays lists, paths strings)."""
    return json.loads(json.dumps(value, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(
        f"{value!r} ({type(value).__name__}) does not go into a manifest: give numbers, strings, lists, dicts"
    )


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Each leaf in which two nested dictionaries differ, as ``name is A there, B here``."""
    return _differing(_texts(there), _texts(here))


def _signature(manifest: Manifest) -> dict[str, str]:
    """Every leaf of what must agree, as text (so that NaN equals NaN)."""
    return _texts({"format": manifest.format, "format_version": manifest.format_version, **manifest.identity})


def _texts(tree: Mapping[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in _leaves("", tree)}


def _differing(there: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    return [f"{name} is {there.get(name, 'absent')} there, {here.get(name, 'absent')} here" for name in names]


def _leaves(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def _explain_differences(found: Manifest, wanted: Manifest) -> str:
    shown = _differing(_signature(found), _signature(wanted))
    if len(shown) > _SHOWN_DIFFERENCES:
        shown[_SHOWN_DIFFERENCES:] = [f"and {len(shown) - _SHOWN_DIFFERENCES} more differ"]
    return f"{found.path.parent} holds another dataset: {'; '.join(shown)}. Give another --out, or the same options"


def _origin() -> dict[str, Any]:
    """Version of this package and, in a clone, its commit."""
    version = importlib.metadata.version("isaaclab-datagen")
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return {"version": version, "commit": None}
    git = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        result = subprocess.run(git, capture_output=True, text=True, timeout=10)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return {"version": version, "commit": None}
    return {"version": version, "commit": result.stdout.strip() or None}
