"""MDP terms shared by tasks, and Isaac Lab's own."""

from isaaclab.envs.mdp import *  # noqa: F403

from .observations import *  # noqa: F403
