"""Configurations of the actions at the task's boundary."""

from __future__ import annotations

from dataclasses import MISSING
from typing import cast

from isaaclab.envs.mdp.actions.actions_cfg import (
    BinaryJointPositionActionCfg,
    DifferentialInverseKinematicsActionCfg,
)
from isaaclab.managers import ActionTermCfg
from isaaclab.utils import configclass

__all__ = ["PoseActionCfg", "SteadyGripperActionCfg"]


@configclass
class PoseActionCfg(ActionTermCfg):
    """Where the tip shall be: x, y, z [m], then a quaternion w, x, y, z, in the environment's frame."""

    class_type: type | str = "{DIR}.actions:PoseAction"

    ik: DifferentialInverseKinematicsActionCfg = cast(DifferentialInverseKinematicsActionCfg, MISSING)
    """Absolute differential IK, which takes poses in the root frame with quaternions x, y, z, w."""


@configclass
class SteadyGripperActionCfg(BinaryJointPositionActionCfg):
    """Open or close by the sign; a number that is none leaves the fingers as they were told last."""

    class_type: type | str = "{DIR}.actions:SteadyGripperAction"
