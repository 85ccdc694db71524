"""Delay and noise of actions, measured from outside: when do the joints' targets change, and to what?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import pytest
import torch
from isaaclab.app import add_launcher_args, launch_simulation
from isaaclab.envs import ManagerBasedRLEnv
from isaaclab.managers import DatasetExportMode, RecorderManagerBaseCfg, RecorderTerm, RecorderTermCfg
from isaaclab.utils import configclass
from isaaclab_newton.physics.newton_manager import NewtonManager

from isaaclab_datagen import mdp
from isaaclab_datagen.mdp.actions_cfg import is_exact, physics_steps

FIXTURES = Path(__file__).parents[1] / "fixtures" / "pushing_project"
ENVS, DECIMATION, PHYSICS_DT = 32, 4, 0.005
BEFORE, AFTER = 5, 6
"""Control steps before and after the action jumps."""
RESET = range(0, ENVS, 2)
"""Environments that begin a second episode on their own."""


class TargetRecorder(RecorderTerm):
    """Keeps the joints' targets of every physics step."""

    seen: list[torch.Tensor] = []

    def record_post_physics_decimation_step(self):
        self.seen.append(self._env.scene["robot"].data.joint_pos_target.torch[:, :7].clone())
        return None, None


@configclass
class Recorders(RecorderManagerBaseCfg):
    dataset_export_mode = DatasetExportMode.EXPORT_NONE
    targets = RecorderTermCfg(class_type=TargetRecorder)


@pytest.fixture(scope="module", autouse=True)
def other_project():
    """Somebody else's tasks, for the tests of this file."""
    before = dict(gym.registry)
    sys.path.insert(0, str(FIXTURES))
    yield
    sys.path.remove(str(FIXTURES))
    gym.registry.clear()
    gym.registry.update(before)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pushing"]:
        del sys.modules[name]


def configuration(delay_range: tuple[float, float], noise: Any = None) -> Any:
    from pushing.tasks.wave_env_cfg import WaveEnvCfg

    cfg = WaveEnvCfg()
    cfg.actions.arm = mdp.DelayedActionCfg(action=cfg.actions.arm, delay_range=delay_range, noise=noise)
    cfg.scene.num_envs, cfg.scene.pillar = ENVS, None
    cfg.decimation, cfg.sim.dt, cfg.episode_length_s = DECIMATION, PHYSICS_DT, 100.0
    cfg.sim.physics, cfg.sim.device = cfg.sim.physics.default, "cpu"
    cfg.sim.render_interval = DECIMATION
    cfg.seed, cfg.recorders = 3, Recorders()
    return cfg


def play(env: ManagerBasedRLEnv) -> SimpleNamespace:
    """Episodes of zeros that jump to ones; some environments do it twice."""
    term = env.action_manager.get_term("arm")
    TargetRecorder.seen.clear()
    env.reset()
    episodes = []
    for number in range(2):
        first = len(TargetRecorder.seen)
        start = env.scene["robot"].data.joint_pos.torch[:, :7].clone()
        delay, executed, processed, clean = term.delay.clone(), [], [], []
        for step in range(BEFORE + AFTER):
            action = torch.full((ENVS, 7), float(step >= BEFORE))
            env.step(action)
            executed.append(mdp.executed_action(env, "arm"))
            processed.append(term.processed_actions.clone())
            clean.append(torch.equal(env.action_manager.action, action) and torch.equal(term.raw_actions, action))
        targets = torch.stack(TargetRecorder.seen[first:])
        episodes.append(
            SimpleNamespace(
                start=start,
                delay=delay,
                milliseconds=mdp.action_delay(env, "arm"),
                executed=torch.stack(executed),
                processed=torch.stack(processed),
                targets=targets,
                clean=all(clean),
            )
        )
        if number == 0:
            env.reset(env_ids=torch.tensor(list(RESET)))
    return SimpleNamespace(episodes=episodes, default=env.scene["robot"].data.default_joint_pos.torch[:, :7])


def run(cfg: Any) -> SimpleNamespace:
    parser = argparse.ArgumentParser()
    add_launcher_args(parser)
    with launch_simulation(cfg, parser.parse_args(["--device", "cpu"])):
        env = ManagerBasedRLEnv(cfg)
        try:
            with torch.inference_mode():
                return play(env)
        finally:
            env.close()


@pytest.fixture(scope="module")
def played() -> SimpleNamespace:
    return run(configuration((0.0, 60.0)))


@pytest.mark.sim
def test_the_targets_change_as_many_physics_steps_late_as_the_term_says(played):
    for number, episode in enumerate(played.episodes):
        ones = played.default + 0.3
        arrived = (episode.targets - ones).abs().amax(dim=2) < 1e-6
        first = arrived.int().argmax(dim=0)
        measured = first - BEFORE * DECIMATION
        again = torch.tensor([slot in RESET for slot in range(ENVS)])
        chosen = slice(None) if number == 0 else again
        assert torch.equal(measured[chosen], episode.delay[chosen])
        assert torch.equal(episode.milliseconds, episode.delay * 5.0)
        assert measured[chosen].min() >= 0 and measured[chosen].max() <= 12
        assert len(set((measured[chosen] % DECIMATION).tolist())) == DECIMATION  # within control steps too
        assert arrived[first.max() :].all()


@pytest.mark.sim
def test_delays_are_drawn_for_each_environment_and_episode(played):
    first, second = (episode.delay for episode in played.episodes)
    again = torch.tensor([slot in RESET for slot in range(ENVS)])
    assert torch.equal(first[~again], second[~again])
    assert (first[again] != second[again]).float().mean() > 0.5
    assert len(first.unique()) > 6


@pytest.mark.sim
def test_the_joints_are_held_until_the_first_action_arrives(played):
    episode = played.episodes[0]
    for slot in range(ENVS):
        delay = int(episode.delay[slot])
        before, after = episode.targets[:delay, slot], episode.targets[delay : BEFORE * DECIMATION, slot]
        assert (before - episode.start[slot]).abs().max().item() < 1e-5 if delay else True
        torch.testing.assert_close(after, played.default[slot].expand_as(after))


@pytest.mark.sim
def test_the_label_is_the_policys_action_and_the_executed_one_is_the_mean_of_what_acted(played):
    for episode in played.episodes:
        assert episode.clean
        means = episode.targets.unflatten(0, (-1, DECIMATION)).mean(dim=1)
        torch.testing.assert_close(episode.processed, means, atol=1e-5, rtol=0)
        torch.testing.assert_close(episode.executed, (means - played.default) / 0.3, atol=1e-4, rtol=0)


@pytest.mark.sim
def test_noise_is_on_what_is_executed_alone_and_the_seed_repeats_it():
    noisy = [run(configuration((10.0, 10.0), mdp.ActionNoiseCfg(sigma=0.2))).episodes[0] for _ in range(2)]
    assert torch.equal(noisy[0].targets, noisy[1].targets)
    assert noisy[0].clean
    late = noisy[0].executed[BEFORE + 1 :]
    assert 0.1 < (late - 1.0).std() < 0.3
    steps = noisy[0].targets[2:-2].unflatten(0, (-1, DECIMATION))
    assert torch.equal(steps[:, 0], steps[:, 3])  # one value for each action, however late it acts


def noise(steps: int, seed: int = 0, **values) -> torch.Tensor:
    source = mdp.ActionNoise(mdp.ActionNoiseCfg(**values), (64, 29), seed, "cpu")
    return torch.stack([source.next() for _ in range(steps)])


def test_ornstein_uhlenbeck_noise_has_the_deviation_and_the_correlation_of_its_formula():
    values = noise(400)[20:]
    assert values.std().item() == pytest.approx(0.1 / (1 - 0.2**2) ** 0.5, rel=0.01)
    correlation = (values[1:] * values[:-1]).mean() / values.square().mean()
    assert correlation.item() == pytest.approx(0.2, abs=0.01)
    white = noise(400, kind="white", sigma=0.3)
    assert white.std().item() == pytest.approx(0.3, rel=0.01)
    assert abs((white[1:] * white[:-1]).mean().item()) < 1e-3
    assert torch.equal(noise(3), noise(3))
    assert not torch.equal(noise(3), noise(3, seed=1))


def test_noise_begins_at_zero_with_each_episode():
    source = mdp.ActionNoise(mdp.ActionNoiseCfg(theta=0.1), (2, 3), 0, "cpu")
    for _ in range(50):
        source.next()
    source.reset(torch.tensor([1]))
    assert (source._value[1] == 0).all() and (source._value[0] != 0).all()


@pytest.mark.parametrize(
    ("values", "part"), [({"kind": "pink"}, "ornstein_uhlenbeck, white"), ({"sigma": -1.0}, "0 or more")]
)
def test_noise_that_makes_no_sense_is_refused(values, part):
    with pytest.raises(ValueError, match=part):
        noise(1, **values)


@pytest.mark.parametrize(
    ("delay_range", "steps", "exact"),
    [((0, 100), (0, 20), True), ((0, 0), (0, 0), True), ((12, 33), (2, 7), False), ((20, 20), (4, 4), True)],
)
def test_a_delay_range_is_a_number_of_physics_steps(delay_range, steps, exact):
    assert physics_steps(delay_range, PHYSICS_DT) == steps
    assert is_exact(delay_range, PHYSICS_DT) == exact


@pytest.mark.parametrize("delay_range", [(100, 0), (-5, 5), (0, float("inf")), (float("nan"), 1)])
def test_a_reversed_or_impossible_range_is_refused(delay_range):
    with pytest.raises(ValueError, match="give the shorter one first"):
        physics_steps(delay_range, PHYSICS_DT)


@pytest.mark.sim
def test_a_simulation_that_takes_a_control_step_at_a_time_is_refused(monkeypatch):
    monkeypatch.setattr(NewtonManager, "handles_decimation", classmethod(lambda cls: True))
    with pytest.raises(ValueError, match="use_newton_actuators = False"):
        run(configuration((0.0, 60.0)))
