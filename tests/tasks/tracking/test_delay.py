"""The G1's actions, late by 0, 50 and 100 ms: told from its joints' targets and speeds in every physics step."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from isaaclab.cli import load_external_tasks
from isaaclab.managers import DatasetExportMode, RecorderManagerBaseCfg, RecorderTerm, RecorderTermCfg
from isaaclab.utils import configclass
from simulated import environment

from isaaclab_datagen import mdp
from isaaclab_datagen.assets.g1 import JOINT_NAMES
from isaaclab_datagen.cli import overrides
from isaaclab_datagen.cli.configuring import keep_cameras

pytestmark = pytest.mark.sim

TASK, ENVS = "Tracking-Diffusion-G1", 12
BEFORE, AFTER, PHYSICS_STEPS = 6, 7, 4
"""Control steps before and after the action jumps, and physics steps of each, of 5 ms."""
DELAYS = {0: 0, 10: 50, 20: 100}
"""Physics steps, and what they are in ms."""
JOINT = JOINT_NAMES.index("left_wrist_yaw_joint")
"""A light joint at a limb's end: it hardly moves before it is told to."""


class JointRecorder(RecorderTerm):
    """Keeps a joint's target and speed of every physics step."""

    seen: list[torch.Tensor] = []

    def record_post_physics_decimation_step(self):
        data = self._env.scene["robot"].data
        self.seen.append(torch.stack([data.joint_pos_target.torch[:, JOINT], data.joint_vel.torch[:, JOINT]], dim=-1))
        return None, None


@configclass
class Recorders(RecorderManagerBaseCfg):
    dataset_export_mode = DatasetExportMode.EXPORT_NONE
    joints = RecorderTermCfg(class_type=JointRecorder)


@pytest.fixture(scope="module")
def seen() -> Iterator[SimpleNamespace]:
    load_external_tasks()
    cfg, _ = overrides.resolve(TASK, None, ["env.events.push_robot=null"], play_mode=True)
    cfg.scene.num_envs, cfg.sim.device, cfg.seed = ENVS, "cpu", 3
    cfg.actions.joint_pos.delay_range, cfg.actions.joint_pos.delay_step = (0.0, 100.0), 50.0
    cfg.actions.joint_pos.noise, cfg.recorders = None, Recorders()
    cfg.commands.motion.start_at_first_frame = True
    keep_cameras(cfg, [])
    with environment(TASK, cfg) as env:
        env.reset()
        JointRecorder.seen.clear()
        default = env.scene["robot"].data.default_joint_pos.torch[:, JOINT].clone()
        for step in range(BEFORE + AFTER):
            action = torch.zeros(ENVS, len(JOINT_NAMES))
            action[:, JOINT] = 10.0 * (step >= BEFORE)
            env.step(action)
        target, speed = torch.stack(JointRecorder.seen).unbind(dim=-1)
        yield SimpleNamespace(default=default, target=target, speed=speed, said=mdp.action_delay(env, "joint_pos"))


def test_targets_jump_as_late_as_is_said(seen):
    moved = (seen.target - seen.default).abs() > 0.5
    late = moved.int().argmax(dim=0) - BEFORE * PHYSICS_STEPS
    assert moved.any(dim=0).all() and set(late.tolist()) == DELAYS.keys()
    assert [DELAYS[steps] for steps in late.tolist()] == seen.said.tolist()
    assert all(moved[BEFORE * PHYSICS_STEPS + steps :, slot].all() for slot, steps in enumerate(late.tolist()))


def test_joints_move_with_the_targets(seen):
    """In the physics step in which a target jumps the joint is thrown on, and in none before."""
    jumps = seen.speed.diff(dim=0).abs()
    largest = jumps.argmax(dim=0) + 1 - BEFORE * PHYSICS_STEPS
    assert [DELAYS[steps] for steps in largest.tolist()] == seen.said.tolist()
