"""Configuration of the lift task's command."""

from __future__ import annotations

from isaaclab.envs.mdp import UniformPoseCommandCfg
from isaaclab.utils import configclass

__all__ = ["GoalCommandCfg"]


@configclass
class GoalCommandCfg(UniformPoseCommandCfg):
    """A pose in the robot's root frame, drawn uniformly for every episode: where the object shall be."""

    class_type: type | str = "{DIR}.commands:GoalCommand"

    object_name: str = "object"
    """The rigid object in the scene."""

    tip_offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of the tip, in the frame of the body :attr:`body_name` [m]."""
