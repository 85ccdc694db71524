"""Configurations of the actions at the task's boundary."""

from __future__ import annotations

from dataclasses import MISSING
from typing import cast

from isaaclab.envs.mdp.actions.actions_cfg import BinaryJointPositionActionCfg
from isaaclab.managers import ActionTermCfg
from isaaclab.utils import configclass

from isaaclab_datagen.mdp.actions_cfg import ReplayedIkActionCfg

__all__ = ["PoseActionCfg", "SteadyGripperActionCfg"]


@configclass
class PoseActionCfg(ActionTermCfg):
    """Where the tip shall be: x, y, z [m], then a quaternion w, x, y, z, in the environment's frame."""

    class_type: type | str = "{DIR}.actions:PoseAction"

    ik: ReplayedIkActionCfg = cast(ReplayedIkActionCfg, MISSING)
    """Absolute differential IK, which takes poses in the root frame with quaternions x, y, z, w."""


@configclass
class SteadyGripperActionCfg(BinaryJointPositionActionCfg):
    """Open or close by the sign; a number that is none leaves the fingers as they were told last."""

    class_type: type | str = "{DIR}.actions:SteadyGripperAction"

    speed: float = 0.12
    """Of each finger's target [m/s]. Opening then takes as long as closing, so that either looks like the other one
    played backwards: with a jump of the target, fingers close on a cube within a step and open in four."""
