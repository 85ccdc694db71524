"""Rates and what they are worth, against published values."""

import math

import pytest

from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.rollout.statistics import Tally, wilson_interval


@pytest.mark.parametrize(
    ("successes", "total", "expected"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilsons_interval_is_the_published_one(successes, total, expected):
    assert wilson_interval(successes, total) == pytest.approx(expected, abs=6e-5)


def test_the_interval_is_symmetric_and_holds_the_rate():
    for total in (1, 7, 500):
        for successes in range(total + 1):
            low, high = wilson_interval(successes, total)
            assert 0 <= low <= successes / total + 1e-12
            assert successes / total - 1e-12 <= high <= 1
            assert wilson_interval(total - successes, total) == pytest.approx((1 - high, 1 - low))


def test_without_trials_nothing_is_known():
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert math.isnan(Tally().rate)


def test_a_tally_says_how_often_and_why():
    tally = Tally()
    for success, reason in [(True, "success"), (True, "success"), (False, "time_out"), (True, "success")]:
        tally.add(Outcome(success, reason, False))
    assert (tally.total, tally.successes, tally.rate) == (4, 3, 0.75)
    text = str(tally)
    assert text.startswith("3/4 = 75.0 % (95 % interval 30.1 to 95.4 %)")
    assert text.endswith("success 3, time_out 1")
    assert "0/0" in str(Tally())


def test_it_says_how_far_failures_came_where_the_task_knows():
    tally = Tally()
    ended = [(True, "success", "done")] + [(False, "time_out", stage) for stage in ("held", "lost", "lost")]
    for success, reason, stage in ended:
        tally.add(Outcome(success, reason, False, extra={"stage": stage}))
    tally.add(Outcome(False, "fell", True))
    assert str(tally).endswith("time_out 3 (lost 2, held 1), success 1, fell 1")


def test_a_rate_is_of_the_episodes_that_were_judged():
    tally = Tally()
    tally.add(Outcome(None, "time_out", False))
    assert math.isnan(tally.rate)
    assert str(tally) == "success unknown of 1: time_out 1"
    tally.add(Outcome(True, "success", False))
    assert (tally.rate, tally.total, tally.unknown) == (1.0, 2, 1)
    assert str(tally).startswith("1/1 = 100.0 %")
    assert "success unknown of 1" in str(tally)
