"""The lift task with everything on that a recorder could get wrong: teleports, pushes, new goals, a wrist camera."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from isaaclab.cli import load_external_tasks
from isaaclab.managers import EventTermCfg, ObservationTermCfg, SceneEntityCfg
from isaaclab_tasks.utils import load_cfg_from_registry, resolve_presets

from isaaclab_datagen import registry
from isaaclab_datagen.cli import configuring, options
from isaaclab_datagen.mdp import body_pose, command_position, object_pose, push_by_setting_velocity
from isaaclab_datagen.recorders import ChannelCfg

TASK = "Lift-Custom-IK"
HAND = SceneEntityCfg("robot", body_names="panda_hand")
CAMERAS = ("overhead_camera", "wrist")
"""One of the scene, one of the rig that hangs on the hand."""
WRIST_EYE, WRIST_TARGET = (-0.02, 0.01, 0.07), (0.2, 0.0, 0.01)
"""Of the wrist camera, in the gripper's frame [m]."""
DATA_TYPES = ("rgb", "depth", "semantic_segmentation", "instance_segmentation")
STEPS = 25
"""Steps of an episode that times out."""
SUCCEEDS, TIMES_OUT, DROPS = 0, 1, 2
"""What becomes of each environment's episodes."""
CATCH, DROP = 8, 12
"""Steps at which the cube is put into the hand of one environment, and below the table of another."""


def object_position(env: Any) -> torch.Tensor:
    """Of the object alone, which brings no body's pose up to date. Shape is (num_envs, 3)."""
    return object_pose(env)[:, :3]


def teleport(env: Any, env_ids: Any) -> None:
    """Move arm and cube somewhere else every fourth step, without telling anybody."""
    steps = env.episode_length_buf
    late = (torch.arange(env.num_envs) == SUCCEEDS) & (steps >= CATCH - 1)
    ids = ((steps % 4 == 3) & ~late).nonzero().flatten()
    if len(ids) == 0:
        return
    robot, cube = env.scene["robot"], env.scene["object"]
    joints = robot.data.joint_pos.torch[ids].clone()
    joints[:, :7] += 0.2 * torch.randn(len(ids), 7).sign()
    robot.write_joint_position_to_sim_index(position=joints, env_ids=ids)
    pose = cube.data.root_link_pose_w.torch[ids].clone()
    pose[:, :2] = env.scene.env_origins[ids, :2] + torch.tensor([0.5, 0.0]) + 0.2 * (torch.rand(len(ids), 2) - 0.5)
    cube.write_root_pose_to_sim_index(root_pose=pose, env_ids=ids)


def decide(env: Any, env_ids: Any, catch: bool) -> None:
    """Let one environment lose its cube, and with ``catch`` one succeed."""
    steps, cube = env.episode_length_buf, env.scene["object"]
    pose = cube.data.root_link_pose_w.torch.clone()
    caught, dropped = catch and steps[SUCCEEDS] >= CATCH, steps[DROPS] >= DROP
    if caught:
        # the tip, 0.107 m before the hand; the goal is where the cube is
        hand = SceneEntityCfg("robot", body_names="panda_hand")
        hand.resolve(env.scene)
        tip = body_pose(env, hand, (0.0, 0.0, 0.107))[SUCCEEDS, :3]
        pose[SUCCEEDS, :3] = tip + env.scene.env_origins[SUCCEEDS]
        env.command_manager.get_command("object_pose")[SUCCEEDS, :3] = tip
    if dropped:
        pose[DROPS, 2] = -0.2
    ids = torch.tensor([SUCCEEDS] * bool(caught) + [DROPS] * bool(dropped), dtype=torch.long)
    if len(ids):
        cube.write_root_pose_to_sim_index(root_pose=pose[ids], env_ids=ids)
        cube.write_root_velocity_to_sim_index(root_velocity=torch.zeros(len(ids), 6), env_ids=ids)


def configuration() -> Any:
    """Three environments, two cameras of 64x48, disturbances, episodes of at most :data:`STEPS` steps."""
    load_external_tasks()
    cfg = load_cfg_from_registry(TASK, "env_cfg_entry_point")
    cfg.play_mode()
    cfg.sim.device, cfg.seed, cfg.scene.num_envs = "cpu", 3, 3
    cfg = resolve_presets(cfg)
    words = [
        *("--task", TASK, "--episodes", "1", "--camera_width", "64", "--camera_height", "48"),
        *("--max_steps", str(STEPS), "--cameras", ",".join(CAMERAS), "--data_types", ",".join(DATA_TYPES)),
        *("--wrist_cam_offset", *map(str, WRIST_EYE), "--wrist_cam_look_offset", *map(str, WRIST_TARGET)),
    ]
    args = options.collect_parser("avdc").parse_args(words)
    configuring.configure(args, [], registry.find(TASK), cfg)
    cfg.commands.object_pose.resampling_time_range = (0.06, 0.1)
    push = {"velocity_range": {"x": (-1.0, 1.0), "z": (0.0, 1.0)}, "asset_cfg": SceneEntityCfg("object")}
    cfg.events.push = EventTermCfg(
        func=push_by_setting_velocity, mode="interval", interval_range_s=(0.06, 0.1), params=push
    )
    cfg.events.teleport = EventTermCfg(func=teleport, mode="interval", interval_range_s=(0.0, 0.0))
    cfg.events.decide = EventTermCfg(func=decide, mode="interval", interval_range_s=(0.0, 0.0), params={"catch": True})
    # Reading a body's pose brings the kinematics up to date: no observation may do the recorder's work.
    policy = cfg.observations.policy
    policy.object_position.func = object_position
    policy.target_object_position = ObservationTermCfg(func=command_position, params={"command_name": "object_pose"})
    policy.tip_to_object = policy.object_to_goal = policy.yaw_error = None
    cfg.recorders.frames.channels["hand_pose"] = ChannelCfg(func=body_pose, params={"asset_cfg": HAND})
    return cfg


class Watcher:
    """An actor that acts at random and keeps what it was given, what it gave, and what was true just then."""

    def __init__(self, env: Any) -> None:
        self._env = env
        self._generator = torch.Generator().manual_seed(0)
        self.episodes: list[list[list[dict[str, np.ndarray]]]] = [[] for _ in range(env.num_envs)]
        """Environment, episode, step, name."""

    def reset(self, env_ids: torch.Tensor) -> None:
        for env_id in env_ids.tolist():
            self.episodes[env_id].append([])

    def act(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        env = self._env
        actions = 0.3 * torch.randn(env.num_envs, 7, generator=self._generator)
        actions[:, 6] = 1.0
        now = {
            "observations/policy": observations["policy"],
            "action": actions,
            "command/object_pose": env.command_manager.get_command("object_pose"),
            "object_pose": object_pose(env),
            "joint_pos": env.scene["robot"].data.joint_pos.torch,
            "joint_vel": env.scene["robot"].data.joint_vel.torch,
            "scene/rigid_object/object/root_velocity": env.scene["object"].data.root_vel_w.torch,
        }
        for env_id, episodes in enumerate(self.episodes):
            episodes[-1].append({name: value[env_id].numpy().copy() for name, value in now.items()})
        return actions
