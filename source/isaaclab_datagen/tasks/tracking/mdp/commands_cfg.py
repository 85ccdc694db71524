"""Configuration of the motion command."""

from __future__ import annotations

from dataclasses import MISSING
from typing import cast

from isaaclab.managers import CommandTermCfg
from isaaclab.utils import configclass

from isaaclab_datagen.motions.files import load

__all__ = ["AdaptiveSamplingCfg", "MotionCommandCfg"]

Ranges = dict[str, tuple[float, float]]
"""Ranges of x, y, z [m or m/s] and roll, pitch, yaw [rad or rad/s]."""


@configclass
class AdaptiveSamplingCfg:
    """Start more episodes where trackers fail. Figures of BeyondMimic."""

    bin_seconds: float = 1.0
    """Length of the pieces of a motion whose failures are counted [s]."""

    alpha: float = 0.001
    """Weight of a step's failures in their running mean."""

    uniform_ratio: float = 0.1
    """Share that is spread evenly over all bins, before normalising."""


@configclass
class MotionCommandCfg(CommandTermCfg):
    """Commands the frames of reference motions, one each control step."""

    class_type: type | str = "{DIR}.commands:MotionCommand"

    resampling_time_range: tuple[float, float] = (1.0e9, 1.0e9)
    """Never by time: a new frame is drawn at resets and at a motion's end."""

    asset_name: str = cast(str, MISSING)
    """The robot."""

    motion_files: list[str] = cast("list[str]", MISSING)
    """Paths of motions, or names of built-in ones. Each environment draws one of them at a reset."""

    anchor_body: str = cast(str, MISSING)
    """Body by which a reference is aligned to the robot."""

    body_names: list[str] = cast("list[str]", MISSING)
    """Bodies that are tracked."""

    start_at_first_frame: bool = False
    """Start every episode at frame 0, with the motions in turn, instead of at a random frame."""

    adaptive: AdaptiveSamplingCfg | None = AdaptiveSamplingCfg()
    """How start frames are drawn; evenly when None."""

    pose_range: Ranges = {}
    """What is added to the root's pose at a reset."""

    velocity_range: Ranges = {}
    """What is added to the root's velocity at a reset."""

    joint_position_range: tuple[float, float] = (0.0, 0.0)
    """What is added to joint positions at a reset, before they are clipped to their soft limits [rad]."""

    def validate_config(self) -> None:
        """Read the motions, so that what is wrong with one is said before anything starts."""
        for name in self.motion_files:
            load(str(name))
