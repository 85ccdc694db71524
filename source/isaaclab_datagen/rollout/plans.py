"""Which episodes count. Every episode that a plan lets begin is counted, however it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.rollout.statistics import Tally


@dataclass
class CollectionPlan:
    """Fill a dataset up to ``target`` kept episodes.

    An episode begins wherever an environment is reset while the kept and the running ones are fewer than the target. So
    no started episode is cut short because others were faster, which would leave out the slow and the failing ones.
    """

    target: int
    """Kept episodes that the dataset will hold, those of earlier sessions included."""
    taken: Collection[int] = ()
    """Numbers of the episodes that it holds already."""
    keep_failures: bool = False
    first: int = 0
    """Lowest number that is given out."""
    tally: Tally = field(default_factory=Tally)
    """Outcomes of this session."""

    def __post_init__(self) -> None:
        """Prepare the numbers."""
        self._kept = len(self.taken)
        self._running: dict[int, int] = {}
        self._ended: Counter[int] = Counter()
        self._free: list[int] = []
        taken = frozenset(self.taken)
        self._fresh: Iterator[int] = (number for number in count(self.first) if number not in taken)

    @property
    def kept(self) -> int:
        """Episodes that the dataset holds or is about to hold."""
        return self._kept

    @property
    def done(self) -> bool:
        """Whether the target is reached and nothing runs any more."""
        return self._kept >= self.target and not self._running

    def begin(self, env_id: int) -> int | None:
        """See :class:`~isaaclab_datagen.recorders.stream.Plan`. The lowest free number is given out."""
        if self._kept + len(self._running) >= self.target:
            return None
        self._running[env_id] = self._free.pop(0) if self._free else next(self._fresh)
        return self._running[env_id]

    def end(self, env_id: int, outcome: Outcome) -> bool:
        """See :class:`~isaaclab_datagen.recorders.stream.Plan`. A number that is not kept is free again."""
        number = self._running.pop(env_id)
        self._ended[env_id] += 1
        self.tally.add(outcome)
        keep = self.keep_failures or outcome.success is True
        if keep:
            self._kept += 1
        else:
            self._release(number)
        return keep

    def facts(self, env_id: int) -> dict[str, Any]:
        """See :class:`~isaaclab_datagen.recorders.stream.Plan`. The round counts this session's episodes from 0."""
        return {"round": self._ended[env_id]}

    def cancel(self, env_id: int) -> None:
        """See :class:`~isaaclab_datagen.recorders.stream.Plan`."""
        self._release(self._running.pop(env_id))

    def _release(self, number: int) -> None:
        self._free = sorted([*self._free, number])


@dataclass
class RoundsPlan:
    """Rounds of one episode in every environment, numbered round x num_envs + environment.

    An environment begins its next round when its episode ends, whatever the others do. A number whose episode is not
    kept is tried again.
    """

    rounds: int
    """Rounds that the dataset will hold, those of earlier sessions included."""
    num_envs: int
    taken: Collection[int] = ()
    """Numbers of the episodes that it holds already."""
    keep_failures: bool = True
    first: int = 0
    """Number of environment 0's episode in round 0."""
    tally: Tally = field(default_factory=Tally)
    """Outcomes of this session."""

    def __post_init__(self) -> None:
        """Prepare what is left to each environment."""
        numbers = [
            [self.first + number * self.num_envs + env_id for number in range(self.rounds)]
            for env_id in range(self.num_envs)
        ]
        taken = frozenset(self.taken)
        self._left = [[number for number in of_env if number not in taken] for of_env in numbers]

    @property
    def target(self) -> int:
        """Episodes that the dataset will hold."""
        return self.rounds * self.num_envs

    @property
    def kept(self) -> int:
        """Episodes that it holds or is about to hold."""
        return self.target - sum(map(len, self._left))

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return not any(self._left)

    def begin(self, env_id: int) -> int | None:
        """See :class:`~isaaclab_datagen.recorders.stream.Plan`."""
        return self._left[env_id][0] if self._left[env_id] else None

    def end(self, env_id: int, outcome: Outcome) -> bool:
        """See :class:`~isaaclab_datagen.recorders.stream.Plan`."""
        self.tally.add(outcome)
        keep = self.keep_failures or outcome.success is True
        if keep:
            del self._left[env_id][0]
        return keep

    def cancel(self, env_id: int) -> None:
        """See :class:`~isaaclab_datagen.recorders.stream.Plan`. Its number stays the next one."""

    def facts(self, env_id: int) -> dict[str, Any]:
        """See :class:`~isaaclab_datagen.recorders.stream.Plan`."""
        return {"round": (self._left[env_id][0] - self.first) // self.num_envs}
