"""What chooses actions. Experts and learned policies look the same to the loop."""

from collections.abc import Mapping
from typing import Protocol

import torch


class Actor(Protocol):
    """Chooses one action for each of N parallel environments, every step."""

    def reset(self, env_ids: torch.Tensor) -> None:
        """Forget what was remembered of some environments, because a new episode begins in them.

        Args:
            env_ids: Their indices, (K,) int64.
        """
        ...

    def act(self, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Choose the next actions.

        Args:
            observations: The environment's observation groups, each (N, ...).

        Returns:
            Actions (N, A), as ``env.step`` takes them.
        """
        ...
