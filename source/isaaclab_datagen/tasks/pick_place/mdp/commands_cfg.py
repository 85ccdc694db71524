"""Configuration of what is asked for."""

from __future__ import annotations

from isaaclab.managers import CommandTermCfg
from isaaclab.utils import configclass

__all__ = ["DIRECTIONS", "CarryCommandCfg"]

DIRECTIONS = ("A", "B")
"""A: from anywhere to the goal. B: from the goal to anywhere. The command's first number is the index."""


@configclass
class CarryCommandCfg(CommandTermCfg):
    """Which way the cube is to be carried, and where the two places are."""

    class_type: type | str = "{DIR}.commands:CarryCommand"

    resampling_time_range: tuple[float, float] = (1e9, 1e9)
    direction: str = "B"
    """One of :data:`DIRECTIONS`: that of an episode, or of the first one of a chain."""
    chain: bool = False
    """Whether an episode that follows a success goes on from there, in the other direction."""
    goal_xy: tuple[float, float] = (0.5, 0.0)
    """The fixed place, marked by a green disc [m]."""
    place_x: tuple[float, float] = (0.35, 0.65)
    """Range of the other place, marked by a red disc [m]."""
    place_y: tuple[float, float] = (-0.25, 0.25)
    """[m]"""
    goal_distance: float = 0.1
    """Least distance between the two [m]."""
    moved_share: float = 0.0
    """In what share of the legs of B the red disc goes to another place, once, after the cube was put there."""
    moved_chance: float = 0.1
    """And how probable that is in each step in which the hand has let go of the cube: it is on its way back then."""
    object_name: str = "object"
    goal_disc: str = "goal_disc"
    place_disc: str = "place_disc"
    disc_height: float = 0.002
    """Where a disc's middle lies [m]."""
    robot_name: str = "robot"
    hand_body: str = "panda_hand"
    tip_offset: tuple[float, float, float] = (0.0, 0.0, 0.107)
    """The tip in the hand's frame [m]."""
