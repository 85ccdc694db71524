"""A dataset decoded once, as arrays that a trainer can take any frame from: images lie uncompressed in one file.

Taking 256 random images out of such a file costs what copying them costs; decoding them for every batch would keep a
GPU waiting. The files are made once, by as many processes as there are processors, and appear whole, by a rename.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from tqdm import tqdm

from isaaclab_datagen.datasets import checks, features
from isaaclab_datagen.datasets.processes import pool, processes
from isaaclab_datagen.datasets.reader import DatasetReader
from isaaclab_datagen.errors import RunError, UsageError

IMAGES, NUMBERS, FACTS = "images.u8", "numbers.npz", "facts.json"


@dataclass(frozen=True)
class Arrays:
    """The frames of all episodes of a dataset, one episode after the other, N in all."""

    images: np.ndarray
    """Memory map. Shape is (N, cameras, H, W, 3), uint8."""
    channels: Mapping[str, np.ndarray]
    """What a state can be made of, see :data:`~isaaclab_datagen.datasets.features.CHANNELS`. Shapes are (N, D)."""
    actions: np.ndarray
    """Shape is (N, A)."""
    lengths: np.ndarray
    """Frames of each episode. Shape is (episodes,)."""
    facts: Mapping[str, Any]
    """``source``, ``task``, ``cameras``, ``step_dt``, ``joint_names`` and more, JSON-clean."""


def build(
    reader: DatasetReader, cache: Path, keep_failures: bool = False, cameras: Sequence[str] | None = None
) -> Arrays:
    """Decode a dataset, or open what was decoded before.

    Args:
        reader: The dataset.
        cache: Folder for the decoded files of any number of datasets.
        keep_failures: Whether episodes that did not succeed are taken too.
        cameras: Which, in this order; all if None.

    Raises:
        UsageError: There is no such camera, or cameras differ in size.
        RunError: No episode is left, or one is broken.
    """
    cameras = list(cameras or reader.cameras)
    if unknown := set(cameras) - set(reader.cameras):
        raise UsageError(f"{_root(reader)} has no camera {', '.join(unknown)}: choose from {', '.join(reader.cameras)}")
    chosen = choose_episodes(reader, keep_failures)
    key = {"path": str(_root(reader)), "identity": reader.manifest.identity, "episodes": [*chosen], "cameras": cameras}
    key["sessions"] = reader.manifest.sessions
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:12]
    folder = cache / f"{_root(reader).name}-{digest}"
    if not folder.is_dir():
        checks.require_whole(reader, list(chosen), features.CHANNELS)
        _decode(reader, chosen, cameras, folder)
    return open_arrays(folder)


def choose_episodes(reader: DatasetReader, keep_failures: bool) -> dict[int, int]:
    """The episodes to learn from: the successes. All of a dataset that says of none whether it succeeded.

    Returns:
        Number of each to that of its actions.

    Raises:
        RunError: There is none.
    """
    with checks.remedy(reader):
        found = {index: _ended(reader, index) for index in reader.indices}
    if keep_failures or all(success is None for success, _ in found.values()):
        chosen = list(found)
    else:
        chosen = [index for index, (success, _) in found.items() if success]
    if not chosen:
        raise RunError(
            f"{_root(reader)} holds no successful episode ({len(found)} others): --keep_failures takes them too"
        )
    return {index: found[index][1] for index in chosen}


def open_arrays(folder: Path) -> Arrays:
    """Open decoded files."""
    facts = json.loads((folder / FACTS).read_text())
    images = np.memmap(folder / IMAGES, np.uint8, "r", shape=tuple(facts["shape"]))
    with np.load(folder / NUMBERS, allow_pickle=False) as file:
        numbers = {name: file[name] for name in file.files}
    return Arrays(images, numbers, numbers.pop("action"), numbers.pop("lengths"), facts)


def _root(reader: DatasetReader) -> Path:
    return reader.manifest.path.parent


def _ended(reader: DatasetReader, index: int) -> tuple[bool | None, int]:
    """Whether an episode succeeded, and after how many actions."""
    episode = reader.read(index, images=False)
    return episode.outcome.success, episode.num_steps


def _decode(reader: DatasetReader, steps: Mapping[int, int], cameras: Sequence[str], folder: Path) -> None:
    total, first = sum(steps.values()), next(iter(steps))
    sizes = {next(reader.images(first, camera, [0])).shape for camera in cameras}
    if len(sizes) != 1:
        raise UsageError(f"{_root(reader)}: a policy's cameras must be of one size, these are {sorted(sizes)}")
    shape = (total, len(cameras), *sizes.pop())
    staging = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        np.memmap(staging / IMAGES, np.uint8, "w+", shape=shape).flush()
        with checks.remedy(reader):
            numbers = _fill(reader, steps, cameras, staging / IMAGES, shape)
        np.savez(staging / NUMBERS, **cast(Any, numbers))
        (staging / FACTS).write_text(json.dumps(_facts(reader, list(steps), cameras, shape), indent=1))
        if not folder.is_dir():  # another process may have been as fast
            staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fill(
    reader: DatasetReader, steps: Mapping[int, int], cameras: Sequence[str], path: Path, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Decode all episodes into the file, each in any process. Returns the numbers of all frames."""
    starts = np.cumsum([0, *steps.values()])[:-1].tolist()
    one = partial(_episode, reader, cameras, path, shape)
    workers = processes(len(steps))
    with tqdm(total=len(steps), unit="episode", desc=f"decoding {_root(reader).name}", dynamic_ncols=True) as bar:
        found = []
        if workers == 1 or shape[0] < 2000:  # starting processes would take longer
            for index, start in zip(steps, starts, strict=True):
                found.append(one(index, start))
                bar.update()
        else:
            with pool(workers) as started:
                for numbers in started.map(one, steps, starts):
                    found.append(numbers)
                    bar.update()
    joined = {name: np.concatenate([numbers[name] for numbers in found]) for name in found[0]}
    return {**joined, "lengths": np.asarray(list(steps.values()))}


def _episode(
    reader: DatasetReader, cameras: Sequence[str], path: Path, shape: tuple[int, ...], index: int, start: int
) -> dict[str, np.ndarray]:
    episode = reader.read(index, images=False)
    count = episode.num_steps
    images = np.memmap(path, np.uint8, "r+", shape=shape)
    for number, camera in enumerate(cameras):
        decoded = 0
        for frame, image in enumerate(reader.images(index, camera, range(count))):
            if image.shape != shape[2:]:
                raise RunError(f"{_root(reader)}: episode {index} has images of {image.shape}, others of {shape[2:]}")
            images[start + frame, number] = image
            decoded = frame + 1
        if decoded != count:
            raise RunError(f"{_root(reader)}: episode {index} has {decoded} images of {camera} for {count} actions")
    known = [name for name in features.CHANNELS if name in episode.frames]
    numbers = {name: _rows(episode.frames[name][:count]) for name in known}
    return {**numbers, "action": np.asarray(episode.actions, np.float32)}


def _rows(values: np.ndarray) -> np.ndarray:
    """(T, ...) as (T, D) float32."""
    return np.asarray(values, np.float32).reshape(len(values), -1)


def _facts(
    reader: DatasetReader, chosen: Sequence[int], cameras: Sequence[str], shape: tuple[int, ...]
) -> dict[str, Any]:
    manifest = reader.manifest
    known = {**manifest.provenance, **manifest.identity}
    wanted = ("task", "step_dt", "joint_names", "language", "robot", "direction", "ee_offset", "ee_body", "state")
    if "direction" in known.get("env", {}):
        known["direction"] = known["env"]["direction"]
    return {
        "source": str(_root(reader)),
        "format": manifest.format,
        "episodes": list(chosen),
        "cameras": list(cameras),
        "shape": list(shape),
        "action_quaternion": action_quaternion(known),
        **{name: known[name] for name in wanted if name in known},
    }


def action_quaternion(facts: Mapping[str, Any]) -> int | None:
    """Where a quaternion begins in a task's actions: in the first term of absolute poses. None where there is none.

    Args:
        facts: A manifest's identity and provenance; ``env`` is the task's configuration, ``action_terms`` their sizes.
    """
    start, terms = 0, facts.get("env", {}).get("actions", {})
    for name, size in facts.get("action_terms", {}).items():
        if size == 7 and _is_absolute_pose(terms.get(name)):
            return start + 3
        start += size
    return None


def _is_absolute_pose(cfg: Any) -> bool:
    """Whether the configuration of an action holds that of an inverse kinematics for absolute poses."""
    if not isinstance(cfg, Mapping):
        return False
    if cfg.get("command_type") == "pose":
        return not cfg.get("use_relative_mode")
    return any(_is_absolute_pose(value) for value in cfg.values())
