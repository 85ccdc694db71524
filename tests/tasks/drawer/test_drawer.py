"""The drawer task in the simulator: the script opens the drawer by its handle, and rewards rank what it does."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from isaaclab.cli import load_external_tasks
from simulated import environment

from isaaclab_datagen import registry
from isaaclab_datagen.cli import overrides
from isaaclab_datagen.cli.configuring import keep_cameras
from isaaclab_datagen.experts import factory
from isaaclab_datagen.experts.checkpoints import Wish

pytestmark = pytest.mark.sim

TASK = "Open-Drawer-Custom"
NUM_ENVS = 8
PULL = 3
"""Index of the script's last phase."""


@pytest.fixture(scope="module")
def env() -> Iterator[SimpleNamespace]:
    load_external_tasks()
    cfg, _ = overrides.resolve(TASK, None, [], play_mode=True)
    cfg.scene.num_envs, cfg.sim.device, cfg.seed = NUM_ENVS, "cpu", 11
    keep_cameras(cfg, [])
    with environment(TASK, cfg) as made:
        yield made


@pytest.fixture(scope="module")
def run(env) -> SimpleNamespace:
    """One episode of the script in each environment, until the last one's end; steps after an end are masked."""
    actor = factory.build(factory.choose(registry.find(TASK), "state_machine", Wish(), None, None), env)
    env.reset()
    actor.reset(torch.arange(NUM_ENVS))
    log: dict[str, list[torch.Tensor]] = {name: [] for name in ("alive", "phase", "opening", "rewards", "success")}
    alive = torch.ones(NUM_ENVS, dtype=torch.bool)
    success = torch.zeros(NUM_ENVS, dtype=torch.bool)
    while alive.any():
        actions = actor.act(env.obs_buf)
        log["alive"].append(alive.clone())
        log["phase"].append(actor.phase.clone())
        log["opening"].append(opening(env))
        _, _, terminated, truncated, _ = env.step(actions)
        log["rewards"].append(env.reward_manager._step_reward.clone())
        success |= alive & env.termination_manager.get_term("success")
        alive &= ~(terminated | truncated)
    found = {name: torch.stack(values) for name, values in log.items() if values}
    return SimpleNamespace(**{**found, "success": success, "terms": env.reward_manager.active_terms})


def opening(env) -> torch.Tensor:
    cabinet = env.scene["cabinet"]
    return cabinet.data.joint_pos.torch[:, cabinet.joint_names.index("drawer_top_joint")].clone()


def test_the_script_opens_every_drawer_well_within_the_time(run, env):
    assert run.success.all()
    assert len(run.alive) < 0.6 * env.max_episode_length


def test_drawers_start_a_little_open_and_differ(run):
    start = run.opening[0]
    assert (start >= 0).all() and (start <= 0.05).all() and start.std() > 0.001


def test_only_the_held_bar_is_paid_for_and_pulling_pays_most(run):
    rewards = dict(zip(run.terms, run.rewards.unbind(dim=-1), strict=True))
    assert torch.isfinite(run.rewards).all()
    reaching, pulling = run.alive & (run.phase < 2), run.alive & (run.phase == PULL)
    assert (rewards["open"][reaching] == 0).all() and (rewards["grasp"][run.alive & (run.phase == 0)] == 0).all()
    assert (rewards["open"][pulling] > 0).float().mean() > 0.98
    total = run.rewards.sum(dim=-1)
    assert total[pulling & (run.opening > 0.25)].min() > 2.0 * total[reaching].max()
    paid = (rewards["success"] * run.alive > 0).sum(dim=0)
    assert (paid == 1).all()  # once, on the step that ends the episode with the bar in the hand


def test_finishing_pays_more_than_holding_the_drawer_just_closed_enough(run):
    """Success ends an episode, so it must be worth more than all that a learner could earn by not finishing."""
    steps, discount = 60, 0.99
    rewards = dict(zip(run.terms, run.rewards.unbind(dim=-1), strict=True))
    holding = (run.rewards.sum(dim=-1) - rewards["success"])[run.alive].max() / steps / (1 - discount)
    assert rewards["success"].max() / steps > 1.5 * holding


def test_the_drawer_is_pulled_and_not_flung(run):
    """It moves no faster than the hand, and never by itself."""
    moved = (run.opening[1:] - run.opening[:-1])[run.alive[1:]]
    before = (run.opening[1:] - run.opening[0])[run.alive[1:] & (run.phase[1:] < 2)]
    assert moved.max() < 0.5 / 60
    assert before.abs().max() < 0.005


def test_a_joint_step_brings_the_tip_to_a_near_target(env, run):
    """The Jacobian is that of the tip, in the root frame: a small step leaves little of the way."""
    from isaaclab.utils.math import apply_delta_pose, compute_pose_error

    actor = factory.build(factory.choose(registry.find(TASK), "state_machine", Wish(), None, None), env)
    env.reset()
    generator = torch.Generator().manual_seed(0)
    tip = actor.tip_pose()
    delta = 0.002 * (2 * torch.rand(NUM_ENVS, 6, generator=generator) - 1)
    target = torch.cat(apply_delta_pose(tip[:, :3], tip[:, 3:], delta), dim=-1)
    robot = env.scene["robot"]
    joint_pos = robot.data.joint_pos.torch.clone()
    joint_pos[:, :7] += actor._ik.step(tip, target)
    robot.write_joint_position_to_sim_index(position=joint_pos)
    env.sim.forward()
    reached = actor.tip_pose()
    position, rotation = compute_pose_error(
        reached[:, :3], reached[:, 3:], target[:, :3], target[:, 3:], rot_error_type="axis_angle"
    )
    assert (position.norm(dim=-1) < 0.05 * delta[:, :3].norm(dim=-1)).all()
    assert (rotation.norm(dim=-1) < 0.05 * delta[:, 3:].norm(dim=-1) + 3e-4).all()


def test_a_start_within_a_demonstration_is_one_of_its_states(env, run):
    from isaaclab_datagen.mdp import reset_to_start

    cfg, _ = overrides.resolve(TASK, None, [], play_mode=False)
    event = cfg.events.reset
    env.reset()
    untouched = env.scene["robot"].data.joint_pos.torch[-1].clone()
    reset_to_start(event, env)(env, torch.arange(NUM_ENVS - 1), **{**event.params, "probability": 1.0})
    with np.load(event.params["demonstrations"]) as file:
        states = torch.from_numpy(np.concatenate([file["robot/joint_pos"], file["cabinet/joint_pos"]], axis=1))
    assets = [env.scene[name].data.joint_pos.torch for name in ("robot", "cabinet")]
    now = torch.cat(assets, dim=1)
    distance = (now[:-1, None] - states).abs().amax(dim=-1).amin(dim=1)
    assert (distance < 1e-6).all()
    assert torch.equal(now[-1, :9], untouched)
    assert (states[:, 10] < 0.3).all()  # none is a success already
