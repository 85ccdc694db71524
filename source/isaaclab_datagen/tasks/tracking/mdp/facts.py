"""What is said of a whole tracked episode at its end: how well it followed its reference, and how far it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .observations import motion_command

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

__all__ = ["distance", "mean_body_pos_error", "reference_distance"]


def mean_body_pos_error(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Distance of the tracked bodies from their reference, the mean over bodies and steps [m]. Shape is (N,).

    Bodies are relative to the anchor's place and heading, as in the reward. The terminations of an environment have to
    ask for this state, so that it is measured before a reset.
    """
    return motion_command(env, command_name).mean_error("body_pos")


def distance(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Way of the robot's root along the ground [m], in a straight line from where it was last put. Shape is (N,).

    It counts from the reference's frame there: noise in a start is part of the way.
    """
    command = motion_command(env, command_name)
    here = command.robot.data.root_link_pose_w.torch[:, :2] - env.scene.env_origins[:, :2]
    return torch.linalg.vector_norm(here - command.root_position(command.start_frame)[:, :2], dim=-1)


def reference_distance(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Way of the reference's root in the same time [m], in a straight line along the ground. Shape is (N,)."""
    command = motion_command(env, command_name)
    way = command.root_position(command.frame) - command.root_position(command.start_frame)
    return torch.linalg.vector_norm(way[:, :2], dim=-1)
