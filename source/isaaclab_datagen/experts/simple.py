"""Actors that need no knowledge of the task: for tests, baselines and timing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from isaaclab_rl.entrypoints.simple_agents import create_zero_action_policy

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started


class RandomActor:
    """Draws every action uniformly from [-1, 1], from its own seed."""

    def __init__(self, env: ManagerBasedRLEnv, seed: int = 0) -> None:
        self._shape = (env.num_envs, env.action_manager.total_action_dim)
        self._generator = torch.Generator(env.device).manual_seed(seed)

    def reset(self, env_ids: torch.Tensor) -> None:
        """Do nothing: it remembers nothing of an episode."""

    def act(self, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return actions (N, A) in [-1, 1]."""
        return 2.0 * torch.rand(self._shape, generator=self._generator, device=self._generator.device) - 1.0


class ZeroActor:
    """Does as little as the action space allows: zeros, or holding the pose where actions are absolute poses."""

    def __init__(self, env: ManagerBasedRLEnv) -> None:
        self._policy = create_zero_action_policy(env)

    def reset(self, env_ids: torch.Tensor) -> None:
        """Do nothing: it remembers nothing of an episode."""

    def act(self, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return actions (N, A)."""
        return self._policy().clone()
