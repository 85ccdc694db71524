"""The files of one VPL episode: ``episode_NNN.h5`` and ``camera_K/episode_NNN.mp4``. docs/formats.md has every key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from isaaclab_datagen.datasets.episode import Frame, Outcome, is_stream
from isaaclab_datagen.datasets.files import SteadyFile
from isaaclab_datagen.datasets.hdf5 import Opened, Stack, deflated, write_array, write_parts
from isaaclab_datagen.datasets.manifest import json_clean
from isaaclab_datagen.datasets.video import VideoWriter
from isaaclab_datagen.errors import RunError

EPISODE = "episode_"
"""What the names of episodes begin with."""
PIXELS = {
    "images": "color",
    "depth": "depth",
    "semantic_segmentation": "segmentation",
    "instance_segmentation": "instance_segmentation",
}
"""Kinds of image streams, and the datasets that hold them."""
_FROM_CAMERA = "camera's optical frame (x right, y down, z forward) to the environment's frame"
_ABOUT: dict[str, dict[str, str]] = {
    "action": {"what": "what the actor gave"},
    "timestamps": {"unit": "s"},
    "intrinsics": {"unit": "px"},
    "extrinsics": {"unit": "m", "maps": _FROM_CAMERA},
    "joint_pos": {"unit": "rad or m"},
    "joint_vel": {"unit": "rad/s or m/s"},
    "ee_position": {"unit": "m", "frame": "environment"},
    "ee_rotation": {"order": "xyzw", "frame": "environment"},
    "depth": {"unit": "m"},
}
"""Attributes of the datasets."""


def check(frame: Frame, cameras: Sequence[str]) -> None:
    """Refuse a first frame that lacks what the format promises, or holds what it would lose.

    Raises:
        RunError: Names the channels.
    """
    kinds = [kind for kind in PIXELS if kind == "images" or any(name.startswith(f"{kind}/") for name in frame)]
    needed = [f"{kind}/{camera}" for camera in cameras for kind in (*kinds, "extrinsics")]
    missing = [name for name in (*needed, "action", "joint_pos", "joint_vel", "ee_pose") if name not in frame]
    if not proprio_channels(frame):
        missing.append("observations/<group> (a flat one)")
    if missing:
        raise RunError(f"format vpl needs {', '.join(missing)}: the recorder or the source does not give it")
    surplus = sorted(name for name in frame if is_stream(name) and name not in needed)
    if surplus:
        raise RunError(f"this vpl dataset holds the cameras {', '.join(cameras)}; it cannot store {', '.join(surplus)}")
    sizes = {camera: frame[f"images/{camera}"].shape[:2] for camera in cameras}
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{camera} {width}x{height}" for camera, (height, width) in sizes.items())
        raise RunError(f"format vpl keeps all cameras in one array, so their sizes must agree: {shown}")


def proprio_channels(names: Mapping[str, np.ndarray]) -> list[str]:
    """The observation groups that make ``proprio``: ``policy`` if it is flat, otherwise all flat ones by name."""
    if "observations/policy" in names:
        return ["observations/policy"]
    return sorted(name for name in names if name.startswith("observations/") and names[name].ndim == 1)


class EpisodeFiles:
    """The files of a running episode, open for writing."""

    def __init__(self, path: Path, frame: Frame, cameras: Sequence[str], lossless: bool, fps: Fraction) -> None:
        """Create them.

        Args:
            path: Of the HDF5 file, see :func:`episode_file`. Its folder is there.
            frame: The first one, after :func:`check`.
            cameras: In the order of the camera axis.
            lossless: Whether images go into HDF5 too, not only into videos.
            fps: Playback rate of the videos.
        """
        self._cameras = cameras
        height, width = frame[f"images/{cameras[0]}"].shape[:2]
        with ExitStack() as opened:
            self._disk = SteadyFile(path)
            opened.callback(self._disk.close)
            self.file: h5py.File = opened.enter_context(h5py.File(self._disk, "w"))
            kinds = [kind for kind in PIXELS if f"{kind}/{cameras[0]}" in frame and (lossless or kind != "images")]
            self._stacks = {kind: Stack(self.file, PIXELS[kind], self._parts(frame, kind)) for kind in kinds}
            self._videos: dict[str, VideoWriter] = {}
            for number, camera in enumerate(cameras):
                film = video_file(path, number)
                film.parent.mkdir()
                self._videos[camera] = VideoWriter(film, height, width, fps)
                opened.callback(self._videos[camera].close)
                self.file.attrs["video_size"] = self._videos[camera].size
            self._opened = opened.pop_all()

    def append(self, frame: Frame) -> None:
        """Add a frame's images."""
        for kind, stack in self._stacks.items():
            stack.append([deflated(part) for part in self._parts(frame, kind)])
        for camera, video in self._videos.items():
            video.append(frame[f"images/{camera}"])
        self._disk.check()

    def append_last(self, frame: Frame) -> None:
        """Add the images of the frame after the last action: those of ``color`` too where color is not stored."""
        for kind in dict.fromkeys(("images", *self._stacks)):
            parts = self._parts(frame, kind)
            blobs = [deflated(part) for part in parts]
            write_parts(self.file, f"final/{PIXELS[kind]}", blobs, parts[0].shape, parts[0].dtype)

    def finish(self) -> None:
        """Close them.

        Raises:
            OSError: Something could not be written, now or before; ``filename`` is set.
        """
        for stack in self._stacks.values():
            stack.finish()
        self.close()
        self._disk.check()

    def close(self) -> None:
        """Close them as they are. Raises OSError where a video could not be written."""
        self._opened.close()

    def _parts(self, frame: Frame, kind: str) -> list[np.ndarray]:
        return [frame[f"{kind}/{camera}"] for camera in self._cameras]


def episode_file(root: Path, index: int) -> Path:
    """The HDF5 file of an episode below a dataset's root; its folder has the same name."""
    name = f"{EPISODE}{index:03d}"
    return root / name / f"{name}.h5"


def video_file(path: Path, camera: int) -> Path:
    """The video of a camera, beside the HDF5 file at ``path``."""
    return path.parent / f"camera_{camera}" / f"{path.stem}.mp4"


def write_rows(file: Opened, columns: Mapping[str, np.ndarray], cameras: Sequence[str], interval: int) -> None:
    """Write everything that is no image.

    Args:
        file: Of the episode.
        columns: Every other channel: actions (T, ...), the rest (T + 1, ...).
        cameras: In the order of the camera axis.
        interval: Of the frames whose images are stored.
    """
    steps = len(columns["action"])
    for name, values in columns.items():
        write_array(file, "action" if name == "action" else f"states/{name}", values)
    write_array(file, "frame_index", np.arange(0, steps, interval))
    for name, values in trainers_view(columns, cameras).items():
        write_array(file, name, values[:steps:interval] if name == "extrinsics" else values[:steps])
        write_array(file, f"final/{name}", values[-1])
    first = {name: values[0] for name, values in columns.items()}
    file["proprio"].attrs["channels"] = _strings(proprio_channels(first))


def trainers_view(columns: Mapping[str, np.ndarray], cameras: Sequence[str]) -> dict[str, np.ndarray]:
    """What the keys at the top of the file hold, of all T + 1 frames, computed from the channels."""
    groups = proprio_channels({name: values[0] for name, values in columns.items()})
    return {
        "proprio": np.concatenate([columns[name] for name in groups], axis=1),
        "joint_pos": columns["joint_pos"],
        "joint_vel": columns["joint_vel"],
        "ee_position": columns["ee_pose"][:, :3],
        "ee_rotation": columns["ee_pose"][:, 3:],
        "extrinsics": np.stack([columns[f"extrinsics/{camera}"] for camera in cameras], axis=1),
    }


def write_facts(file: Opened, outcome: Outcome, facts: Mapping[str, Any]) -> None:
    """Write the attributes, what is known of the cameras, and the times.

    Args:
        file: Of the episode, with its rows.
        outcome: How it ended.
        facts: The dataset's identity and provenance.
    """
    cameras, steps = facts["cameras"], len(file["action"])
    lacking = [camera for camera in cameras if camera not in facts.get("intrinsics", {})]
    if lacking:
        raise RunError(f"format vpl needs the intrinsics of {', '.join(lacking)}: the dataset's facts lack them")
    write_array(file, "intrinsics", np.array([facts["intrinsics"][camera] for camera in cameras], np.float64))
    write_array(file, "timestamps", np.arange(steps) * facts["step_dt"])
    write_array(file, "final/timestamps", np.array(steps * facts["step_dt"]))
    extra = json_clean(outcome.extra)
    file.attrs.update({name: value for name, value in extra.items() if isinstance(value, bool | int | float | str)})
    file.attrs.update(
        {
            "success": bool(outcome.success),
            "success_known": outcome.success is not None,
            "terminated": bool(outcome.terminated),
            "termination_reason": outcome.reason,
            "env_idx": int(outcome.env_index),
            "seed": extra.get("seed", facts.get("seed", -1)),
            "num_steps": steps,
            "num_frames": len(file["frame_index"]),
            "fps": facts["fps"] / facts["video_interval"],
            "step_dt": facts["step_dt"],
            "task": facts["task"],
            "robot": facts["robot"],
            "language": facts.get("language") or "",
            "camera_names": _strings(cameras),
            "joint_names": _strings(_joint_names(facts.get("joint_names", {}))),
            "extra": json.dumps(extra),
        }
    )
    for name in file:
        file[name].attrs.update(_ABOUT.get(name, {}))
    for kind, name in PIXELS.items():
        if name in file and kind.endswith("segmentation"):
            file[name].attrs["labels"] = json.dumps(facts.get("segmentation_labels", {}).get(kind, {}))


def outcome_of(file: Opened) -> Outcome:
    """How the episode ended."""
    attributes = file.attrs
    said = {
        "success": bool(attributes["success"]) if attributes["success_known"] else None,
        "reason": attributes["termination_reason"],
        "terminated": bool(attributes["terminated"]),
        "env_index": int(attributes["env_idx"]),
        "extra": json.loads(attributes["extra"]),
    }
    return Outcome.of(said, file.filename)


def states_of(file: Opened) -> dict[str, np.ndarray]:
    """Every channel that is no image and no action, with all its rows."""
    return {path: dataset[()] for path, dataset in _datasets(file["states"])}


def _datasets(group: Opened) -> Iterator[tuple[str, Any]]:
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            yield from ((f"{name}/{path}", dataset) for path, dataset in _datasets(item))
        else:
            yield name, item


def _joint_names(names: Mapping[str, Sequence[str]]) -> list[str]:
    """Those of the articulation ``robot``, or of the only one."""
    return list(names.get("robot", next(iter(names.values()), ()) if len(names) == 1 else ()))


def _strings(names: Sequence[str]) -> np.ndarray:
    return np.array(list(names), h5py.string_dtype())
