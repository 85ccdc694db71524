"""Between a policy that plans several actions at once and the loop, which takes one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch

Observations = Mapping[str, torch.Tensor]


class Planner(Protocol):
    """Plans some actions ahead for any number of environments, remembering nothing."""

    n_obs_steps: int
    """How many observations it sees, the present one included."""
    n_action_steps: int
    """How many actions it plans, K."""
    action_dim: int
    """Numbers of an action, A."""

    def prepare(self, frame: Observations) -> dict[str, torch.Tensor]:
        """What it keeps of a frame (N, ...), one row for each environment."""
        ...

    def plan(self, history: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Actions (B, K, A), the first for now, of what was kept of the last frames, (B, n_obs_steps, ...)."""
        ...


class Chunks:
    """Has a planner plan where nothing is left to do, and hands out its actions one by one.

    Environments stand at different points of their plans; each begins anew when its episode does, its first frame then
    taking the place of those before it. Frames are only observed when some environment is about to plan.
    """

    def __init__(self, planner: Planner, observe: Callable[[], Observations], num_envs: int, device: Any) -> None:
        """Begin with nothing planned.

        Args:
            planner: Plans.
            observe: Reads a frame of every environment, (num_envs, ...) each: what the recorder would record now.
            num_envs: Number of environments, N.
            device: Where the simulation is.
        """
        self._planner, self._observe = planner, observe
        self._plans = torch.zeros(num_envs, planner.n_action_steps, planner.action_dim, device=device)
        self._next = torch.full((num_envs,), planner.n_action_steps, device=device)
        self._known = torch.zeros(num_envs, dtype=torch.bool, device=device)
        self._history: dict[str, torch.Tensor] = {}
        self._rows = torch.arange(num_envs, device=device)
        self._active = torch.ones(num_envs, dtype=torch.bool, device=device)

    def reset(self, env_ids: torch.Tensor) -> None:
        """Forget plans and frames."""
        self._next[env_ids] = self._planner.n_action_steps
        self._known[env_ids] = False

    def select(self, where: torch.Tensor) -> None:
        """Act there (N,) only: elsewhere nothing is planned, and actions are zeros."""
        self._active = where

    def act(self, observations: object) -> torch.Tensor:
        """The next action of each plan, (N, A)."""
        ahead = self._planner.n_action_steps - self._next
        if bool((self._active & (ahead < self._planner.n_obs_steps)).any()):
            self._remember(self._planner.prepare(self._observe()))
        due = (self._active & (ahead == 0)).nonzero().flatten()
        if len(due):
            self._plans[due] = self._planner.plan({name: kept[due] for name, kept in self._history.items()})
            self._next[due] = 0
        actions = self._plans[self._rows, self._next.clamp(max=self._planner.n_action_steps - 1)]
        self._next += self._active & (self._next < self._planner.n_action_steps)
        return torch.where(self._active[:, None], actions, 0.0)

    def _remember(self, frame: Mapping[str, torch.Tensor]) -> None:
        fresh = ~self._known
        for name, values in frame.items():
            if name not in self._history:
                self._history[name] = values[:, None].repeat(1, self._planner.n_obs_steps, *[1] * (values.ndim - 1))
            history = self._history[name]
            history[:, :-1] = history[:, 1:].clone()
            history[:, -1] = values
            history[fresh] = values[fresh, None]
        self._known[:] = True


class Once:
    """An observation that several actors of one step share: read once, until :meth:`forget`."""

    def __init__(self, observe: Callable[[], Observations]) -> None:
        """Read nothing yet."""
        self._observe = observe
        self._frame: Observations | None = None

    def __call__(self) -> Observations:
        """The frame of this step."""
        if self._frame is None:
            self._frame = self._observe()
        return self._frame

    def forget(self) -> None:
        """The step is over."""
        self._frame = None


class Seeded:
    """An environment whose episodes begin as a seed says."""

    def __init__(self, env: Any, seed: int) -> None:
        """Wrap it."""
        self._env, self._seed = env, seed

    @property
    def num_envs(self) -> int:
        """Of the environment."""
        return self._env.num_envs

    def reset(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode everywhere, with everything drawn anew from the seed."""
        return self._env.reset(seed=self._seed)

    def step(
        self, action: torch.Tensor
    ) -> tuple[dict[str, Any], torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """Act."""
        return self._env.step(action)
