"""The built-in motions: what each promises, in figures."""

from __future__ import annotations

import numpy as np
import pytest

from isaaclab_datagen.motions import checks, files

IN_PLACE = ("squat", "sway", "wave")


@pytest.fixture(scope="module")
def qualities():
    return {name: checks.check(files.load(name)) for name in files.builtin()}


@pytest.mark.parametrize("name", files.builtin())
def test_it_lasts_longer_than_an_episode_within_what_the_robot_can_do(qualities, name):
    found = qualities[name]
    assert found.seconds > 10.0 + 1 / 50
    assert found.limit_margin >= 0.0
    assert found.speed_share < 1.0
    assert found.penetration < 0.01
    assert found.imbalance == 0.0


@pytest.mark.parametrize("name", IN_PLACE)
def test_feet_stay_where_they_are(qualities, name):
    found = qualities[name]
    assert (found.contact, found.distance) == (1.0, pytest.approx(0.0, abs=0.02))
    assert found.skating < 1e-3 and found.penetration < 1e-3


def test_the_walk_walks(qualities):
    found = qualities["walk"]
    assert found.distance / found.seconds == pytest.approx(1.2, abs=0.1)
    assert found.skating < 0.06 and found.penetration < 0.003


def test_the_walk_repeats_itself_without_a_step():
    """One stride is like the next, and nothing jumps from frame to frame."""
    walk = files.load("walk")
    assert np.abs(np.diff(walk.joint_vel, axis=0)).max() < 2.5
    heading = walk.body_pos_w[:, 0, 1]
    assert np.abs(heading).max() < 0.1


def test_they_are_what_the_module_makes():
    """The files are those that the package's code writes today, within what libraries may differ by."""
    from isaaclab_datagen.motions.generate import MOTIONS, centred

    made = centred(MOTIONS["wave"]())
    found = files.load("wave").configuration()
    assert np.abs(made.joint_pos - found.joint_pos).max() < 1e-3
    assert sorted(MOTIONS) == list(files.builtin())
