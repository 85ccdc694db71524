"""What ``motion.py`` does: each function is one of its commands."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from isaaclab_tasks.utils.hydra import resolve_presets
from PIL import Image

from isaaclab_datagen.assets.g1 import JOINT_NAMES
from isaaclab_datagen.cli import launch
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.datasets.reader import DatasetReader
from isaaclab_datagen.datasets.video import VideoWriter
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.motions import files, humanoid
from isaaclab_datagen.motions.checks import check
from isaaclab_datagen.motions.generate import centred
from isaaclab_datagen.motions.inverse_kinematics import Configuration
from isaaclab_datagen.motions.motion import Motion, at_rate, from_configuration
from isaaclab_datagen.motions.retarget import reach_error, retarget

LAFAN1_FPS = 30.0
"""Rows a second of Unitree's CSV files."""

COLUMNS = 8
"""Pictures in a row of a contact sheet."""


def convert(args: argparse.Namespace) -> None:
    """Write a CSV or NPZ as a motion of the wanted rate."""
    is_csv = args.source.suffix.lower() == ".csv"
    if args.out is None and not is_csv:
        raise UsageError(f"motion convert {args.source}: say OUT.npz, so that no file is written over")
    if is_csv and (args.quaternion_order or args.order):
        raise UsageError(f"motion convert {args.source}: --quaternion_order and --order are for NPZ files")
    if is_csv:
        made = files.read_csv(args.source, args.fps or LAFAN1_FPS, args.rate)
    else:
        motion = files.load(str(args.source), args.quaternion_order, args.order, args.fps)
        made = at_rate(motion, args.rate)
    _write(made, args.out or args.source.with_suffix(".npz"), args.compact)


def retarget_clip(args: argparse.Namespace) -> None:
    """Write one of Isaac Lab's humanoid clips as a motion of the G1."""
    clip = humanoid.read(args.clip)
    if args.loop:
        shortest, longest = args.period
        clip = humanoid.loop(clip, args.loop, (shortest, longest))
    clip = humanoid.resample(clip, args.rate)
    found = retarget(clip)
    for name, (mean, most) in reach_error(clip, found).items():
        print(f"{name:18} {1e3 * mean:8.1f} mm off its target on average, {1e3 * most:.1f} mm at most")
    _write(from_configuration(centred(found), args.rate), args.out, args.compact)


def report(args: argparse.Namespace) -> None:
    """Print the figures of motions."""
    for name in args.motions:
        motion = _load(args, name)
        print(f"{name}: {motion.frames} frames at {motion.fps:g} Hz")
        print("\n".join(f"  {line}" for line in check(motion).lines()))


def names(args: argparse.Namespace) -> None:
    """Print the built-in motions."""
    for name in files.builtin():
        motion = files.load(name)
        print(f"{name:8} {motion.duration:6.2f} s at {motion.fps:g} Hz")


def show(args: argparse.Namespace) -> None:
    """Render a motion as a film and a contact sheet, on the robot's model without dynamics; a recording beside it."""
    from isaaclab_datagen.motions.scene import MotionEnvCfg, pictures

    shown = [_load(args, args.motion)]
    if args.recorded is not None:
        shown = beside(formats.open_reader(args.recorded), args.episode, args.motion, shown[0])
    (width, height), fps = args.size, shown[0].fps
    args.device = launch.check_device(args.device or launch.default_device())
    cfg = resolve_presets(MotionEnvCfg())
    assert isinstance(cfg, MotionEnvCfg)
    cfg.sim.device, cfg.resolution = args.device, (width, height)
    cfg.validate_config()
    every = max(1, round(fps / 25))
    args.out.mkdir(parents=True, exist_ok=True)
    film, sheet = (args.out / f"{Path(args.motion).stem}{end}" for end in (".mp4", ".png"))
    film.unlink(missing_ok=True)
    with launch.simulation(cfg, args):
        from isaaclab.envs import ManagerBasedEnv  # loads simulation modules: not before the launch

        env = ManagerBasedEnv(cfg)
        numbers = range(0, min(shown[0].frames, round(args.seconds * fps)), every)
        writer = VideoWriter(film, height, width * len(shown), Fraction(fps / every).limit_denominator(1000))
        kept = []
        for images in zip(*(pictures(env, motion, numbers) for motion in shown), strict=True):
            kept.append(np.concatenate(images, axis=1))
            writer.append(kept[-1])
        writer.close()
        env.close()
    contact_sheet(kept, sheet, COLUMNS // len(shown))
    print(f"{film} and {sheet}: {len(kept)} frames")


def beside(reader: DatasetReader, number: int, name: str, reference: Motion) -> list[Motion]:
    """A recorded episode as a motion, and the frames of its reference that were commanded meanwhile.

    Args:
        reader: A dataset of tracked motions.
        number: The episode's.
        name: Of the reference.
        reference: At any rate.

    Raises:
        UsageError: If there is no such episode, it is no tracked motion, or followed another one.
    """
    if number not in reader.indices:
        raise UsageError(f"--episode {number}: {reader.manifest.path.parent} holds no such episode")
    episode = reader.read(number, images=False)
    missing = sorted({"root_pose", "joint_pos", "motion_frame"} - episode.frames.keys())
    if missing or tuple(episode.metadata["joint_names"]["robot"]) != JOINT_NAMES:
        what = f"{', '.join(missing)} are missing" if missing else "its joints are not the G1's"
        raise UsageError(f"--recorded: episode {number} is no tracked motion: {what}")
    rate = 1 / episode.metadata["step_dt"]
    reference, facts = at_rate(reference, rate), episode.outcome.extra
    if (facts.get("motion"), facts.get("motion_length")) != (Path(name).stem, reference.frames):
        told = f"{facts.get('motion')} of {facts.get('motion_length')} frames"
        raise UsageError(f"--recorded: episode {number} followed {told}, not {name} of {reference.frames}")
    pose, commanded = episode.frames["root_pose"], episode.frames["motion_frame"]
    tracked = Configuration(pose[:, :3], pose[:, 3:], episode.frames["joint_pos"])
    # what is commanded in a frame is where the robot is to be in the next one
    at = np.concatenate([commanded[:1] - 1, commanded[:-1]])
    wanted = Configuration(reference.body_pos_w[at, 0], reference.body_quat_w[at, 0], reference.joint_pos[at])
    return [from_configuration(tracked, rate), from_configuration(wanted, rate)]


def contact_sheet(images: list[np.ndarray], path: Path, columns: int = COLUMNS, rows: int = 3) -> None:
    """Write evenly spaced images (H, W, 3) side by side."""
    count = min(len(images), rows * columns)
    chosen = [images[int(place)] for place in np.linspace(0, len(images) - 1, count).round()]
    chosen += [np.full_like(chosen[0], 255)] * (-count % columns)
    made = [np.concatenate(chosen[row : row + columns], axis=1) for row in range(0, len(chosen), columns)]
    Image.fromarray(np.concatenate(made)).save(path)


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "convert": convert,
    "retarget": retarget_clip,
    "check": report,
    "show": show,
    "list": names,
}


def _load(args: argparse.Namespace, name: str) -> Motion:
    return files.load(name, args.quaternion_order, args.order, args.fps)


def _write(motion: Motion, out: Path, compact: bool) -> None:
    if out.suffix != ".npz":
        raise UsageError(f"{out}: a motion is written as .npz")
    if compact:
        files.save_configuration(motion.configuration(), motion.fps, out)
    else:
        files.save(motion, out)
    print(f"{out}: {motion.frames} frames at {motion.fps:g} Hz")
    print("\n".join(f"  {line}" for line in check(motion).lines()))
