"""From the recorder term to a recording session: which episodes are recorded, and their frames' way to the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.datasets.rows import RowLayout
from isaaclab_datagen.datasets.shared_memory import Rows
from isaaclab_datagen.recorders.frames import Batch
from isaaclab_datagen.recorders.packing import Transfer, layout_of, pack, packed


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
    """A frame listener that records what its plan wants.

    A GPU copies a frame to the host while the simulation takes its next step; only then does the session get it.
    """

    wants_images = True

    def __init__(
        self,
        plan: Plan,
        num_envs: int,
        session: RecordingSession,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Connect plan and session.

        Args:
            plan: Which episodes count.
            num_envs: Number of environments.
            session: Where frames go. To be closed after this.
            facts: What is to be said of every episode, JSON-clean.
        """
        self._plan = plan
        self._session = session
        self._facts = dict(facts or {})
        self.steps = 0
        """Steps recorded so far, of all episodes, kept or not."""
        self._active = [False] * num_envs
        self._all_active: list[int] | None = None
        self._lengths = [0] * num_envs
        self._layouts: dict[bool, RowLayout] = {}
        self._transfer: Transfer | None = None
        self._copied: tuple[list[int], Rows] | None = None

    def begin(self, env_ids: list[int]) -> None:
        """See the protocol."""
        self._hand_over()
        for env_id in env_ids:
            index = self._plan.begin(env_id)
            self._active[env_id] = index is not None
            self._all_active = None
            self._lengths[env_id] = 0
            if index is not None:
                self._session.begin(env_id, index)

    def listening(self, env_ids: Sequence[int]) -> list[int]:
        """See the protocol."""
        if len(env_ids) < len(self._active):
            return [env_id for env_id in env_ids if self._active[env_id]]
        if self._all_active is None:
            self._all_active = [env_id for env_id, active in enumerate(self._active) if active]
        return self._all_active

    def frame(self, batch: Batch, env_ids: Sequence[int]) -> None:
        """See the protocol. The last frame of an episode without an action is left out."""
        last = "action" not in batch
        slots = [slot for slot in env_ids if self._lengths[slot] or not last]
        for slot in slots:
            self._lengths[slot] += 1
        if not slots:
            return
        self.steps += 0 if last else len(slots)
        self._hand_over()
        if last not in self._layouts:
            self._layouts[last] = layout_of(batch)
        layout = self._layouts[last]
        rows = self._session.take(len(slots), layout)
        device = next(iter(batch.values())).device
        if self._transfer is None and device.type != "cpu":
            self._transfer = Transfer(device, self._session.memory)
        if self._transfer is None:
            pack(batch, slots, layout, rows.data)
            self._session.put(slots, rows)
        else:
            self._transfer.start(packed(batch, slots, layout), rows.data)
            self._copied = slots, rows

    def end(self, env_id: int, outcome: Outcome) -> None:
        """See the protocol. An episode without an action never was one."""
        self._hand_over()
        self._active[env_id], self._all_active = False, None
        outcome = replace(outcome, extra={**self._facts, **self._plan.facts(env_id), **outcome.extra})
        if self._lengths[env_id] > 1:
            keep = self._plan.end(env_id, outcome)
        else:
            keep = False
            self._plan.cancel(env_id)
        self._session.end(env_id, outcome, keep)

    def close(self) -> None:
        """Leave the session's memory alone from now on. Only then may it be closed."""
        if self._transfer is not None:
            self._transfer.close()
            self._transfer = self._copied = None

    def _hand_over(self) -> None:
        """Give the session the frame that was copied last."""
        if self._copied is not None and self._transfer is not None:
            (slots, rows), self._copied = self._copied, None
            self._transfer.wait()
            self._session.put(slots, rows)
