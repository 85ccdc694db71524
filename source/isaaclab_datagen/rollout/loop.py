"""The one loop: an actor in an environment until somebody has seen enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

from isaaclab_datagen.rollout.actor import Actor


class VectorEnv(Protocol):
    """What the loop needs of an environment: N parallel ones that reset themselves when an episode ends."""

    @property
    def num_envs(self) -> int:
        """N."""
        ...

    def reset(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode everywhere."""
        ...

    def step(
        self, action: torch.Tensor
    ) -> tuple[dict[str, Any], torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """Act: observations, rewards, terminated (N,), truncated (N,), extras."""
        ...


def rollout(
    env: VectorEnv,
    actor: Actor,
    done: Callable[[], bool],
    after_step: Callable[[], None] | None = None,
    before_act: Callable[[], None] | None = None,
) -> int:
    """Let ``actor`` act until ``done()``.

    Args:
        env: The environment; it is reset first.
        actor: Chooses the actions.
        done: Asked before every step.
        after_step: Called after every step, for a progress bar.
        before_act: Called before the actor is asked, to start what a GPU can do meanwhile.

    Returns:
        Number of steps taken.
    """
    steps = 0
    with torch.inference_mode():
        observations, _ = env.reset()
        actor.reset(torch.arange(env.num_envs, device=_device(observations)))
        while not done():
            if before_act is not None:
                before_act()
            observations, _, terminated, truncated, _ = env.step(actor.act(observations))
            ended = (terminated | truncated).nonzero().flatten()
            if len(ended):
                actor.reset(ended)
            steps += 1
            if after_step is not None:
                after_step()
    return steps


def _device(observations: dict[str, Any]) -> torch.device | None:
    first = next(iter(observations.values()), None)
    return first.device if isinstance(first, torch.Tensor) else None
