"""The G1's model and motors: bodies merged, gains as published, and a robot that stands on its feet."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pinocchio
import pytest
import torch
from isaaclab.app import add_launcher_args, launch_simulation
from isaaclab.envs import ManagerBasedEnv
from isaaclab.sensors import ContactSensorCfg
from isaaclab.utils import configclass
from isaaclab_tasks.utils.hydra import resolve_presets
from scipy.spatial.transform import Rotation

from isaaclab_datagen.assets.g1 import (
    ACTION_SCALE,
    BODY_NAMES,
    FEET,
    JOINT_NAMES,
    MOTORS,
    SOLE,
    TRACKED_BODIES,
    URDF,
)
from isaaclab_datagen.assets.g1_model import capsules
from isaaclab_datagen.assets.urdf import robot_data
from isaaclab_datagen.motions.scene import MotionEnvCfg, MotionSceneCfg

PUBLISHED = {
    # BeyondMimic's table: kp, kd, action scale
    "7520_14": (40.179, 2.5579, 0.54755),
    "7520_22": (99.098, 6.3088, 0.35066),
    "5020": (14.2506, 0.90722, 0.43858),
    "5020_pair": (28.501, 1.81444, 0.43858),
    "4010": (16.778, 1.06814, 0.07450),
}
PRESSED = {"left_shoulder_roll_joint": -0.6, "right_shoulder_roll_joint": 0.6}
"""Targets of the joints that bring the arms to the torso [rad], which they would meet at 0.1 rad."""


@configclass
class StandingSceneCfg(MotionSceneCfg):
    contacts: ContactSensorCfg = ContactSensorCfg(prim_path="{ENV_REGEX_NS}/Robot/.*")


@configclass
class StandingEnvCfg(MotionEnvCfg):
    scene: StandingSceneCfg = StandingSceneCfg(num_envs=2, env_spacing=2.5)


@pytest.fixture(scope="module")
def standing() -> Iterator[SimpleNamespace]:
    """Two seconds of a robot that holds its default pose by gains that are stiff enough to stand on.

    Then half a second in which its upper arms are sent half a radian into its torso.
    """
    cfg = resolve_presets(StandingEnvCfg())
    cfg.sim.device, cfg.sim.dt = "cpu", 0.005
    cfg.scene.camera = None
    parser = argparse.ArgumentParser()
    add_launcher_args(parser)
    with launch_simulation(cfg, parser.parse_args(["--device", "cpu"])):
        env = ManagerBasedEnv(cfg)
        robot, contacts = env.scene["robot"], env.scene["contacts"]
        gains = SimpleNamespace(
            stiffness=robot.data.joint_stiffness.torch[0].clone(), armature=robot.data.joint_armature.torch[0].clone()
        )
        robot.write_joint_stiffness_to_sim_index(stiffness=torch.full((2, len(JOINT_NAMES)), 400.0))
        robot.write_joint_damping_to_sim_index(damping=torch.full((2, len(JOINT_NAMES)), 10.0))
        env.reset()
        targets = robot.data.default_joint_pos.torch.clone()
        forces, poses = run(env, targets, 400)
        for name, inward in PRESSED.items():
            targets[:, JOINT_NAMES.index(name)] = inward
        pressing, pressed = run(env, targets, 100)
        yield SimpleNamespace(
            robot=robot,
            gains=gains,
            forces=forces[200:],
            pose=poses[-1],
            pressing=pressing[50:],
            pressed=pressed[50:],
            names=contacts.body_names,
        )
        env.close()


def run(env: ManagerBasedEnv, targets: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Contact forces and bodies' poses of so many physics steps. Shapes are (steps, envs, bodies, 3 and 7)."""
    robot, contacts = env.scene["robot"], env.scene["contacts"]
    robot.set_joint_position_target_index(target=targets)
    forces, poses = [], []
    for _ in range(steps):
        env.scene.write_data_to_sim()
        env.sim.step(render=False)
        env.scene.update(0.005)
        forces.append(contacts.data.net_normal_forces_w.torch.clone())
        poses.append(robot.data.body_link_pose_w.torch.clone())
    return torch.stack(forces), torch.stack(poses)


def gap(pose: np.ndarray, one: str, other: str) -> float:
    """Distance of two bodies' capsules [m] in a pose of all bodies (30, 7); negative where they overlap."""
    first, second = (
        [(points(pose[BODY_NAMES.index(name)], *ends), radius) for *ends, radius in capsules(name)]
        for name in (one, other)
    )
    return min(float(np.linalg.norm(a[:, None] - b[None], axis=-1).min()) - r - s for a, r in first for b, s in second)


def points(pose: np.ndarray, start: tuple, end: tuple) -> np.ndarray:
    """Along a capsule's axis. Shape is (40, 3)."""
    return pose[:3] + Rotation.from_quat(pose[3:]).apply(np.linspace(start, end, 40))


@pytest.mark.parametrize("name", MOTORS)
def test_gains_follow_from_the_armature(name):
    motor = MOTORS[name]
    found = motor.stiffness, motor.damping, motor.action_scale
    assert found == pytest.approx(PUBLISHED[name], rel=1e-3)


def test_every_joint_has_one_motor():
    import re

    for joint in JOINT_NAMES:
        assert sum(bool(re.fullmatch(word, joint)) for word in ACTION_SCALE) == 1, joint
    assert (len(JOINT_NAMES), len(BODY_NAMES), len(set(BODY_NAMES))) == (29, 30, 30)
    assert set(TRACKED_BODIES) <= set(BODY_NAMES)


@pytest.mark.sim
def test_the_simulated_robot_has_the_names_the_gains_and_the_mass(standing):
    model = pinocchio.buildModelFromUrdf(str(robot_data(URDF)), pinocchio.JointModelFreeFlyer())
    robot = standing.robot
    assert (tuple(robot.joint_names), tuple(robot.body_names)) == (JOINT_NAMES, BODY_NAMES)
    assert robot.data.body_mass.torch[0].sum().item() == pytest.approx(pinocchio.computeTotalMass(model), rel=1e-4)
    assert standing.gains.stiffness[JOINT_NAMES.index("left_knee_joint")].item() == pytest.approx(99.098, rel=1e-3)
    assert standing.gains.armature[JOINT_NAMES.index("waist_roll_joint")].item() == pytest.approx(0.00721945)


@pytest.mark.sim
def test_it_stands_and_its_feet_carry_it(standing):
    robot = standing.robot
    weight = 9.81 * robot.data.body_mass.torch[0].sum()
    feet = [standing.names.index(name) for name in FEET]
    mean = standing.forces.mean(dim=0)
    assert torch.allclose(mean[:, :, 2].sum(dim=1), weight.expand(2), rtol=0.05)
    assert torch.allclose(mean[:, feet, 2].sum(dim=1), weight.expand(2), rtol=0.05)
    assert (mean[:, feet, 2] > 0.3 * weight).all()
    assert standing.pose[:, 0, 2].min() > 0.74
    soles = standing.pose[:, [BODY_NAMES.index(name) for name in FEET], 2] - SOLE
    assert soles.abs().max() < 0.003
    assert np.isfinite(standing.forces).all()


@pytest.mark.sim
def test_arms_that_are_pressed_against_the_torso_stop_there(standing):
    """Without collisions of its own bodies they are 54 mm deep in it, and nothing is felt."""
    arms = [f"{side}_shoulder_yaw_link" for side in ("left", "right")]
    felt = [standing.names.index(name) for name in arms]
    torso = standing.names.index("torso_link")
    assert (standing.forces[:, :, [*felt, torso]] == 0).all()
    assert (standing.pressing[:, :, felt].norm(dim=-1) > 50.0).all()
    assert (standing.pressing[:, :, torso].norm(dim=-1) > 20.0).all()
    for pose in standing.pressed[-1].numpy():
        assert all(abs(gap(pose, arm, "torso_link")) < 0.003 for arm in arms)
    assert all(gap(pose, arm, "torso_link") > 0.03 for pose in standing.pose.numpy() for arm in arms)
