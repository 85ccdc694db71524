"""Configuration of the lift task's arm action."""

from __future__ import annotations

from isaaclab.envs.mdp import DifferentialInverseKinematicsActionCfg
from isaaclab.managers import ActionTerm
from isaaclab.utils import configclass

__all__ = ["RelativeIkActionCfg"]


@configclass
class RelativeIkActionCfg(DifferentialInverseKinematicsActionCfg):
    """Isaac Lab's differential IK of pose deltas, for which a GPU need not be waited for."""

    class_type: type[ActionTerm] | str = "{DIR}.actions:RelativeIkAction"
