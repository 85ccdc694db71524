"""Replaying in a world so simple that its every number can be checked: positions that sum up actions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isaaclab_datagen.datasets.episode import Episode, Outcome
from isaaclab_datagen.rollout.loop import rollout
from isaaclab_datagen.rollout.replay import Replay, batches, frame_at

GOAL = 5.0


class Line:
    """Points on a line, driven by actions, that succeed and start anew at their command; it calls a listener."""

    def __init__(self, num_envs: int, error: float = 0.0) -> None:
        self.num_envs, self.error = num_envs, error
        self.position = torch.zeros(num_envs, 1, dtype=torch.float64)
        self.command = torch.full((num_envs, 1), GOAL, dtype=torch.float64)
        self.listener: Replay | None = None

    def _frame(self) -> dict[str, torch.Tensor]:
        return {"joint_pos": self.position.clone(), "command/goal": self.command.clone()}

    def reset(self):
        self.position[:] = -1.0
        return {"policy": self.position}, {}

    def step(self, action):
        ids = self.listener.listening(range(self.num_envs))
        if ids:
            self.listener.frame({**self._frame(), "action": action}, ids)
        self.position += action + self.error
        success = (self.position >= self.command).flatten()
        for env_id in self.listener.listening(success.nonzero().flatten().tolist()):
            self.listener.frame(self._frame(), [env_id])
            self.listener.end(env_id, Outcome(True, "success", True, env_id))
        self.position[success] = -1.0
        return {"policy": self.position}, None, success, torch.zeros_like(success), {}

    def restore(self, frames, ids):
        self.position[ids] = torch.from_numpy(np.stack([frame["joint_pos"] for frame in frames]))
        self.restore_commands(frames, ids)

    def restore_commands(self, frames, ids):
        self.command[ids] = torch.from_numpy(np.stack([frame["command/goal"] for frame in frames]))


def recorded(start: float, steps: int, success: bool = True) -> Episode:
    """Steps of one from ``start``; the goal moves to where it is reached, in the last step."""
    positions = start + np.arange(steps + 1.0)[:, None]
    goals = np.full((steps + 1, 1), 100.0)
    goals[-2:] = positions[-1] if success else 100.0
    outcome = Outcome(success, "success" if success else "time_out", success, 0)
    return Episode(np.ones((steps, 1)), {"joint_pos": positions, "command/goal": goals}, outcome, {})


def replay(episodes, grace: int = 0, error: float = 0.0) -> tuple[Replay, int]:
    line = Line(4, error)
    line.listener = Replay(episodes, line.restore, line.restore_commands, grace)
    return line.listener, rollout(line, line.listener, line.listener.done)


def test_what_is_the_same_is_identical_and_succeeds_with_its_changing_command():
    acting, steps = replay({0: (7, recorded(0.0, 4)), 3: (8, recorded(0.5, 6))})
    assert steps == 6
    for slot, index, length in ((0, 7, 4), (3, 8, 6)):
        agreement = acting.agreements[slot]
        assert (agreement.index, agreement.steps, agreement.frames) == (index, length, length + 1)
        assert agreement.success and agreement.identical
        assert agreement.largest == {"joint_pos": 0.0}


def test_what_the_actor_said_is_no_part_of_what_happened():
    episode = recorded(0.0, 4)
    said = {**episode.frames, "phase": np.arange(5)}
    acting, _ = replay({0: (0, Episode(episode.actions, said, episode.outcome, {}))})
    acting.agreements[0].add({"phase": np.array(3)}, {"phase": np.array(-1)})
    assert acting.agreements[0].identical


@pytest.mark.parametrize("changed", [lambda values: values[:2], lambda values: np.hstack([values, values])])
def test_a_channel_that_ends_early_or_has_another_width_is_not_the_same(changed):
    episode = recorded(0.0, 4)
    acting, _ = replay({0: (0, episode)})
    acting.agreements[0].steps, channel = 3, changed(episode.frames["joint_pos"])
    acting._episodes[0] = Episode(episode.actions, {**episode.frames, "joint_pos": channel}, episode.outcome, {})
    acting.frame({name: torch.from_numpy(values[3:4]) for name, values in episode.frames.items()}, [0])
    assert not acting.agreements[0].identical


def test_a_failure_stays_one():
    acting, steps = replay({1: (0, recorded(0.0, 4, success=False))})
    assert steps == 4
    assert not acting.agreements[1].success


def test_differences_are_measured_in_every_frame():
    acting, _ = replay({0: (0, recorded(0.0, 4, success=False))}, error=0.25)
    agreement = acting.agreements[0]
    assert not agreement.identical
    assert agreement.largest == {"joint_pos": 0.75}
    assert agreement.mean("joint_pos") == pytest.approx((0.0 + 0.25 + 0.5 + 0.75) / 4)


@pytest.mark.parametrize(("grace", "success"), [(0, False), (1, True), (3, True)])
def test_a_success_may_come_a_little_later(grace, success):
    acting, steps = replay({0: (0, recorded(0.0, 4))}, grace, error=-0.1)
    assert acting.agreements[0].success == success
    assert steps == 4 + min(grace, 1)


def test_a_frame_beyond_the_end_is_the_last_one():
    episode = recorded(0.0, 3)
    assert "action" in frame_at(episode, 2)
    assert frame_at(episode, 3).keys() == frame_at(episode, 9).keys() == {"joint_pos", "command/goal"}


def test_each_episode_is_replayed_once_in_its_own_slot():
    slots = {0: 1, 1: 0, 2: 1, 5: 1}
    assert list(batches(slots, 2, any_slot=False)) == [{0: 1, 1: 0}, {1: 2}, {1: 5}]


@pytest.mark.parametrize("num_envs", [1, 3, 9])
def test_each_episode_is_replayed_once_in_any_slot(num_envs):
    shares = list(batches(dict.fromkeys(range(7), 50), num_envs, any_slot=True))
    assert sorted(index for share in shares for index in share.values()) == list(range(7))
    assert len(shares) == -(-7 // num_envs)
    assert all(slot < num_envs for share in shares for slot in share)
