"""From the recorder term to a recording session: which episodes are recorded, and their frames' way to the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import torch

from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.recorders.frames import Batch
from isaaclab_datagen.recorders.packing import HostBuffers, Layout


class Plan(Protocol):
    """Decides which episodes count. :mod:`isaaclab_datagen.rollout.plans` has some."""

    def begin(self, env_id: int) -> int | None:
        """Number of the episode that begins in this environment, or None where it does not count."""
        ...

    def end(self, env_id: int, outcome: Outcome) -> bool:
        """Whether the episode that ended is kept."""
        ...

    def facts(self, env_id: int) -> Mapping[str, Any]:
        """What is to be said of the episode that runs in this environment, JSON-clean."""
        ...

    def cancel(self, env_id: int) -> None:
        """The episode that began here was reset before its first action: it never was one."""
        ...


class EpisodeStream:
    """A frame listener that records what its plan wants; without a session it only tells the plan."""

    def __init__(
        self,
        plan: Plan,
        num_envs: int,
        session: RecordingSession | None = None,
        facts: Mapping[str, Any] | None = None,
        buffers: int = 4,
    ) -> None:
        """Connect plan and session.

        Args:
            plan: Which episodes count.
            num_envs: Number of environments.
            session: Where frames go. Its ``max_in_flight`` must be at least ``buffers``.
            facts: What is to be said of every episode, JSON-clean.
            buffers: Steps that may be on their way at a time: what bounds the memory.
        """
        self.wants_images = session is not None
        self._plan = plan
        self._session = session
        self._facts = dict(facts or {})
        self._num_envs = num_envs
        self._count = buffers
        self._active = [False] * num_envs
        self._lengths = [0] * num_envs
        self._layouts: dict[bool, Layout] = {}
        self._buffers: HostBuffers | None = None

    def begin(self, env_ids: list[int]) -> None:
        """See the protocol."""
        for env_id in env_ids:
            index = self._plan.begin(env_id)
            self._active[env_id] = index is not None
            self._lengths[env_id] = 0
            if index is not None and self._session is not None:
                self._session.begin(env_id, index)

    def listening(self, env_ids: torch.Tensor) -> torch.Tensor:
        """See the protocol."""
        return env_ids[
            torch.tensor([self._active[i] for i in env_ids.tolist()], dtype=torch.bool, device=env_ids.device)
        ]

    def frame(self, batch: Batch, env_ids: torch.Tensor) -> None:
        """See the protocol. The last frame of an episode without an action is left out."""
        last = "action" not in batch
        slots = [slot for slot in env_ids.tolist() if self._lengths[slot] or not last]
        for slot in slots:
            self._lengths[slot] += 1
        if self._session is None or not slots:
            return
        if last not in self._layouts:
            self._layouts[last] = Layout(batch)
        layout = self._layouts[last]
        if self._buffers is None:
            self._buffers = HostBuffers(self._count, self._num_envs, layout.size, env_ids.is_cuda)
        buffer = self._buffers.take()
        rows = buffer.flatten()[: len(slots) * layout.size].view(len(slots), layout.size)
        layout.pack(batch, torch.tensor(slots, device=env_ids.device), rows)
        host = rows.numpy()
        frames = {slot: layout.unpack(host[row]) for row, slot in enumerate(slots)}
        buffers = self._buffers
        self._session.append(frames, lambda: buffers.give_back(buffer))

    def end(self, env_id: int, outcome: Outcome) -> None:
        """See the protocol. An episode without an action never was one."""
        self._active[env_id] = False
        outcome = replace(outcome, extra={**self._facts, **self._plan.facts(env_id), **outcome.extra})
        if self._lengths[env_id] > 1:
            keep = self._plan.end(env_id, outcome)
        else:
            keep = False
            self._plan.cancel(env_id)
        if self._session is not None:
            self._session.end(env_id, outcome, keep)
