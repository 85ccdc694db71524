"""From any dataset of this package to any of its formats."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from tqdm import tqdm

from isaaclab_datagen.datasets import checks, formats
from isaaclab_datagen.datasets.episode import Frame, Writer
from isaaclab_datagen.datasets.files import FolderLock
from isaaclab_datagen.datasets.folders import place
from isaaclab_datagen.datasets.processes import pool, processes
from isaaclab_datagen.datasets.reader import DatasetReader
from isaaclab_datagen.errors import RunError, UsageError

_STAGING, _NEW = ".converting", "new"
_WORTH_A_PROCESS = 8
"""Episodes for which another process is started: that takes a second."""


@dataclass(frozen=True)
class Converted:
    """What a conversion made."""

    root: Path
    """Of the new dataset."""
    episodes: list[int]
    """Numbers of its episodes: those that they had."""
    failures: list[int]
    """Numbers of the episodes that were left out because they did not succeed."""
    streams: list[str]
    """Image streams that were left out because the format cannot hold them."""


def convert(source: DatasetReader, format_name: str, out: Path, options: Namespace, keep_failures: bool) -> Converted:
    """Write a dataset again, in another format or with other options. It appears whole, by a rename.

    Args:
        source: What is converted; stays as it is.
        format_name: Of the new dataset.
        out: Its ``--out`` folder.
        options: Has what the format's ``add_options`` added.
        keep_failures: Whether episodes that did not succeed, or of which it is not known, are converted too.

    Raises:
        UsageError: There is such a dataset below ``out`` already, it cannot be written, or the source is an export.
        RunError: The source is broken, or lacks what the format needs: the message names it.
    """
    if not formats.load(source.manifest.format).LIVE:
        made_of = (source.manifest.provenance.get("converted_from") or {}).get("path", "recorded")
        raise UsageError(f"{source.manifest.path.parent} was only exported: convert what it was made of ({made_of})")
    refuse_second(format_name, out, source.manifest.identity["task"])
    with checks.remedy(source):
        episodes = [index for index in source.indices if keep_failures or _succeeded(source, index)]
    if not episodes:
        raise RunError(f"{source.manifest.path.parent} holds no successful episode: --keep_failures takes the others")
    checks.require_whole(source, episodes)
    format_ = formats.load(format_name)
    kinds = format_.STREAMS
    streams = [name for name in source.streams(episodes[0]) if name.partition("/")[0] in kinds]
    if format_.NEEDS_IMAGES and not any(name.startswith("images/") for name in streams):
        raise RunError(f"{source.manifest.path.parent} holds no images, which format {format_name} needs")
    staging = out / _STAGING
    with _workplace(staging):
        new = staging / _NEW
        writer = format_.open_writer(new, options, *_description(source, kinds))
        try:
            copied = _copied(source, episodes, streams, writer, format_.LIVE)
            for index, steps in tqdm(copied, total=len(episodes), unit="episode", desc="writing", dynamic_ncols=True):
                writer.committed_one(index, steps)
        finally:
            writer.close()
        root = writer.manifest.path.parent
        target = out / root.relative_to(new)
        target.parent.mkdir(parents=True, exist_ok=True)
        moves = {root: target} if target != out else _contents(writer.manifest.path, out)
        left = [path for path in moves.values() if path.exists()]
        if left:
            raise UsageError(
                f"{left[0]} is there, but no dataset: a conversion was killed here. Delete it, or give another folder"
            )
        place(moves)
    left_out = [name for name in source.streams(episodes[0]) if name not in streams]
    return Converted(target, episodes, sorted(set(source.indices) - set(episodes)), left_out)


def own_options(source: DatasetReader) -> Namespace:
    """The options with which a dataset was written, for writing some of it again in its own format."""
    parser, manifest = ArgumentParser(), source.manifest
    format_ = formats.load(manifest.format)
    format_.add_options(parser.add_argument_group(manifest.format))
    own = {name: manifest.identity[name] for name in format_.OWN_IDENTITY}
    return Namespace(**{**vars(parser.parse_args([])), **own})


class _Stored(dict[str, np.ndarray]):
    """A frame that says what is the matter when an image is asked of it that its dataset does not store."""

    def __missing__(self, name: str) -> NoReturn:
        raise RunError(
            f"the source stores no {name} of every frame (its --video_interval is not 1): the format needs it"
        )


def frames(source: DatasetReader, index: int, streams: Sequence[str]) -> Iterator[Frame]:
    """The frames of an episode as they were recorded.

    Args:
        source: Its dataset.
        index: Its number.
        streams: The image streams that they have.
    """
    episode, stored = source.read(index, images=False), set(source.stored(index))
    images = {name: source.decode(index, name) for name in streams}
    for step in range(episode.num_steps + 1):
        frame = _Stored({name: np.asarray(rows[step]) for name, rows in episode.frames.items() if step < len(rows)})
        if step < episode.num_steps:
            frame["action"] = episode.actions[step]
        if step in stored:
            frame |= {name: next(stream) for name, stream in images.items()}
        yield frame


def _copied(
    source: DatasetReader, episodes: Sequence[int], streams: Sequence[str], writer: Writer, live: bool
) -> Iterator[tuple[int, int]]:
    """Write episodes: those of a live format by all processors, which open their own sinks; of another one by one.

    Yields:
        Number of an episode that is whole, and of its actions.
    """
    copy = partial(_copy, source, streams, writer)
    workers = processes(len(episodes), _WORTH_A_PROCESS) if live else 1
    if workers < 2:
        yield from zip(episodes, map(copy, episodes), strict=True)
        return
    with pool(workers) as started:
        yield from zip(episodes, started.map(copy, episodes), strict=True)


def _copy(source: DatasetReader, streams: Sequence[str], writer: Writer, index: int) -> int:
    """Write one episode. Returns the number of its actions."""
    outcome, sink = source.read(index, images=False).outcome, writer.open(index)
    with ExitStack() as undo:
        undo.callback(sink.discard)
        for frame in frames(source, index, streams):
            sink.append(frame)
        steps = sink.commit(outcome)
        undo.pop_all()
    return steps


def _succeeded(source: DatasetReader, index: int) -> bool | None:
    """Whether an episode did, which does not depend on the side from which it is seen."""
    return source.recorded.read(index, images=False).outcome.success


def _description(source: DatasetReader, kinds: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Identity and provenance of what is made of a dataset, which the new format adds to.

    Args:
        source: The dataset.
        kinds: The kinds of image streams that the new format can hold.
    """
    manifest = source.manifest
    own = formats.load(manifest.format).OWN_IDENTITY
    identity = {name: value for name, value in manifest.identity.items() if name not in own}
    if "images" not in kinds:
        identity["cameras"] = []
    if "data_types" in identity:  # by the names that the cameras have for them
        held = {"rgb" if kind == "images" else kind for kind in kinds}
        identity["data_types"] = [name for name in identity["data_types"] if name in held]
    made_of = {
        "format": manifest.format,
        "path": str(manifest.path.parent),
        "options": {name: manifest.identity[name] for name in own},
        "sessions": manifest.sessions,
        "converted_from": manifest.provenance.get("converted_from"),
    }
    return identity, {**manifest.provenance, "converted_from": made_of}


def _contents(manifest: Path, out: Path) -> dict[Path, Path]:
    """What lies beside a manifest, and where it goes: the manifest last, without which there is no dataset."""
    there = [path for path in manifest.parent.iterdir() if not path.name.startswith(".") and path != manifest]
    return {path: out / path.name for path in [*sorted(there), manifest]}


def refuse_second(format_name: str, out: Path, task: str) -> None:
    """Refuse a folder that cannot take a dataset of this format and task.

    Raises:
        UsageError: It holds one already, or is a file.
    """
    format_ = formats.load(format_name)
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: a file. Give a folder")
    for root in format_.find(out) if out.is_dir() else ():
        if format_.Reader(root).manifest.identity["task"] == task:
            raise UsageError(f"{root} is a {format_name} dataset of {task} already. Give another folder")


@contextmanager
def _workplace(staging: Path) -> Iterator[None]:
    """A folder for one process, removed at the end; what a killed one left in it is removed at the beginning."""
    try:
        lock = FolderLock(staging)
    except OSError as error:
        raise UsageError(f"{staging.parent}: cannot be written ({error.strerror}). Give another folder") from error
    try:
        for left in staging.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
        yield
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        lock.release()
