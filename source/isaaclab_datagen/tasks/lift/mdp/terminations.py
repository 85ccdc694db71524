"""What success means in the lift task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from isaaclab.managers import ManagerTermBase, TerminationTermCfg

from .commands import layout
from .rewards import is_held

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

__all__ = ["held_at_goal"]


class held_at_goal(ManagerTermBase):
    """The cube has been within ``distance`` [m] of the goal and in the hand for ``steps`` consecutive steps."""

    def __init__(self, cfg: TerminationTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self._count = torch.zeros(env.num_envs, dtype=torch.long, device=env.device)

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Start counting anew."""
        self._count[slice(None) if env_ids is None else env_ids] = 0

    def __call__(self, env: ManagerBasedRLEnv, distance: float, steps: int) -> torch.Tensor:
        """Shape is (num_envs,)."""
        there = (layout(env).goal_distance[:, 0] < distance) & is_held(env)
        self._count = torch.where(there, self._count + 1, 0)
        return self._count >= steps
