"""Recorded episodes acted out again, and how far what happens agrees with what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from isaaclab_datagen.datasets.episode import Episode, Frame, Outcome

COMPARED: dict[str, slice] = {"joint_pos": slice(None), "ee_pose": slice(3), "object_pose": slice(3)}
"""Channels whose differences are reported, and which of their numbers: all joints [rad or m], positions [m]."""

SAID = {"phase"}
"""Channels that an actor said, not the simulation: whoever acts out what another one did is silent."""

Restore = Callable[[Sequence[Frame], torch.Tensor], None]
"""Puts environments (K,) into the states of K frames."""


@dataclass
class Agreement:
    """How far one replayed episode agrees with the recorded one."""

    index: int
    slot: int
    recorded: Outcome
    recorded_steps: int
    steps: int = 0
    """Actions played."""
    success: bool | None = False
    """Whether the success rule held again; None where there is none."""
    frames: int = 0
    """Frames compared."""
    identical: bool = True
    """Whether every number of every frame was the same, bit for bit."""
    largest: dict[str, float] = field(default_factory=dict)
    """Channel of :data:`COMPARED` to the largest difference in any frame."""
    total: dict[str, float] = field(default_factory=dict)
    """Channel to the sum over the frames of the frame's largest difference."""

    def mean(self, channel: str) -> float:
        """Mean over the frames of the frame's largest difference."""
        return self.total[channel] / self.frames

    def add(self, recorded: Frame, seen: Frame) -> None:
        """Compare one frame."""
        self.frames += 1
        common = (recorded.keys() & seen.keys()) - SAID
        self.identical = self.identical and all(np.array_equal(recorded[name], seen[name]) for name in common)
        for name in COMPARED.keys() & common:
            part = COMPARED[name]
            alike = recorded[name].shape == seen[name].shape
            difference = float(np.abs(recorded[name][part] - seen[name][part]).max()) if alike else np.inf
            self.largest[name] = max(self.largest.get(name, 0.0), difference)
            self.total[name] = self.total.get(name, 0.0) + difference


def batches(slots: Mapping[int, int], num_envs: int, any_slot: bool) -> Iterator[dict[int, int]]:
    """Share episodes out.

    Args:
        slots: Episode number to the environment that recorded it.
        num_envs: Number of environments.
        any_slot: Whether an episode may be replayed in any environment, or only in its own.

    Yields:
        Environment to the number of the episode that it replays next.
    """
    queues: list[list[int]] = [[] for _ in range(num_envs)]
    for position, (index, slot) in enumerate(slots.items()):
        queues[position % num_envs if any_slot else slot].append(index)
    for turn in range(max(map(len, queues), default=0)):
        yield {slot: queue[turn] for slot, queue in enumerate(queues) if turn < len(queue)}


class Replay:
    """Acts out one episode in each of some environments. Both the loop's actor and the recorder's listener.

    It is over when each episode has ended, or has not ended although its actions are played out and its last one was
    repeated ``grace`` times: where physics differ in the last bits, a success may come a step later.
    """

    wants_images = False

    def __init__(
        self, episodes: Mapping[int, tuple[int, Episode]], restore: Restore, restore_commands: Restore, grace: int
    ) -> None:
        """Prepare.

        Args:
            episodes: Environment to the number and the content of its episode.
            restore: Begins episodes in recorded states.
            restore_commands: Sets the commands of running episodes, which may have changed in the recording.
            grace: How often the last action may be repeated.
        """
        self._episodes = {slot: episode for slot, (_, episode) in episodes.items()}
        self._restore, self._restore_commands = restore, restore_commands
        self._grace = grace
        self._running: set[int] = set()
        self._begun = False
        self.agreements = {
            slot: Agreement(index, slot, episode.outcome, episode.num_steps)
            for slot, (index, episode) in episodes.items()
        }
        """Environment to how far its episode agrees."""

    def done(self) -> bool:
        """Whether every episode is over. To be asked between steps."""
        self._running = {slot for slot in self._running if not self._is_played_out(slot)}
        return self._begun and not self._running

    def reset(self, env_ids: torch.Tensor) -> None:
        """The first time: begin. Afterwards episodes end for good."""
        if not self._begun:
            ids = torch.tensor(list(self._episodes), device=env_ids.device)
            self._restore([frame_at(episode, 0) for episode in self._episodes.values()], ids)
            self._begun, self._running = True, set(self._episodes)
            width = next(iter(self._episodes.values())).actions.shape[1]
            self._actions = torch.zeros(len(env_ids), width, device=env_ids.device)

    def act(self, observations: object) -> torch.Tensor:
        """The recorded actions of this step; zeros where nothing is replayed. Shape is (num_envs, A)."""
        self._actions.zero_()
        running = sorted(self._running)
        now = [(self._episodes[slot], self.agreements[slot].steps) for slot in running]
        rows = [episode.actions[min(step, episode.num_steps - 1)] for episode, step in now]
        ids = torch.tensor(running, device=self._actions.device)
        self._actions[ids] = torch.from_numpy(np.stack(rows)).to(self._actions)
        self._restore_commands([frame_at(episode, step) for episode, step in now], ids)
        return self._actions

    def begin(self, env_ids: list[int]) -> None:
        """Nothing: episodes begin in :meth:`reset`."""

    def listening(self, env_ids: Sequence[int]) -> list[int]:
        """Those in which an episode is being replayed."""
        return [env_id for env_id in env_ids if env_id in self._running]

    def frame(self, batch: Mapping[str, torch.Tensor], env_ids: Sequence[int]) -> None:
        """Compare the next frame of some episodes with the recorded ones."""
        seen = {name: tensor[list(env_ids)].cpu().numpy() for name, tensor in batch.items()}
        for row, slot in enumerate(env_ids):
            agreement, episode = self.agreements[slot], self._episodes[slot]
            if agreement.steps <= episode.num_steps:
                recorded = frame_at(episode, agreement.steps)
                agreement.add(recorded, {name: values[row] for name, values in seen.items()})
                ended = (episode.frames.keys() & seen.keys()) - recorded.keys()
                agreement.identical &= not ended or agreement.steps == episode.num_steps
            agreement.steps += "action" in batch

    def end(self, env_id: int, outcome: Outcome) -> None:
        """An episode ended."""
        self._running.discard(env_id)
        self.agreements[env_id].success = outcome.success

    def _is_played_out(self, slot: int) -> bool:
        return self.agreements[slot].steps >= self._episodes[slot].num_steps + self._grace


def frame_at(episode: Episode, step: int) -> dict[str, np.ndarray]:
    """One frame of an episode, with its action unless it is the last one; the last one where ``step`` is beyond it."""
    step = min(step, episode.num_steps)
    frame = {name: values[step] for name, values in episode.frames.items() if step < len(values)}
    return frame if step == episode.num_steps else {**frame, "action": episode.actions[step]}
