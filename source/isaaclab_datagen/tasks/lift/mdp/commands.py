"""Where the cube shall be held."""

from __future__ import annotations

from isaaclab.envs.mdp.commands.pose_command import UniformPoseCommand

__all__ = ["GoalCommand"]


class GoalCommand(UniformPoseCommand):
    """Isaac Lab's pose command, which says nothing of the hand's distance to it: the goal is the cube's.

    To measure that took a fourteenth of a step's calls.
    """

    def _update_metrics(self) -> None:
        if self.cfg.debug_vis:  # the marker stands where the measurement has put it
            super()._update_metrics()
