"""Every chain goes A, B, A, B until its first failure; each leg is recorded where it belongs; all legs count."""

from __future__ import annotations

import json

import pytest
import torch

from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.evaluation.alternation import Alternation, Chain, CountingPlan, Switch, summary, told
from isaaclab_datagen.rollout.wrappers import Once

GOOD, BAD = Outcome(True, "success", True), Outcome(False, "time_out", False)


class Listener:
    wants_images = True

    def __init__(self):
        self.begun, self.frames, self.ended = [], [], []

    def begin(self, env_ids):
        self.begun += env_ids

    def listening(self, env_ids):
        return list(env_ids)

    def frame(self, batch, env_ids):
        self.frames += list(env_ids)

    def end(self, env_id, outcome):
        self.ended.append((env_id, outcome.success))


def alternation(num_envs=2, max_cycles=2):
    listeners = {"A": Listener(), "B": Listener()}
    return Alternation(num_envs, max_cycles, listeners, "cpu"), listeners


def leg(turns, env_id, outcome):
    turns.frame({"action": torch.zeros(2, 1)}, turns.listening([0, 1]))
    turns.end(env_id, outcome)
    turns.begin([env_id])  # the reset that follows


def test_a_chain_goes_on_until_its_first_failure():
    turns, listeners = alternation()
    assert not turns.done
    turns.begin([0, 1])
    leg(turns, 0, GOOD)
    leg(turns, 1, BAD)
    assert turns.running["A"].tolist() == [False, False]
    assert turns.running["B"].tolist() == [True, False]
    leg(turns, 0, GOOD)
    leg(turns, 0, GOOD)
    assert not turns.done
    leg(turns, 0, BAD)
    assert turns.done
    assert listeners["A"].ended == [(0, True), (1, False), (0, True)]
    assert listeners["B"].ended == [(0, True), (0, False)]
    assert listeners["A"].begun == [0, 1, 0]
    assert listeners["A"].frames == [0, 1, 1, 0]  # 1 still runs when 0 is in its first B
    assert [chain.cycles for chain in turns.chains] == [1, 0]


def test_a_chain_that_never_fails_ends_after_the_last_cycle():
    turns, _ = alternation(1, 2)
    turns.begin([0])
    for _ in range(4):
        assert not turns.done
        leg(turns, 0, GOOD)
    assert turns.done
    assert turns.chains[0].cycles == 2


def test_figures_count_every_leg():
    chains = [Chain([GOOD, GOOD, GOOD, BAD]), Chain([BAD]), Chain([GOOD, BAD])]
    found = summary(chains)
    assert (found["A_successes"], found["A_legs"], found["B_successes"], found["B_legs"]) == (3, 4, 1, 3)
    assert found["A_success_rate"] == pytest.approx(0.75)
    assert found["A_interval"][0] < 0.75 < found["A_interval"][1]
    assert found["consecutive_success"] == {"mean": pytest.approx(1 / 3), "median": 0, "distribution": {"0": 2, "1": 1}}
    assert "A_success_rate: 3/4 = 75.0 %" in told(json.loads(json.dumps(found)))


def test_without_a_leg_of_b_its_rate_is_unknown():
    found = summary([Chain([BAD])])
    assert found["B_success_rate"] is None
    assert "no leg" in told(found)


def test_each_environment_gets_the_action_of_its_direction():
    turns, _ = alternation()
    turns.begin([0, 1])
    leg(turns, 0, GOOD)

    class Constant:
        def __init__(self, value):
            self.value, self.where = value, None

        def select(self, where):
            self.where = where.tolist()

        def act(self, observations):
            return torch.full((2, 1), self.value)

        def reset(self, env_ids):
            pass

    actors = {"A": Constant(1.0), "B": Constant(2.0)}
    switch = Switch(turns, actors, Once(dict))
    assert switch.act({}).tolist() == [[2.0], [1.0]]
    assert (actors["A"].where, actors["B"].where) == ([False, True], [True, False])


def test_numbers_of_recorded_legs_have_no_gaps():
    plan = CountingPlan()
    assert [plan.begin(0), plan.begin(1)] == [0, 1]
    plan.cancel(0)
    assert plan.begin(2) == 0
    assert plan.end(1, BAD)
    assert plan.begin(1) == 2
    assert (plan.kept, plan.successes) == (1, 0)
