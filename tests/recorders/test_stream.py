"""From frames of all environments to the episodes that a plan wants."""

from contextlib import closing
from functools import partial

import numpy as np
import pytest
import torch
from dataset_fakes import FolderWriter

from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.recorders.stream import EpisodeStream
from isaaclab_datagen.rollout.plans import CollectionPlan

N = 3
OVER = {env_id: Outcome(True, "success", False, env_id) for env_id in range(N)}


class LateTransfer:
    """Copies as late as a GPU may: when it is waited for."""

    def start(self, source, out):
        self.source, self.out = source, out

    def wait(self):
        self.out[...] = self.source.numpy()

    def close(self):
        pass


class Simulation:
    """Calls a listener as the recorder term does; every value of a frame is unlike every other."""

    def __init__(self, listener, device="cpu") -> None:
        self.listener = listener
        self.clock = 0
        self.state = torch.zeros(N, 1, dtype=torch.float64, device=device)
        self.image = torch.zeros(N, 2, 2, 3, dtype=torch.uint8, device=device)

    def reset(self, ids=range(N)):
        wanted = self.listener.listening(ids)
        if wanted:
            self.listener.frame(self._batch(), wanted)
            for env_id in wanted:
                self.listener.end(env_id, OVER[env_id])
        self.listener.begin(list(ids))

    def step(self):
        wanted = self.listener.listening(range(N))
        if wanted:
            self.listener.frame(
                self._batch() | {"action": torch.full((N, 2), float(self.clock), device=self.state.device)}, wanted
            )
        self.clock += 1

    def _batch(self):
        """The simulation's own memory: the next step overwrites it."""
        self.state[:, 0] = 10.0 * self.clock + torch.arange(N, device=self.state.device)
        self.image.fill_(self.clock % 256)
        return {"state": self.state, "image": self.image}


WAYS = [
    "at once",
    "late",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")),
]


@pytest.fixture(params=WAYS)
def record(request, tmp_path):
    """Record what ``drive(simulation)`` does, whichever way frames take to the host."""
    return partial(_record, request.param, tmp_path)


def _record(way, folder, target, drive):
    writer, plan = FolderWriter(folder), CollectionPlan(target)
    with RecordingSession(writer, N) as session, closing(EpisodeStream(plan, N, session)) as stream:
        if way == "late":
            stream._transfer = LateTransfer()
        drive(Simulation(stream, "cuda" if way == "cuda" else "cpu"))
    return {index: (saved.outcome, saved.frames) for index, saved in writer.episodes.items()}, plan


def test_each_episode_holds_its_environments_frames_in_order(record):
    def drive(simulation):
        simulation.reset()
        for ended in ([], [1], [0, 2], [1], []):
            simulation.step()
            if ended:
                simulation.reset(ended)

    episodes, plan = record(4, drive)
    assert sorted(episodes) == [0, 1, 2, 3]
    spans = {(outcome.env_index, tuple(frame["state"][0] for frame in frames)) for outcome, frames in episodes.values()}
    assert spans == {(1, (1, 11, 21)), (0, (0, 10, 20, 30)), (2, (2, 12, 22, 32)), (1, (21, 31, 41))}
    for _, frames in episodes.values():
        assert ["action" in frame for frame in frames] == [True] * (len(frames) - 1) + [False]
        assert all((frame["image"] == frame["state"] // 10).all() for frame in frames)
    assert plan.done


def test_episodes_without_an_action_never_were_any(record):
    """Also as the very first thing that is recorded."""

    def drive(simulation):
        simulation.reset()
        simulation.reset()
        simulation.reset([2])
        simulation.step()
        simulation.reset([0])
        simulation.reset([0])
        simulation.reset()

    episodes, plan = record(3, drive)
    assert {outcome.env_index: len(frames) for outcome, frames in episodes.values()} == {0: 2, 1: 2, 2: 2}
    assert sorted(episodes) == [0, 1, 2]
    assert plan.tally.total == 3


def test_more_frames_than_buffers_pass_through(record):
    def drive(simulation):
        simulation.reset()
        for _ in range(100):
            simulation.step()
        simulation.reset()

    episodes, _ = record(3, drive)
    for _, frames in episodes.values():
        assert np.array_equal([frame["state"][0] // 10 for frame in frames], np.arange(101))
