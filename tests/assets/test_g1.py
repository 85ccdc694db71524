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


@configclass
class StandingSceneCfg(MotionSceneCfg):
    contacts: ContactSensorCfg = ContactSensorCfg(prim_path="{ENV_REGEX_NS}/Robot/.*")


@configclass
class StandingEnvCfg(MotionEnvCfg):
    scene: StandingSceneCfg = StandingSceneCfg(num_envs=2, env_spacing=2.5)


@pytest.fixture(scope="module")
def standing() -> Iterator[SimpleNamespace]:
    """Two seconds of a robot that holds its default pose by gains that are stiff enough to stand on."""
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
        robot.set_joint_position_target_index(target=robot.data.default_joint_pos.torch.clone())
        forces = []
        for step in range(400):
            env.scene.write_data_to_sim()
            env.sim.step(render=False)
            env.scene.update(0.005)
            if step >= 200:
                forces.append(contacts.data.net_normal_forces_w.torch.clone())
        yield SimpleNamespace(robot=robot, gains=gains, forces=torch.stack(forces), names=contacts.body_names)
        env.close()


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
    assert robot.data.root_link_pose_w.torch[:, 2].min() > 0.74
    soles = robot.data.body_link_pose_w.torch[:, [BODY_NAMES.index(name) for name in FEET], 2] - SOLE
    assert soles.abs().max() < 0.003
    assert np.isfinite(standing.forces).all()
