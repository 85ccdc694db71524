"""How often an actor succeeds: rounds of one episode in every environment, each round begun anew from its own seed."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.rollout.actor import Actor
from isaaclab_datagen.rollout.loop import rollout
from isaaclab_datagen.rollout.statistics import Tally, wilson_interval
from isaaclab_datagen.rollout.wrappers import Seeded

Batch = Mapping[str, torch.Tensor]


class Recorder(Protocol):
    """What gives frames to a listener."""

    def bind(self, listener: Any) -> Any:
        """Stream to it; to nobody if None."""
        ...


@dataclass(frozen=True)
class Ended:
    """One episode of an evaluation."""

    seed: int
    slot: int
    steps: int
    outcome: Outcome

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        found = {"seed": self.seed, "slot": self.slot, "steps": self.steps, "reason": self.outcome.reason}
        return found if self.outcome.stage is None else {**found, "stage": self.outcome.stage}


class Spread(NamedTuple):
    """A number of several episodes."""

    mean: float
    least: float
    most: float


@dataclass
class Score:
    """What an evaluation found."""

    episodes: list[Ended] = field(default_factory=list)

    @property
    def tally(self) -> Tally:
        """Outcomes counted."""
        tally = Tally()
        for ended in self.episodes:
            tally.add(ended.outcome)
        return tally

    def grouped(self, fact: str) -> dict[Any, Tally]:
        """Outcomes counted by the value of what is said of every episode.

        Raises:
            UsageError: Nothing of that name is said of one.
        """
        groups: dict[Any, Tally] = defaultdict(Tally)
        for ended in self.episodes:
            if fact not in ended.outcome.extra:
                known = ", ".join(ended.outcome.extra) or "nothing"
                raise UsageError(f"--by {fact}: nothing of that name is said of an episode, choose from {known}")
            groups[ended.outcome.extra[fact]].add(ended.outcome)
        return groups

    @property
    def numbers(self) -> dict[str, Spread]:
        """How the numbers among what is said of every episode are spread."""
        said: dict[str, list[float]] = defaultdict(list)
        for ended in self.episodes:
            for name, value in ended.outcome.extra.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    said[name].append(value)
        return {name: Spread(statistics.mean(values), min(values), max(values)) for name, values in said.items()}

    @property
    def mean_steps(self) -> float | None:
        """Mean number of steps of the episodes that succeeded; None without one."""
        steps = [ended.steps for ended in self.episodes if ended.outcome.success]
        return statistics.mean(steps) if steps else None

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        tally = self.tally
        return {
            "episodes": tally.total,
            "successes": tally.successes,
            "rate": tally.rate if tally.judged else None,
            "interval": wilson_interval(tally.successes, tally.judged),
            "mean_steps": self.mean_steps,
            "facts": {name: spread._asdict() for name, spread in self.numbers.items()},
            "reasons": dict(tally.reasons),
            "stages": {reason: dict(counts) for reason, counts in tally.stages.items()},
            "seeds": sorted({ended.seed for ended in self.episodes}),
            "failures": [ended.to_json() for ended in self.episodes if not ended.outcome.success],
        }

    def __str__(self) -> str:
        """The tally, and how long successes took."""
        steps = "" if self.mean_steps is None else f"; a success takes {self.mean_steps:.0f} steps"
        return f"{self.tally}{steps}"


class Watch:
    """A frame listener for one round: counts steps, and keeps the images of some environments until they have ended.

    Args:
        count: How many environments run an episode, the first ones.
        seed: Of the round.
        score: What ended episodes are added to.
        film: Given the images of a failure, (T + 1) x (H, W, 3) for each camera, while it answers true for the slot.
    """

    def __init__(self, count: int, seed: int, score: Score, film: Film | None) -> None:
        self._seed, self._score, self._film = seed, score, film
        self._waiting, self._running = set(range(count)), set()
        self._steps: dict[int, int] = {}
        self._images: dict[int, list[dict[str, np.ndarray]]] = {}
        self.wants_images = film is not None and film.wants(0)

    @property
    def done(self) -> bool:
        """Whether every episode of the round is over."""
        return not self._waiting and not self._running

    def begin(self, env_ids: list[int]) -> None:
        """Episodes begin; only the first of each environment counts."""
        for slot in self._waiting.intersection(env_ids):
            self._steps[slot], self._images[slot] = 0, []
            self._running.add(slot)
        self._waiting.difference_update(env_ids)

    def listening(self, env_ids: Sequence[int]) -> list[int]:
        """Those that count."""
        return [env_id for env_id in env_ids if env_id in self._running]

    def frame(self, batch: Batch, env_ids: Sequence[int]) -> None:
        """Count, and keep what is filmed."""
        for slot in env_ids:
            self._steps[slot] += "action" in batch
            if self._film is not None and self._film.wants(slot):
                images = {name: image[slot] for name, image in batch.items() if name.startswith("images/")}
                self._images[slot].append({name: image.cpu().numpy() for name, image in images.items()})

    def end(self, env_id: int, outcome: Outcome) -> None:
        """Note how it ended."""
        self._running.discard(env_id)
        if not self._steps[env_id]:  # it was reset before its first action
            self._waiting.add(env_id)
            return
        ended = Ended(self._seed, env_id, self._steps[env_id], outcome)
        self._score.episodes.append(ended)
        images = self._images.pop(env_id)
        if self._film is not None and not outcome.success and images:
            self._film.take(ended, images)


class Film(Protocol):
    """Makes videos of failures."""

    def wants(self, slot: int) -> bool:
        """Whether the images of this environment shall be kept."""
        ...

    def take(self, ended: Ended, images: list[dict[str, np.ndarray]]) -> None:
        """An episode failed."""
        ...


def evaluate(
    env: Any,
    recorder: Recorder,
    actor: Actor,
    seeds: Sequence[int],
    episodes: int,
    film: Film | None = None,
    after_step: Callable[[Score], None] = lambda score: None,
) -> Score:
    """Run episodes, so many, in rounds.

    Every round resets all environments and draws what is drawn from its own seed, so that every actor is given the same
    beginnings, whatever it did in the round before.

    Args:
        env: Environment, N parallel ones.
        recorder: Its frame recorder.
        actor: Acts.
        seeds: Of the rounds, at least episodes / N.
        episodes: How many.
        film: Makes videos of failures.
        after_step: Called after every step, for a progress bar.
    """
    score = Score()
    for seed in seeds:
        left = episodes - len(score.episodes)
        if left <= 0:
            break
        watch = Watch(min(left, env.num_envs), seed, score, film)
        recorder.bind(watch)
        try:
            rollout(Seeded(env, seed), actor, lambda watch=watch: watch.done, lambda: after_step(score))
        finally:
            recorder.bind(None)
    return score
