"""The success rule of pick and place asks for each of its conditions: without any one of them nothing has succeeded."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from isaaclab.managers import TerminationTermCfg

from isaaclab_datagen.tasks.pick_place.mdp import terminations

STEPS = 10
PARAMS = {
    "command_name": "carry",
    "height_threshold": 0.15,
    "distance_threshold": 0.05,
    "speed_threshold": 0.02,
    "steps": STEPS,
    "width_threshold": 0.07,
    "clearance": 0.06,
    "rest_height": 0.024,
    "rest_distance": None,
    "rest_angle": 0.05,
    "fingers_cfg": None,
    "hand_cfg": None,
    "offset": (0.0, 0.0, 0.107),
}
DOWN = (1.0, 0.0, 0.0, 0.0)
AT_REST = ((0.45, 0.0, 0.4), DOWN)


@pytest.fixture
def leg(monkeypatch):
    """A leg that is done step by step: told where cube and tip are, it says whether it has succeeded."""
    row = lambda *numbers: torch.tensor([numbers])  # noqa: E731
    now = {}
    monkeypatch.setattr(terminations, "object_pose", lambda env, cfg: row(*now["cube"], 0.0, 0.0, 0.0, 1.0))
    monkeypatch.setattr(terminations, "body_pose", lambda env, cfg, offset: row(*now["tip"], *now["turn"]))
    monkeypatch.setattr(terminations, "gripper_width", lambda env, cfg: row(now["width"]))
    command = SimpleNamespace(
        leg=torch.zeros(1, dtype=torch.long),
        target=row(0.5, 0.0),
        rest=row(*AT_REST[0], *AT_REST[1]),
        carried=torch.zeros(1, dtype=torch.bool),
        succeeded=torch.zeros(1, dtype=torch.bool),
    )
    speed = torch.zeros(1, 3)
    cube = SimpleNamespace(data=SimpleNamespace(root_link_lin_vel_w=SimpleNamespace(torch=speed)))
    manager = SimpleNamespace(get_term=lambda name: command)
    env = SimpleNamespace(num_envs=1, device="cpu", command_manager=manager, scene={"object": cube})
    rule = terminations.carried(TerminationTermCfg(func=terminations.carried, params=PARAMS), env)

    def step(cube, tip=(0.5, 0.0, 0.1), width=0.08, velocity=0.0, turn=DOWN, **params) -> bool:
        now.update(cube=cube, tip=tip, width=width, turn=turn)
        speed[0, 0] = velocity
        return bool(rule(env, **{**PARAMS, **params}))

    return SimpleNamespace(step=step, command=command, rule=rule)


LIFTED = (0.5, 0.2, 0.16)
LYING = (0.51, 0.01, 0.024)


def test_a_leg_succeeds_when_the_cube_has_rested_for_as_long_as_asked(leg):
    leg.step(LIFTED)
    assert [leg.step(LYING) for _ in range(STEPS)] == [False] * (STEPS - 1) + [True]
    assert leg.command.succeeded.all()


@pytest.mark.parametrize(
    ("lifted", "how"),
    [
        ((0.5, 0.2, 0.149), {}),
        (LIFTED, {"cube": (0.551, 0.0, 0.024)}),
        (LIFTED, {"cube": (0.5, 0.0, 0.08)}),
        (LIFTED, {"velocity": 0.021}),
        (LIFTED, {"width": 0.069}),
        (LIFTED, {"tip": (0.51, 0.01, 0.083)}),
        (LIFTED, {"rest_distance": 0.01}),
        (LIFTED, {"rest_distance": 0.01, "tip": AT_REST[0], "turn": (0.995, 0.0999, 0.0, 0.0)}),
    ],
)
def test_without_any_one_condition_it_does_not(leg, lifted, how):
    """Not lifted high enough; too far aside; not on the table; moving; held; the hand near it, or not back at rest."""
    leg.step(lifted)
    assert not any(leg.step(**{"cube": LYING, **how}) for _ in range(3 * STEPS))


def test_back_at_rest_is_a_success_where_that_is_asked(leg):
    leg.step(LIFTED)
    assert [leg.step(LYING, AT_REST[0], rest_distance=0.01) for _ in range(STEPS)][-1]


def test_a_cube_that_moves_begins_to_rest_anew(leg):
    leg.step(LIFTED)
    assert not any(leg.step(LYING) for _ in range(STEPS - 1))
    assert not leg.step(LYING, velocity=0.1)
    assert [leg.step(LYING) for _ in range(STEPS)] == [False] * (STEPS - 1) + [True]


def test_what_the_last_leg_did_does_not_count(leg):
    leg.step(LIFTED)
    assert [leg.step(LYING) for _ in range(STEPS)][-1]
    leg.command.leg += 1
    assert not any(leg.step(LYING) for _ in range(3 * STEPS))
    leg.step(LIFTED)
    leg.rule.reset([0])
    assert not any(leg.step(LYING) for _ in range(3 * STEPS))
    anywhere = {"height_threshold": 0.001, "distance_threshold": 5.0}
    assert [leg.step(LYING, **anywhere) for _ in range(STEPS)][-1]
    leg.command.leg += 1
    assert [leg.step(LYING, **anywhere) for _ in range(STEPS)] == [False] * (STEPS - 1) + [True]
