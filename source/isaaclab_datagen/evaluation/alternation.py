"""Two policies by turns: A brings the cube to the goal, B takes it away, and so on until one of them fails.

Every environment runs a chain of its own. A leg is an episode: it is recorded as one, with its true outcome, and the
next leg goes on where it ended (the task's ``chain``).
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.rollout.actor import Actor
from isaaclab_datagen.rollout.statistics import Tally, causes, wilson_interval
from isaaclab_datagen.rollout.wrappers import Once

DIRECTIONS = ("A", "B")


class Listener(Protocol):
    """Receives the frames of the legs of one direction; see ``FrameListener`` of the recorders."""

    wants_images: bool

    def begin(self, env_ids: list[int]) -> None:
        """Legs begin."""
        ...

    def frame(self, batch: Mapping[str, torch.Tensor], env_ids: Sequence[int]) -> None:
        """Their next frames."""
        ...

    def listening(self, env_ids: Sequence[int]) -> list[int]:
        """Those whose frames are wanted."""
        ...

    def end(self, env_id: int, outcome: Outcome) -> None:
        """A leg is over."""
        ...


@dataclass
class Chain:
    """The legs of one environment so far, A first."""

    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def cycles(self) -> int:
        """Full cycles, A and B, that succeeded before the first failure."""
        return sum(outcome.success is True for outcome in self.outcomes) // 2

    @property
    def direction(self) -> str:
        """Of the leg that runs or comes next."""
        return DIRECTIONS[len(self.outcomes) % 2]

    def over(self, max_cycles: int) -> bool:
        """Whether a leg failed, or enough succeeded."""
        failed = bool(self.outcomes) and self.outcomes[-1].success is not True
        return failed or len(self.outcomes) >= 2 * max_cycles


class Alternation:
    """A frame listener that hands each leg to the listener of its direction, and counts.

    Args:
        num_envs: Number of environments, each with a chain.
        max_cycles: Cycles after which a chain is over although nothing failed.
        listeners: Direction to what records its legs.
        device: Where :attr:`running` is.
    """

    def __init__(self, num_envs: int, max_cycles: int, listeners: Mapping[str, Listener], device: Any) -> None:
        self._max_cycles, self._listeners = max_cycles, dict(listeners)
        self.chains = [Chain() for _ in range(num_envs)]
        self.wants_images = any(listener.wants_images for listener in listeners.values())
        self.running = {name: torch.zeros(num_envs, dtype=torch.bool, device=device) for name in DIRECTIONS}
        """Direction to where a leg of it runs. Shapes are (num_envs,)."""
        self._going: dict[int, str] = {}
        self._begun = False

    @property
    def done(self) -> bool:
        """Whether every chain is over."""
        return self._begun and not self._going

    def begin(self, env_ids: list[int]) -> None:
        """The next leg begins where a chain goes on."""
        self._begun = True
        for env_id in env_ids:
            self._stop(env_id)
            if not self.chains[env_id].over(self._max_cycles):
                self._going[env_id] = self.chains[env_id].direction
                self.running[self._going[env_id]][env_id] = True
        for name, listener in self._listeners.items():
            ids = [env_id for env_id in env_ids if self._going.get(env_id) == name]
            if ids:
                listener.begin(ids)

    def listening(self, env_ids: Sequence[int]) -> list[int]:
        """Those in which a chain goes on."""
        return [env_id for env_id in env_ids if env_id in self._going]

    def frame(self, batch: Mapping[str, torch.Tensor], env_ids: Sequence[int]) -> None:
        """To the listeners of the directions."""
        for name, listener in self._listeners.items():
            ids = listener.listening([env_id for env_id in env_ids if self._going.get(env_id) == name])
            if ids:
                listener.frame(batch, ids)

    def end(self, env_id: int, outcome: Outcome) -> None:
        """Count a leg."""
        self._listeners[self._going[env_id]].end(env_id, outcome)
        self.chains[env_id].outcomes.append(outcome)
        self._stop(env_id)

    def _stop(self, env_id: int) -> None:
        name = self._going.pop(env_id, None)
        if name is not None:
            self.running[name][env_id] = False


class Selective(Actor, Protocol):
    """An actor that need not act everywhere."""

    def select(self, where: torch.Tensor) -> None:
        """Act there (N,) bool only."""
        ...


class Switch:
    """An actor that lets each environment's policy act, A's or B's."""

    def __init__(self, alternation: Alternation, actors: Mapping[str, Selective], frame: Once) -> None:
        """Combine.

        Args:
            alternation: Knows which leg runs where.
            actors: Direction to its policy.
            frame: The observation that they share.
        """
        self._alternation, self._actors, self._frame = alternation, dict(actors), frame

    def reset(self, env_ids: torch.Tensor) -> None:
        """A new leg: neither remembers anything."""
        for actor in self._actors.values():
            actor.reset(env_ids)

    def act(self, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Actions (N, A); zeros where no leg runs."""
        self._frame.forget()
        actions = None
        for name, actor in self._actors.items():
            where = self._alternation.running[name]
            actor.select(where)
            mine = torch.where(where[:, None], actor.act(observations), 0.0)
            actions = mine if actions is None else actions + mine
        assert actions is not None
        return actions


def summary(chains: Sequence[Chain]) -> dict[str, Any]:
    """The figures of an alternation, JSON-clean.

    ``consecutive_success`` counts a chain's full cycles before its first failure. Rates are shares of the legs that
    were begun.
    """
    tallies = {name: Tally() for name in DIRECTIONS}
    for chain in chains:
        for number, outcome in enumerate(chain.outcomes):
            tallies[DIRECTIONS[number % 2]].add(outcome)
    cycles = [chain.cycles for chain in chains]
    found: dict[str, Any] = {
        "chains": len(chains),
        "consecutive_success": {
            "mean": statistics.mean(cycles),
            "median": statistics.median(cycles),
            "distribution": {str(number): count for number, count in sorted(Counter(cycles).items())},
        },
    }
    for name, tally in tallies.items():
        found[f"{name}_success_rate"] = tally.rate if tally.judged else None
        found[f"{name}_interval"] = wilson_interval(tally.successes, tally.judged)
        found[f"{name}_legs"], found[f"{name}_successes"] = tally.total, tally.successes
        found[f"{name}_reasons"] = dict(tally.reasons)
        found[f"{name}_stages"] = {reason: dict(counts) for reason, counts in tally.stages.items()}
    return found


def told(found: Mapping[str, Any]) -> str:
    """The figures in a few lines."""
    lines = []
    for name in DIRECTIONS:
        low, high = found[f"{name}_interval"]
        rate = found[f"{name}_success_rate"]
        share = (
            "no leg" if rate is None else f"{100 * rate:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"
        )
        counted = causes(found[f"{name}_reasons"], found[f"{name}_stages"])
        lines.append(f"{name}_success_rate: {found[f'{name}_successes']}/{found[f'{name}_legs']} = {share}: {counted}")
    cycles = found["consecutive_success"]
    spread = ", ".join(f"{count} x {number}" for number, count in cycles["distribution"].items())
    lines.append(f"consecutive_success: mean {cycles['mean']:.2f} cycles of {found['chains']} chains: {spread}")
    return "\n".join(lines)


@dataclass
class CountingPlan:
    """Keeps every episode, numbered from 0 as they begin; numbers of those that never were one are given out again."""

    kept: int = 0
    successes: int = 0

    def __post_init__(self) -> None:
        """Prepare."""
        self._next = 0
        self._free: list[int] = []
        self._numbers: dict[int, int] = {}

    def begin(self, env_id: int) -> int:
        """See ``Plan`` of the recorders."""
        if self._free:
            self._numbers[env_id] = self._free.pop(0)
        else:
            self._numbers[env_id], self._next = self._next, self._next + 1
        return self._numbers[env_id]

    def end(self, env_id: int, outcome: Outcome) -> bool:
        """See ``Plan`` of the recorders."""
        del self._numbers[env_id]
        self.kept += 1
        self.successes += outcome.success is True
        return True

    def facts(self, env_id: int) -> dict[str, Any]:
        """See ``Plan`` of the recorders."""
        return {}

    def cancel(self, env_id: int) -> None:
        """See ``Plan`` of the recorders."""
        self._free.append(self._numbers.pop(env_id))
