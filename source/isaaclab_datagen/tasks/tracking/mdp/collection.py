"""When a tracked episode is over where data are collected, and what is said of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from isaaclab.managers import SceneEntityCfg

from isaaclab_datagen.recorders.facts import Named

from .rotations import up_component

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

    from .commands import MotionCommand

__all__ = ["completed", "fell", "has_fallen", "motion_frame", "motion_length", "motion_name"]


def _command(env: ManagerBasedRLEnv, name: str) -> MotionCommand:
    return cast("MotionCommand", env.command_manager.get_term(name))


def fell(env: ManagerBasedRLEnv, asset_cfg: SceneEntityCfg, minimum_height: float, maximum_tilt: float) -> torch.Tensor:
    """Whether the robot has fallen: its root is too low, or a body leans too far. Shape is (N,).

    Args:
        env: The environment.
        asset_cfg: The robot, and the bodies whose tilt counts.
        minimum_height: Of the root body's origin above the ground [m].
        maximum_tilt: Angle between such a body's z axis and the vertical [rad].
    """
    data = env.scene[asset_cfg.name].data
    height = data.root_link_pose_w.torch[:, 2] - env.scene.env_origins[:, 2]
    up = up_component(data.body_link_pose_w.torch[:, asset_cfg.body_ids, 3:7])
    return (height < minimum_height) | (up < math.cos(maximum_tilt)).any(dim=-1)


def completed(env: ManagerBasedRLEnv, command_name: str, fall_term: str) -> torch.Tensor:
    """Whether the episode has reached its end, by its length or that of its motion, without a fall. Shape is (N,).

    Ending with the motion keeps every episode in one piece: the command would put the robot elsewhere for the next one.
    The term that says who fell has to stand before this one.
    """
    command = _command(env, command_name)
    over = env.episode_length_buf >= env.max_episode_length
    over = over | (command.frame >= command.library.lengths[command.motion] - 1)
    return over & ~env.termination_manager.get_term(fall_term)


def has_fallen(env: ManagerBasedRLEnv, term: str) -> torch.Tensor:
    """Whether each environment's episode ended by the termination ``term``. Shape is (N,)."""
    return env.termination_manager.get_term(term)


def motion_frame(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Frame of the motion that the robot is to reach by the end of the step. Shape is (N,), int32."""
    return _command(env, command_name).frame.int()


def motion_name(env: ManagerBasedRLEnv, command_name: str) -> Named:
    """Name of each environment's motion: that of its file, or a built-in one's."""
    command = _command(env, command_name)
    return Named(command.motion, [Path(file).stem for file in command.library.files])


def motion_length(env: ManagerBasedRLEnv, command_name: str) -> torch.Tensor:
    """Frames of each environment's motion. Shape is (N,)."""
    command = _command(env, command_name)
    return command.library.lengths[command.motion]
