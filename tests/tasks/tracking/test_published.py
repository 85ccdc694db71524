"""``Tracking-Flat-G1`` in training has the original's figures: HybridRobotics/whole_body_tracking at cd65172."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from isaaclab.cli import load_external_tasks

from isaaclab_datagen.assets.g1 import ACTION_SCALE, BODY_NAMES, G1_CFG, JOINT_NAMES, MOTORS
from isaaclab_datagen.cli import overrides

FEET_AND_HANDS = {f"{side}_{end}_link" for side in ("left", "right") for end in ("ankle_roll", "wrist_yaw")}

NOISE = {
    "command": None,
    "anchor_pos_b": 0.25,
    "anchor_ori_b": 0.05,
    "base_lin_vel": 0.5,
    "base_ang_vel": 0.2,
    "joint_pos": 0.01,
    "joint_vel": 0.5,
    "actions": None,
}
"""Observations of the policy, in their order, with the bound of their uniform noise."""

CRITIC = [
    *("command", "anchor_pos_b", "anchor_ori_b", "body_pos", "body_ori"),
    *("base_lin_vel", "base_ang_vel", "joint_pos", "joint_vel", "actions"),
]

REWARDS = {
    # weight, and std where there is one
    "anchor_pos": (0.5, 0.3),
    "anchor_ori": (0.5, 0.4),
    "body_pos": (1.0, 0.3),
    "body_ori": (1.0, 0.4),
    "body_lin_vel": (1.0, 1.0),
    "body_ang_vel": (1.0, 3.14),
    "action_rate": (-0.1, None),
    "joint_limits": (-10.0, None),
    "undesired_contacts": (-0.1, None),
}

ENDS = {"time_out": None, "anchor_height": 0.25, "anchor_tilt": 0.8, "end_effector_height": 0.25}

KICK = {"x": 0.5, "y": 0.5, "z": 0.2, "roll": 0.52, "pitch": 0.52, "yaw": 0.78}
START = {"x": 0.05, "y": 0.05, "z": 0.01, "roll": 0.1, "pitch": 0.1, "yaw": 0.2}
COM = {"x": 0.025, "y": 0.05, "z": 0.05}

TRACKED = ["pelvis", *("left_hip_roll_link", "left_knee_link", "left_ankle_roll_link")]
TRACKED += ["right_hip_roll_link", "right_knee_link", "right_ankle_roll_link", "torso_link"]
TRACKED += ["left_shoulder_roll_link", "left_elbow_link", "left_wrist_yaw_link"]
TRACKED += ["right_shoulder_roll_link", "right_elbow_link", "right_wrist_yaw_link"]

LEARNER = {
    "value_loss_coef": 1.0,
    "clip_param": 0.2,
    "entropy_coef": 0.005,
    "num_learning_epochs": 5,
    "num_mini_batches": 4,
    "learning_rate": 1e-3,
    "schedule": "adaptive",
    "desired_kl": 0.01,
    "gamma": 0.99,
    "lam": 0.95,
    "max_grad_norm": 1.0,
}

STANDING = {
    "hip_pitch": -0.312,
    "knee": 0.669,
    "ankle_pitch": -0.363,
    "elbow": 0.6,
    "left_shoulder_roll": 0.2,
    "right_shoulder_roll": -0.2,
    "shoulder_pitch": 0.2,
}


@pytest.fixture(scope="module")
def task() -> SimpleNamespace:
    load_external_tasks()
    env, agent = overrides.resolve("Tracking-Flat-G1", "rsl_rl_cfg_entry_point", [], play_mode=False)
    return SimpleNamespace(env=env, agent=agent)


def terms(group: Any) -> dict[str, Any]:
    """Terms of a manager's configuration, by name, in their order."""
    return {name: term for name, term in vars(group).items() if hasattr(term, "func")}


def around_zero(bounds: dict[str, float]) -> dict[str, tuple[float, float]]:
    return {name: (-bound, bound) for name, bound in bounds.items()}


def test_rates_and_lengths(task):
    env = task.env
    assert (env.sim.dt, env.decimation, env.episode_length_s, env.sim.render_interval) == (0.005, 4, 10.0, 4)
    assert (env.scene.num_envs, env.scene.env_spacing) == (4096, 2.5)
    assert (env.scene.contact_forces.history_length, env.scene.contact_forces.force_threshold) == (3, 10.0)
    ground = env.sim.physics_material
    assert (ground.static_friction, ground.dynamic_friction, ground.friction_combine_mode) == (1.0, 1.0, "multiply")


def test_observations_and_their_noise(task):
    policy, critic = terms(task.env.observations.policy), terms(task.env.observations.critic)
    found = {name: term.noise and (term.noise.n_min, term.noise.n_max) for name, term in policy.items()}
    assert list(found.items()) == [(name, bound and (-bound, bound)) for name, bound in NOISE.items()]
    assert task.env.observations.policy.enable_corruption
    assert list(critic) == CRITIC and all(term.noise is None for term in critic.values())


def test_rewards(task):
    found = terms(task.env.rewards)
    assert {name: (term.weight, term.params.get("std")) for name, term in found.items()} == REWARDS
    contacts = found["undesired_contacts"].params
    (others,) = contacts["sensor_cfg"].body_names
    assert contacts["threshold"] == 1.0
    assert {name for name in BODY_NAMES if not re.fullmatch(others, name)} == FEET_AND_HANDS
    assert G1_CFG.soft_joint_pos_limit_factor == 0.9


def test_terminations(task):
    found = terms(task.env.terminations)
    assert {name: term.params.get("threshold") for name, term in found.items()} == ENDS
    assert found["time_out"].time_out and not any(term.time_out for name, term in found.items() if name != "time_out")
    assert set(found["end_effector_height"].params["body_names"]) == FEET_AND_HANDS


def test_events(task):
    events = task.env.events
    material = events.physics_material.params
    names = ("static_friction_range", "dynamic_friction_range", "restitution_range", "num_buckets")
    assert tuple(material[name] for name in names) == ((0.3, 1.6), (0.3, 1.2), (0.0, 0.5), 64)
    assert events.default_joint_pos.params["offset_range"] == (-0.01, 0.01)
    assert events.center_of_mass.params["com_range"] == around_zero(COM)
    assert events.center_of_mass.params["asset_cfg"].body_names == "torso_link"
    assert events.push_robot.interval_range_s == (1.0, 3.0)
    assert events.push_robot.params["velocity_range"] == around_zero(KICK)
    assert {name: term.mode for name, term in terms(events).items()} == {
        **dict.fromkeys(("physics_material", "default_joint_pos", "center_of_mass"), "startup"),
        "push_robot": "interval",
    }


def test_the_command_and_its_starts(task):
    motion = task.env.commands.motion
    assert (motion.anchor_body, motion.body_names) == ("torso_link", TRACKED)
    assert motion.pose_range == around_zero(START) and motion.velocity_range == around_zero(KICK)
    assert motion.joint_position_range == (-0.1, 0.1)
    sampling = motion.adaptive
    assert (sampling.bin_seconds, sampling.uniform_ratio, sampling.alpha) == (1.0, 0.1, 0.001)


def test_actions(task):
    action = task.env.actions.joint_pos.action
    assert action.joint_names == list(JOINT_NAMES) and len(JOINT_NAMES) == 29
    assert action.use_default_offset and action.clip is None and action.scale == ACTION_SCALE


def test_motors_are_the_published_ones_and_the_robot_stands_as_there():
    found = {name: (motor.armature, motor.effort, motor.velocity) for name, motor in MOTORS.items()}
    assert found == {
        "7520_14": (0.010177520, 88.0, 32.0),
        "7520_22": (0.025101925, 139.0, 20.0),
        "5020": (0.003609725, 25.0, 37.0),
        "5020_pair": (0.00721945, 50.0, 37.0),
        "4010": (0.00425, 5.0, 22.0),
    }
    start = G1_CFG.init_state
    assert start.pos == (0.0, 0.0, 0.76)
    assert {re.sub(r"^\.\*_|_joint$", "", name): value for name, value in start.joint_pos.items()} == STANDING


def test_the_learner(task):
    agent = task.agent
    assert (agent.num_steps_per_env, agent.max_iterations, agent.save_interval) == (24, 30000, 500)
    for network in (agent.actor, agent.critic):
        assert (network.hidden_dims, network.activation, network.obs_normalization) == ([512, 256, 128], "elu", True)
    assert agent.actor.distribution_cfg.init_std == 1.0
    assert {name: getattr(agent.algorithm, name) for name in LEARNER} == LEARNER
