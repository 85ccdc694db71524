"""Chunks of actions are handed out one by one, each environment at its own point of its plan."""

from __future__ import annotations

import torch

from isaaclab_datagen.rollout.wrappers import Chunks, Once

N, K = 3, 4


class CountingPlanner:
    """Plans the numbers that follow what it saw last, and notes what it saw."""

    n_obs_steps, n_action_steps, action_dim = 2, K, 1

    def __init__(self):
        self.seen = []

    def prepare(self, frame):
        return {"value": frame["value"]}

    def plan(self, history):
        self.seen.append(history["value"].tolist())
        return history["value"][:, -1, None, None] + torch.arange(K)[None, :, None] / 10


class World:
    """Each environment's value is the step; reading it is counted."""

    def __init__(self):
        self.step, self.readings = 0, 0

    def __call__(self):
        self.readings += 1
        return {"value": torch.full((N,), float(self.step))}


def run(actor, world, steps):
    actions = []
    for _ in range(steps):
        actions.append(actor.act({})[:, 0].tolist())
        world.step += 1
    return actions


def test_a_plan_is_followed_to_its_end():
    world, planner = World(), CountingPlanner()
    actor = Chunks(planner, world, N, "cpu")
    actions = run(actor, world, 9)
    expected = [0.0, 0.1, 0.2, 0.3, 4.0, 4.1, 4.2, 4.3, 8.0]
    torch.testing.assert_close(torch.tensor(actions), torch.tensor(expected)[:, None].expand(9, N))
    assert planner.seen == [[[0, 0]] * N, [[3, 4]] * N, [[7, 8]] * N]


def test_frames_are_only_read_before_a_plan():
    world = World()
    run(Chunks(CountingPlanner(), world, N, "cpu"), world, 9)
    assert world.readings == 5  # 0; 3, 4; 7, 8


def test_an_environment_that_is_reset_plans_anew_alone():
    world, planner = World(), CountingPlanner()
    actor = Chunks(planner, world, N, "cpu")
    run(actor, world, 2)
    actor.reset(torch.tensor([1]))
    actions = run(actor, world, 3)
    torch.testing.assert_close(torch.tensor(actions), torch.tensor([[0.2, 2.0, 0.2], [0.3, 2.1, 0.3], [4.0, 2.2, 4.0]]))
    assert planner.seen[1] == [[2, 2]]  # of its own episode only


def test_where_it_does_not_act_nothing_is_planned():
    world, planner = World(), CountingPlanner()
    actor = Chunks(planner, world, N, "cpu")
    actor.select(torch.tensor([False, True, False]))
    assert run(actor, world, 2) == [[0.0, 0.0, 0.0], [0.0, 0.10000000149011612, 0.0]]
    assert planner.seen == [[[0, 0]]]
    actor.select(torch.zeros(N, dtype=torch.bool))
    before = world.readings
    run(actor, world, 5)
    assert world.readings == before


def test_once_reads_once_a_step():
    world = World()
    once = Once(world)
    assert once() is once()
    once.forget()
    once()
    assert world.readings == 2
