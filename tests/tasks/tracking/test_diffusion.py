"""The collection task, recorded once: what its files say against each other, and against what the task promises."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from isaaclab.app import add_launcher_args, launch_simulation
from isaaclab.cli import load_external_tasks
from isaaclab_tasks.utils import resolve_presets
from scipy.spatial.transform import Rotation

from isaaclab_datagen import registry
from isaaclab_datagen.assets.g1 import BODY_NAMES, JOINT_NAMES
from isaaclab_datagen.cli import configuring, launch, options, overrides
from isaaclab_datagen.datasets import formats, trajectories
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.datasets.windows import WindowDataset, WindowShape
from isaaclab_datagen.geometry import state_layouts
from isaaclab_datagen.rollout.plans import CollectionPlan
from isaaclab_datagen.tasks.tracking.config.g1.env_cfg import DELAY_RANGE

TASK = "Tracking-Diffusion-G1"
ENVS, EPISODES = 12, 30
HEIGHT, TILT = 0.35, 70.0
"""Below and beyond which a robot has fallen [m, degrees]."""
load_external_tasks()


def configuration(*words: str) -> tuple[Any, argparse.Namespace]:
    """As collect.py builds it."""
    task = registry.find(TASK)
    parser = options.collect_parser("diffuse_cloc", launch.options_of(task))
    args = parser.parse_args(["--task", TASK, "--episodes", str(EPISODES), *words])
    args.cameras = ()
    cfg: Any = resolve_presets(overrides.resolve(TASK, None, [], play_mode=True)[0])
    cfg.scene.num_envs, cfg.sim.device, cfg.seed = ENVS, "cpu", 11
    configuring.configure(args, [], task, cfg)
    return cfg, args


class Watcher:
    """Acts at random, and keeps what the observation terms gave."""

    def __init__(self, env: Any) -> None:
        self._shape, self._generator = (env.num_envs, 29), torch.Generator().manual_seed(0)
        self.states: list[np.ndarray] = []

    def reset(self, env_ids: torch.Tensor) -> None:
        """Nothing is remembered."""

    def act(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        self.states.append(observations["state"].numpy().copy())
        return 0.5 * torch.randn(self._shape, generator=self._generator)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Random actions, late but without noise, until there are enough episodes; some end with the motion."""
    cfg, args = configuration("--action_noise", "none")
    writer = formats.load("diffuse_cloc").open_writer(
        tmp_path_factory.mktemp("tracking"), args, {"task": TASK, "cameras": []}, {}
    )
    parser = argparse.ArgumentParser()
    add_launcher_args(parser)
    with launch_simulation(cfg, parser.parse_args(["--device", "cpu"])):
        env: Any = gym.make(TASK, cfg=cfg).unwrapped
        try:
            robot = env.scene["robot"]
            masses, defaults = robot.data.body_mass.torch.clone(), robot.data.default_joint_pos.torch.clone()
            watcher, plan = Watcher(env), CollectionPlan(EPISODES, keep_failures=True)
            drive(env, watcher, writer, plan)
            yield SimpleNamespace(
                reader=formats.open_reader(writer.root),
                states=watcher.states,
                masses=masses,
                defaults=defaults,
                cfg=cfg,
            )
        finally:
            env.close()


def drive(env: Any, actor: Any, writer: Any, plan: CollectionPlan) -> None:
    from isaaclab_datagen.recorders import terms
    from isaaclab_datagen.recorders.provenance import describe
    from isaaclab_datagen.recorders.stream import EpisodeStream
    from isaaclab_datagen.rollout.loop import rollout

    with RecordingSession(writer, env.num_envs) as session, closing(EpisodeStream(plan, ENVS, session)) as stream:
        recorder = terms.find(env)
        writer.manifest.describe(describe(env, recorder.bind(stream)))
        rollout(env, actor, lambda: plan.done)
        recorder.bind(None)


def episodes(run: SimpleNamespace) -> Iterator[Any]:
    yield from run.reader


def has_fallen(episode: Any) -> np.ndarray:
    """Frame by frame, from the recorded poses."""
    torso = episode.metadata["body_names"]["robot"].index("torso_link")
    up = Rotation.from_quat(episode.frames["body_quat"][:, torso]).as_matrix()[:, 2, 2]
    return (episode.frames["root_pose"][:, 2] < HEIGHT) | (np.degrees(np.arccos(np.clip(up, -1, 1))) > TILT)


@pytest.mark.sim
def test_a_fall_ends_an_episode_as_a_failure_and_everything_else_is_a_success(run):
    reasons = set()
    for episode in episodes(run):
        fallen, outcome = has_fallen(episode), episode.outcome
        reasons.add(outcome.reason)
        assert not fallen[:-1].any()
        assert fallen[-1] == outcome.extra["fell"] == (outcome.reason == "fell") == (outcome.success is False)
        assert outcome.terminated == (outcome.reason == "fell")
    assert reasons == {"fell", "completed"}


@pytest.mark.sim
def test_an_episode_stays_in_one_piece_of_its_motion(run):
    for episode in episodes(run):
        frames, extra = episode.frames["motion_frame"], episode.outcome.extra
        assert frames[0] >= 1
        # the last frame is read before the command moves on
        np.testing.assert_array_equal(np.diff(frames[:-1]), 1)
        assert frames[-1] == frames[-2]
        assert frames[-1] <= extra["motion_length"] - 1
        if episode.outcome.reason == "completed":
            assert frames[-1] == extra["motion_length"] - 1 or episode.num_steps == 500
        assert extra["motion"] == "walk"
        assert np.abs(np.diff(episode.frames["root_pose"][:, :3], axis=0)).max() < 0.2  # nobody was put elsewhere


@pytest.mark.sim
def test_velocities_are_the_rates_of_the_recorded_positions(run):
    """Of links, not of centres of mass; kicks are the outliers."""
    for name, rate, width in (
        ("body_pos", "body_lin_vel", 3),
        ("root_pose", "root_velocity", 3),
        ("joint_pos", "joint_vel", 29),
    ):
        errors, sizes = [], []
        for episode in episodes(run):
            if episode.num_steps < 5:
                continue
            values, rates = episode.frames[name][..., :width], episode.frames[rate][..., :width]
            central = (values[2:] - values[:-2]) / 0.04
            errors.append(np.abs(central - rates[1:-1]).ravel())
            sizes.append(np.abs(rates[1:-1]).ravel())
        share = 0.2 if width == 3 else 0.4  # joints tremble under random actions
        assert np.median(np.concatenate(errors)) < share * np.median(np.concatenate(sizes)), name


@pytest.mark.sim
def test_the_root_is_the_first_body(run):
    for episode in episodes(run):
        frames = episode.frames
        assert episode.metadata["body_names"]["robot"][0] == "pelvis"
        np.testing.assert_allclose(frames["root_pose"][:, :3], frames["body_pos"][:, 0], atol=1e-5)
        np.testing.assert_allclose(frames["root_velocity"][:, :3], frames["body_lin_vel"][:, 0], atol=1e-4)
        np.testing.assert_array_equal(frames["joint_pos"], frames["scene/articulation/robot/joint_position"])


@pytest.mark.sim
def test_the_observed_state_is_the_one_that_readers_compute(run):
    """Of the episodes that began first: their steps are the loop's."""
    loaded = trajectories.load(run.reader)
    layout = state_layouts.body_pos(30)
    windows = WindowDataset(loaded, layout, WindowShape(0, 1))
    first = {}
    for place, outcome in enumerate(loaded.outcomes):
        first.setdefault(outcome.env_index, place)
    checked = 0
    for slot, place in first.items():
        if loaded.outcomes[place].extra["round"] != 0:
            continue
        states = windows.batch(torch.nonzero(windows.episodes == place).flatten())["history_states"][:, 0]
        observed = np.stack([step[slot] for step in run.states[: len(states)]])
        # a kick may come between the observation and the frame, and only then they differ
        same = np.abs(observed - states.numpy()).max(axis=1) < 1e-4
        assert same.mean() > 0.85
        checked += len(states)
    assert checked > 50


@pytest.mark.sim
def test_delays_are_physics_steps_up_to_100_ms_and_what_acted_is_the_delayed_label(run):
    delays = {episode.outcome.extra["action_delay"] for episode in episodes(run)}
    assert all(0 <= delay <= 100 and abs(delay / 5 - round(delay / 5)) < 1e-4 for delay in delays)
    assert len(delays) > 5
    for episode in episodes(run):
        delay, actions = round(episode.outcome.extra["action_delay"] / 5), episode.actions
        for step in range(-(-delay // 4), episode.num_steps):
            acting = [actions[step - max(0, -(-(delay - physics) // 4))] for physics in range(4)]
            np.testing.assert_allclose(episode.frames["executed_action"][step], np.mean(acting, axis=0), atol=1e-5)


@pytest.mark.sim
def test_every_robot_is_another_one(run):
    nominal = run.masses.median(dim=0).values
    ratios = run.masses / nominal
    assert ratios.min() > 0.8 / 1.2 and ratios.max() < 1.2 / 0.8
    assert ratios.std() > 0.05
    shifts = run.defaults - run.defaults.mean(dim=0)
    assert 0.1 < shifts.abs().max() < 0.2
    assert (run.defaults.amax(dim=0) - run.defaults.amin(dim=0)).max() <= 0.2 + 1e-5


def test_the_randomisation_is_the_documented_one():
    cfg, _ = configuration()
    events = cfg.events
    assert events.physics_material.params["static_friction_range"] == (0.4, 1.5)
    assert events.mass.params["mass_distribution_params"] == (0.8, 1.2)
    assert events.center_of_mass.params["com_range"] == dict.fromkeys("xyz", (-0.05, 0.05))
    assert events.default_joint_pos.params["offset_range"] == (-0.1, 0.1)
    assert events.push_robot.interval_range_s == (0.5, 2.0)
    assert events.push_robot.params["velocity_range"] == dict.fromkeys("xy", (-1.0, 1.0))
    assert cfg.actions.joint_pos.delay_range == (0.0, 100.0)
    noise = cfg.actions.joint_pos.noise
    assert (noise.kind, noise.theta, noise.sigma, noise.dt) == ("ornstein_uhlenbeck", 0.8, 0.1, 1.0)
    ends = {name for name, term in vars(cfg.terminations).items() if term is not None}
    assert ends == {"fell", "completed"}
    assert not cfg.observations.policy.enable_corruption
    assert not cfg.commands.motion.start_at_first_frame


def test_trackers_are_trained_under_what_they_are_recorded_under():
    """But for delays, which are those of the tracking task, and for ends."""
    training, recording = overrides.resolve(TASK, None, [], play_mode=False)[0], configuration()[0]
    for name in ("physics_material", "mass", "center_of_mass", "default_joint_pos", "push_robot"):
        ours, theirs = getattr(training.events, name), getattr(recording.events, name)
        assert (ours.interval_range_s, ours.mode) == (theirs.interval_range_s, theirs.mode)
        ranges = [key for key in ours.params if "range" in key or key.endswith("_params")]
        assert ranges and all(ours.params[key] == theirs.params[key] for key in ranges)
    assert training.commands.motion.velocity_range == recording.commands.motion.velocity_range != {}
    assert training.actions.joint_pos.noise.sigma == recording.actions.joint_pos.noise.sigma
    assert training.actions.joint_pos.delay_range == DELAY_RANGE
    assert not training.observations.policy.enable_corruption
    ends = {name for name, term in vars(training.terminations).items() if term is not None}
    assert ends == {"anchor_height", "anchor_tilt", "end_effector_height", "fell", "completed"}


@pytest.mark.parametrize("path", registry.find(TASK).shipped_policy_paths, ids=lambda path: path.parent.name)
def test_training_can_go_on_from_a_shipped_tracker(path):
    saved = torch.load(path, map_location="cpu", weights_only=False)
    assert {"actor_state_dict", "critic_state_dict", "iter"} <= saved.keys()
    (group,) = saved["optimizer_state_dict"]["param_groups"]
    weights = [name for part in ("actor", "critic") for name in saved[f"{part}_state_dict"] if "normalizer" not in name]
    assert len(group["params"]) == len(weights) and 1e-5 <= group["lr"] <= 1e-2
    assert saved["actor_state_dict"]["distribution.std_param"].min() > 0.05  # it still explores
    infos = saved["infos"]
    assert (infos["joint_names"], infos["body_names"]) == ({"robot": [*JOINT_NAMES]}, {"robot": [*BODY_NAMES]})
