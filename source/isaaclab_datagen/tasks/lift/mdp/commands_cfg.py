"""Configuration of the lift task's command."""

from __future__ import annotations

from isaaclab.envs.mdp import UniformPoseCommandCfg
from isaaclab.utils import configclass

__all__ = ["GoalCommandCfg"]


@configclass
class GoalCommandCfg(UniformPoseCommandCfg):
    """A pose in the robot's root frame, drawn uniformly for every episode."""

    class_type: type | str = "{DIR}.commands:GoalCommand"
