"""Episodes that lie in numbered folders, one folder for each of several streams."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from isaaclab_datagen.errors import RunError


def numbers(folder: Path, prefix: str = "") -> set[int]:
    """Numbers of the entries whose names are ``prefix`` and a number; empty where there is no such folder."""
    if not folder.is_dir():
        return set()
    names = [name.removeprefix(prefix) for name in os.listdir(folder) if name.startswith(prefix)]
    return {int(name) for name in names if name.isdecimal()}


def whole_and_partial(folders: Iterable[Path]) -> tuple[list[int], list[int]]:
    """Numbers that are in all of the folders, and those that are only in some, each sorted."""
    found = [numbers(folder) for folder in folders]
    whole = set.intersection(*found)
    return sorted(whole), sorted(set.union(*found) - whole)


def place(moves: Mapping[Path, Path]) -> None:
    """Rename folders, all of them or none.

    Args:
        moves: Old name to new name, on one file system.

    Raises:
        RunError: A new name is taken.
        OSError: A rename failed; those before it have been undone.
    """
    taken = [target for target in moves.values() if target.exists()]
    if taken:
        raise RunError(f"{taken[0]} is there already: an episode is never written twice")
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves.items():
            os.rename(source, target)
            done.append((source, target))
    except OSError:
        for source, target in done:
            os.rename(target, source)
        raise


def wrong_numbers(folder: Path, suffix: str, count: int) -> list[str]:
    """What keeps the files with ``suffix`` from being numbered 0 .. count - 1, in at most six lines."""
    stems = [name.removesuffix(suffix) for name in os.listdir(folder) if name.endswith(suffix)]
    foreign = sorted(stem for stem in stems if not stem.isdecimal())
    if foreign:
        return [f"{folder / foreign[0]}{suffix}: its name must be a number"]
    present, expected = {int(stem) for stem in stems}, set(range(count))
    return [
        *(f"{folder} lacks number {number:02d}{suffix}" for number in sorted(expected - present)[:3]),
        *(f"{folder / f'{number:02d}{suffix}'} is one too many" for number in sorted(present - expected)[:3]),
    ]


def numbered_files(folder: Path, suffix: str) -> list[int]:
    """Sorted numbers of the files whose names are a number and ``suffix``; none where there is no such folder."""
    if not folder.is_dir():
        return []
    stems = [name.removesuffix(suffix) for name in os.listdir(folder) if name.endswith(suffix)]
    return sorted(int(stem) for stem in stems if stem.isdecimal())
