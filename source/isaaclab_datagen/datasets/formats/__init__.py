"""The door to the formats: a module of this folder is a format, found by lying here.

A format's module provides:

* ``LAYOUT: str``: one line, where its files lie below ``<out>`` (shown where no dataset is found);
* ``LIVE: bool``: whether it can be recorded live; one that cannot is only exported, by ``convert.py``;
* ``KEEPS_FAILURES: bool``: whether failed episodes are kept where nothing else is asked for;
* ``OWN_IDENTITY: tuple[str, ...]``: what ``open_writer`` adds to the identity;
* ``STREAMS: tuple[str, ...]``: the kinds of image streams that it can hold (``images``, ``depth``, ...);
* ``NEEDS_IMAGES: bool``: whether it is nothing without a camera's images;
* ``add_options(group)``: adds its own options to a script's argument group;
* ``open_writer(out, options, identity, provenance) -> OpenWriter``: opens the dataset below ``out`` for writing, or
  creates it. Removes what a killed run left, compares the identity, counts the session;
* ``find(path) -> list[Path]``: roots of its datasets that ``path`` means (the ``--out`` folder, a root, or a folder
  between or just below); cheap, reads no data;
* ``Reader(root)``: opens one for reading.

A format may not import torch: its sinks run in processes of their own, to which its writer travels pickled.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from argparse import Namespace, _ArgumentGroup
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from isaaclab_datagen.datasets.episode import Writer
from isaaclab_datagen.datasets.manifest import Manifest
from isaaclab_datagen.datasets.reader import DatasetReader
from isaaclab_datagen.errors import RunError, UsageError


class OpenWriter(Writer, Protocol):
    """A writer that has its dataset's manifest open."""

    @property
    def manifest(self) -> Manifest:
        """Identity and provenance; ``describe`` adds to it."""
        ...

    @property
    def session(self) -> int:
        """Number of this writing session, for :func:`~isaaclab_datagen.datasets.manifest.derive_seed`."""
        ...


class Format(Protocol):
    """What a format's module provides. See the top of this file."""

    LAYOUT: str
    LIVE: bool
    KEEPS_FAILURES: bool
    OWN_IDENTITY: tuple[str, ...]
    STREAMS: tuple[str, ...]
    NEEDS_IMAGES: bool

    def add_options(self, group: _ArgumentGroup) -> None:
        """Add the format's own options."""
        ...

    def open_writer(
        self, out: Path, options: Namespace, identity: Mapping[str, Any], provenance: Mapping[str, Any]
    ) -> OpenWriter:
        """Open for writing.

        Args:
            out: The ``--out`` folder.
            options: Has what :meth:`add_options` added.
            identity: All that changes the data; has ``task`` (gym id) and ``cameras`` (list of names). The format adds
                its own options.
            provenance: Further facts, for a new dataset. More can be added with ``writer.manifest.describe``; a format
                may use ``step_dt`` [s], ``intrinsics`` (camera to 3x3 list) and ``camera_sizes`` (camera to width and
                height [px]).

        Raises:
            UsageError: ``out`` cannot be written or holds something else, or an option is bad.
            RunError: Another process writes there, or its manifest is broken.
        """
        ...

    def find(self, path: Path) -> list[Path]:
        """Roots of the datasets that ``path`` means."""
        ...

    def Reader(self, root: Path) -> DatasetReader:  # noqa: N802
        """Open for reading."""
        ...


def names() -> list[str]:
    """Names of all formats, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(name: str) -> Format:
    """Import a format.

    Raises:
        UsageError: There is no such format; names the closest one and all of them.
    """
    choices = names()
    if name not in choices:
        close = difflib.get_close_matches(name, choices, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UsageError(f"--format {name}: unknown.{hint} Choices: {', '.join(choices)}")
    return cast(Format, importlib.import_module(f"{__name__}.{name}"))


def load_live(name: str) -> Format:
    """Import a format that a simulation can record in.

    Raises:
        UsageError: There is no such format, or it is only exported.
    """
    if load(name).LIVE:
        return load(name)
    live = ", ".join(other for other in names() if load(other).LIVE)
    raise UsageError(f"--format {name}: is not recorded. Record one of {live}, then convert.py SRC DST --format {name}")


def detect(path: Path) -> tuple[str, Path]:
    """Find the dataset that a folder means.

    Args:
        path: A dataset's root, or a folder around it or just below it.

    Returns:
        Name of its format, and its root.

    Raises:
        UsageError: There is no such folder, or more than one dataset in it.
        RunError: There is none in it.
    """
    if not path.is_dir():
        raise UsageError(f"{path}: {'a file' if path.exists() else 'no such folder'}. Give the folder of a dataset")
    found = [(name, root) for name in names() for root in load(name).find(path)]
    if not found:
        layouts = "; ".join(f"{name}: {load(name).LAYOUT}" for name in names())
        raise RunError(f"{path} holds no dataset of this package. Looked for {layouts}")
    if len(found) > 1:
        roots = ", ".join(str(root) for _, root in found)
        raise UsageError(f"{path} holds {len(found)} datasets. Give one of them: {roots}")
    return found[0]


def open_reader(path: Path) -> DatasetReader:
    """Open the dataset that a folder means, whatever its format. Errors as :func:`detect`, and if it is broken."""
    name, root = detect(path)
    return load(name).Reader(root)
