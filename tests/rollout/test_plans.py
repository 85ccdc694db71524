"""Every episode that a plan lets begin is counted, numbers have no gaps, and targets are met exactly."""

import random

import pytest

from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.rollout.plans import CollectionPlan, RoundsPlan

RUNS = range(50)


def outcome(success: bool, env_id: int = 0) -> Outcome:
    return Outcome(success, "success" if success else "time_out", False, env_id)


class Environments:
    """Environments with episodes of random lengths and endings, driven as the recorder drives a plan."""

    def __init__(self, plan, num_envs: int, seed: int) -> None:
        self.plan, self.random = plan, random.Random(seed)
        self.speed = [self.random.choice([1, 3, 10]) for _ in range(num_envs)]
        """Slow environments fail, as those that miss a grasp do."""
        self.numbers: dict[int, int | None] = {}
        self.kept: list[int] = []
        self.begun = self.cancelled = 0
        for env_id in range(num_envs):
            self.begin(env_id)

    def begin(self, env_id: int) -> None:
        number = self.numbers[env_id] = self.plan.begin(env_id)
        self.begun += number is not None
        running = [n for n in self.numbers.values() if n is not None]
        assert len(set(running + self.kept)) == len(running + self.kept)

    def step(self) -> None:
        for env_id, speed in enumerate(self.speed):
            if self.random.random() < 1 / speed:
                self.end(env_id, success=self.random.random() < 1.2 / speed)

    def end(self, env_id: int, success: bool) -> None:
        number = self.numbers[env_id]
        if number is not None and self.random.random() < 0.1:
            self.plan.cancel(env_id)
            self.cancelled += 1
        elif number is not None and self.plan.end(env_id, outcome(success, env_id)):
            self.kept.append(number)
        self.numbers[env_id] = None
        self.begin(env_id)


def run(plan, num_envs: int, seed: int) -> Environments:
    environments = Environments(plan, num_envs, seed)
    for _ in range(10_000):
        if plan.done:
            return environments
        environments.step()
    raise AssertionError("the plan does not end")


@pytest.mark.parametrize("seed", RUNS)
def test_a_collection_reaches_its_target_with_numbers_without_gaps(seed):
    rng = random.Random(seed)
    first = rng.choice([0, 7])
    taken = sorted(rng.sample(range(first, first + 12), rng.randrange(10)))
    target, num_envs = len(taken) + rng.randrange(0, 20), rng.randint(1, 9)
    plan = CollectionPlan(target, taken, rng.random() < 0.5, first)
    environments = run(plan, num_envs, seed)
    assert plan.kept == target == len(taken) + len(environments.kept)
    fresh = [number for number in range(first, first + 100) if number not in taken]
    assert sorted(environments.kept) == fresh[: len(environments.kept)]
    assert plan.tally.total == environments.begun - environments.cancelled
    assert plan.keep_failures or plan.tally.successes == len(environments.kept)


def test_a_collection_that_holds_enough_begins_nothing():
    plan = CollectionPlan(3, [0, 1, 2, 5])
    assert plan.done
    assert plan.begin(0) is None
    assert plan.kept == 4


def test_a_number_that_was_not_kept_is_given_again():
    plan = CollectionPlan(2)
    assert [plan.begin(0), plan.begin(1), plan.begin(2)] == [0, 1, None]
    assert not plan.end(0, outcome(False))
    assert plan.begin(2) == 0
    plan.cancel(1)
    assert plan.begin(1) == 1
    assert plan.tally.total == 1


def test_a_running_episode_holds_up_the_end_of_a_collection():
    """Otherwise slow episodes would be left out, and with them the failures."""
    plan = CollectionPlan(2)
    plan.begin(0), plan.begin(1)
    plan.end(1, outcome(True))
    assert plan.begin(1) is None
    assert not plan.done
    assert plan.end(0, outcome(True))
    assert plan.done


@pytest.mark.parametrize("seed", RUNS)
def test_rounds_give_every_environment_its_numbers(seed):
    rng = random.Random(seed)
    rounds, num_envs, first = rng.randint(1, 5), rng.randint(1, 9), rng.choice([0, 7])
    numbers = range(first, first + rounds * num_envs)
    taken = rng.sample(numbers, rng.randrange(len(numbers)))
    plan = RoundsPlan(rounds, num_envs, taken, rng.random() < 0.5, first)
    said = []
    end = plan.end

    def check(env_id, result):
        number, told = environments.numbers[env_id], plan.facts(env_id)["round"]
        assert number == first + told * num_envs + env_id
        said.append(number)
        return end(env_id, result)

    plan.end = check
    environments = Environments(plan, num_envs, seed)
    for _ in range(10_000):
        if plan.done:
            break
        environments.step()
    assert sorted([*environments.kept, *taken]) == list(numbers)
    assert plan.kept == plan.target == len(numbers)
    assert plan.tally.total == len(said)
    assert not plan.keep_failures or len(said) == len(environments.kept)


def test_an_episode_of_unknown_success_is_kept_only_where_all_are():
    unknown = Outcome(None, "time_out", False)
    for keep in (True, False):
        for plan in (CollectionPlan(2, (), keep), RoundsPlan(2, 1, (), keep)):
            plan.begin(0)
            assert plan.end(0, unknown) is keep
            assert (plan.tally.unknown, plan.tally.successes) == (1, 0)
