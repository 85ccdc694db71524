"""Whether the episodes of a dataset are whole, as far as that shows without decoding their images."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from isaaclab_datagen.datasets import channels, formats
from isaaclab_datagen.datasets.episode import Episode
from isaaclab_datagen.datasets.reader import DatasetReader
from isaaclab_datagen.errors import RunError


def problems(reader: DatasetReader, index: int, episode: Episode) -> list[str]:
    """What is wrong with an episode's numbers and files, one line each.

    Args:
        reader: Its dataset.
        index: Its number.
        episode: Read without images.
    """
    return channels.problems(index, episode, reader.has_last_frame) + reader.problems(index)


def broken(reader: DatasetReader, indices: Sequence[int], names: Collection[str] | None = None) -> dict[int, str]:
    """Which episodes are broken, or consist of something else than most do, and one line on each that says why.

    Args:
        reader: The dataset.
        indices: Which of its episodes are looked at.
        names: Which of their channels; all if None.
    """
    source = reader.recorded
    found = {index: _looked_at(source, names, index) for index in indices}
    wrong = {index: what for index, what in found.items() if isinstance(what, str)}
    kinds = {index: what for index, what in found.items() if not isinstance(what, str)}
    return wrong | {index: _named(source, lines[0]) for index, lines in channels.disagreements(kinds).items()}


def require_whole(reader: DatasetReader, indices: Sequence[int], names: Collection[str] | None = None) -> None:
    """Refuse broken episodes. Arguments as of :func:`broken`.

    Raises:
        RunError: One is broken; names it, what is wrong, and the remedy.
    """
    with remedy(reader):
        for line in broken(reader, indices, names).values():
            raise RunError(line)


@contextmanager
def remedy(reader: DatasetReader) -> Iterator[None]:
    """Name the remedy where an episode turns out to be broken, if there is one.

    Raises:
        RunError: It is.
    """
    try:
        yield
    except RunError as error:
        if not formats.load(reader.manifest.format).LIVE:  # an export is not converted
            raise
        raise RunError(f"{error}. convert.py --skip_broken leaves broken episodes out") from error


def _looked_at(reader: DatasetReader, names: Collection[str] | None, index: int) -> channels.Kinds | str:
    """What an episode consists of, or what is wrong with it."""
    try:
        episode = reader.read(index, images=False)
    except RunError as error:
        return str(error)
    if names is not None:
        episode = replace(episode, frames={name: episode.frames[name] for name in episode.frames if name in names})
    found = problems(reader, index, episode)
    return _named(reader, found[0]) if found else channels.kinds(episode)


def _named(reader: DatasetReader, line: str) -> str:
    """The line, with the dataset in it."""
    root = str(reader.manifest.path.parent)
    return line if root in line else f"{root}: {line}"
