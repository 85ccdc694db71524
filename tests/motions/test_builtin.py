"""The built-in motions: what each promises, in figures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isaaclab_datagen.assets.g1 import FEET, HANDS
from isaaclab_datagen.motions import checks, files, generate
from isaaclab_datagen.motions.inverse_kinematics import Configuration
from isaaclab_datagen.motions.retarget import reach_error, retarget

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
    made = generate.centred(generate.MOTIONS["wave"]())
    assert_same(made, files.load("wave").configuration())
    assert sorted(generate.MOTIONS) == list(files.builtin())


MOST = {
    # mean and largest distance of feet, then of hands [mm]: docs/tracking.md has what was measured
    "walk": (6, 40, 15, 40),
    "run": (30, 130, 25, 45),
    "dance": (5, 80, 20, 30),
}


@pytest.mark.parametrize("name", MOST)
def test_a_clip_is_retargeted_to_the_shipped_file_and_its_feet_and_hands_are_near_their_targets(name):
    clip = generate.clip(name)
    found = retarget(clip)
    assert_same(generate.centred(found), files.load(name).configuration())
    errors = reach_error(clip, found)
    assert set(errors) == {*FEET, *HANDS}
    for body, (mean, largest) in errors.items():
        most = MOST[name][:2] if body in FEET else MOST[name][2:]
        assert 1e3 * mean < most[0] and 1e3 * largest < most[1], body


def assert_same(made: Configuration, found: Configuration) -> None:
    """Within 1 mm and 1 mrad."""
    assert np.abs(made.root_pos - found.root_pos).max() < 1e-3
    assert (Rotation.from_quat(made.root_quat) * Rotation.from_quat(found.root_quat).inv()).magnitude().max() < 1e-3
    assert np.abs(made.joint_pos - found.joint_pos).max() < 1e-3
