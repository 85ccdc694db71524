"""Videos without Kit: from a camera of the scene, which the task names in its preset ``video``."""

import argparse
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isaaclab_rl.entrypoints.common import apply_video_recording, video_playback_steps
from isaaclab_tasks.utils import load_cfg_from_registry
from isaaclab_tasks.utils.hydra import collect_presets

from isaaclab_datagen.cli.errors import usage
from isaaclab_datagen.cli.options import positive_int
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.errors import UsageError

PRESET = "video"
"""Preset of ``env.video_recorders`` in a task's configuration. Recorders that a configuration holds always record."""


def select(args: argparse.Namespace, overrides: Sequence[str]) -> list[str]:
    """Return the overrides, with the task's video preset when a video is asked for and no visualizer films it.

    Without either, Isaac Lab would start Kit to have something to film.

    Raises:
        UsageError: If the task has no such preset, or moviepy is missing.
    """
    if args.video and importlib.util.find_spec("moviepy") is None:
        raise UsageError("--video needs moviepy, which is not installed: pip install 'isaaclab[video]'")
    if not args.video or args.visualizer:
        return list(overrides)
    presets = collect_presets(load_cfg_from_registry(args.task, "env_cfg_entry_point"))
    if not any(PRESET in names for names in presets.values()):
        raise UsageError(f"--video: {args.task} has no preset {PRESET!r} naming a camera; add --viz newton_gl")
    return [*overrides, f"presets={PRESET}"]


def prepare(env_cfg: Any, args: argparse.Namespace, folder: Path, checkpoint: Path) -> int | None:
    """Prepare the recorders that ``--video`` asks for, and tell when to stop.

    Args:
        env_cfg: Resolved configuration, changed in place.
        args: Has ``duration`` [s] and ``video``, ``video_length`` and ``video_interval`` [steps].
        folder: Where ``videos/play`` is made.
        checkpoint: Named in the file's name when it is of the form ``model_N.pt``.

    Returns:
        The steps of ``--duration``, else those of the video, else None for no end.

    Raises:
        UsageError: If the visualizer cannot be filmed.
    """
    steps = None
    if args.duration is not None:
        steps = max(1, round(args.duration / (env_cfg.sim.dt * env_cfg.decimation)))
        args.video_length = args.video_length or steps
    with usage("--video", ValueError):
        apply_video_recording(env_cfg, str(folder), args, subdir="play", checkpoint_path=str(checkpoint))
    return steps or video_playback_steps(args, env_cfg)


def add_options(parser: Parser) -> None:
    """Add ``--video`` and the length and interval of its clips."""
    group = parser.add_argument_group("video")
    group.add_argument("--video", action="store_true", help="film the task's camera, or what --viz shows")
    group.add_argument("--video_length", type=positive_int, metavar="T", help="length of a clip [steps]")
    group.add_argument("--video_interval", type=positive_int, metavar="T", help="from clip to clip [steps]")
