"""The motion command: which frame of which motion the robot is to be at, and how far it is from there.

After an observation, :attr:`MotionCommand.frame` is the frame that the robot is to reach by the end of the coming step;
rewards and terminations of that step measure against it. A reset puts the robot at a frame and commands the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

import torch
from isaaclab.managers import CommandTerm
from isaaclab.utils.math import (
    quat_apply,
    quat_error_magnitude,
    quat_from_euler_xyz,
    quat_inv,
    quat_mul,
    sample_uniform,
    sample_uniform_from_ranges,
    yaw_quat,
)

from .library import MotionLibrary, StartSampler

if TYPE_CHECKING:
    from isaaclab.assets import Articulation
    from isaaclab.envs import ManagerBasedRLEnv

    from .commands_cfg import MotionCommandCfg

AXES = ("x", "y", "z", "roll", "pitch", "yaw")


class MotionCommand(CommandTerm):
    """Commands reference motions. N environments, J joints, B tracked bodies; positions are in the world."""

    cfg: MotionCommandCfg

    def __init__(self, cfg: MotionCommandCfg, env: ManagerBasedRLEnv) -> None:
        """Read the motions."""
        super().__init__(cfg, env)
        self.robot: Articulation = env.scene[cfg.asset_name]
        names = list(cfg.body_names)
        root = self.robot.body_names[0]
        kept = [root, *(name for name in names if name != root)]
        self.library = MotionLibrary(cfg.motion_files, (self.robot.joint_names, kept), 1 / env.step_dt, self.device)
        self.sampler = StartSampler(self.library, cfg.adaptive)
        self._columns = torch.tensor([kept.index(name) for name in names], device=self.device)
        self._bodies = torch.tensor([self.robot.body_names.index(name) for name in names], device=self.device)
        self.anchor = names.index(cfg.anchor_body)
        self.motion = torch.zeros(self.num_envs, dtype=torch.long, device=self.device)
        """Motion of each environment. Shape is (N,)."""
        self.frame = torch.zeros_like(self.motion)
        """Commanded frame of it. Shape is (N,)."""
        self.start_frame = torch.zeros_like(self.motion)
        """Frame that the robot was last put at. Shape is (N,)."""
        self._resampled_at = torch.full_like(self.motion, -1)
        self._everyone = torch.arange(self.num_envs, device=self.device)
        self._version, self._cached, self._state = 0, (-1, -1), SimpleNamespace()
        for name in ("anchor_pos", "anchor_rot", "body_pos", "body_rot", "body_lin_vel", "body_ang_vel", "joint_pos"):
            self.metrics[f"error_{name}"] = torch.zeros(self.num_envs, device=self.device)
        for name in ("entropy", "top1"):
            self.metrics[f"sampling_{name}"] = torch.zeros(self.num_envs, device=self.device)

    @property
    def command(self) -> torch.Tensor:
        """Joint positions, then joint velocities, of the commanded frame. Shape is (N, 2 J)."""
        state = self.state
        return torch.cat([state.joint_pos, state.joint_vel], dim=-1)

    @property
    def state(self) -> SimpleNamespace:
        """The commanded frame, the robot, and the frame moved to where the robot is; computed once when needed.

        - ``joint_pos``, ``joint_vel`` (N, J), ``body_pos``, ``body_lin_vel``, ``body_ang_vel`` (N, B, 3) and
          ``body_quat`` (N, B, 4): the reference;
        - ``robot_body_pos`` and so on: the robot;
        - ``relative_body_pos``, ``relative_body_quat``: the reference turned about z and shifted in x and y so that
          its anchor is the robot's, its height kept.
        """
        now = (self._env.common_step_counter, self._version)
        if self._cached != now:
            after_physics = self._cached[0] != now[0]
            self._cached, self._state = now, self._compute_state()
            if after_physics:
                self._measure()
        return self._state

    def _compute_state(self) -> SimpleNamespace:
        rows = self.library.starts[self.motion] + self.frame
        made = SimpleNamespace(joint_pos=self.library.frames("joint_pos", rows), joint_vel=self.library.frames("joint_vel", rows))
        made.body_pos = self.library.frames("body_pos_w", rows)[:, self._columns] + self._env.scene.env_origins[:, None]
        made.body_quat = self.library.frames("body_quat_w", rows)[:, self._columns]
        made.body_lin_vel = self.library.frames("body_lin_vel_w", rows)[:, self._columns]
        made.body_ang_vel = self.library.frames("body_ang_vel_w", rows)[:, self._columns]
        pose, velocity = (values.torch[:, self._bodies] for values in (self.robot.data.body_link_pose_w, self.robot.data.body_link_vel_w))
        made.robot_body_pos, made.robot_body_quat = pose[..., :3], pose[..., 3:]
        made.robot_body_lin_vel, made.robot_body_ang_vel = velocity[..., :3], velocity[..., 3:]
        made.anchor_pos, made.anchor_quat = made.body_pos[:, self.anchor], made.body_quat[:, self.anchor]
        made.robot_anchor_pos = made.robot_body_pos[:, self.anchor]
        made.robot_anchor_quat = made.robot_body_quat[:, self.anchor]
        turn = yaw_quat(quat_mul(made.robot_anchor_quat, quat_inv(made.anchor_quat)))[:, None].expand_as(made.body_quat)
        shift = torch.cat([made.robot_anchor_pos[:, :2], made.anchor_pos[:, 2:]], dim=-1)[:, None]
        made.relative_body_pos = shift + quat_apply(turn, made.body_pos - made.anchor_pos[:, None])
        made.relative_body_quat = quat_mul(turn, made.body_quat)
        return made

    def _measure(self) -> None:
        """Take the errors after a physics step into their means over the episode."""
        at = self._state
        errors = {
            "anchor_pos": _distance(at.anchor_pos, at.robot_anchor_pos),
            "anchor_rot": quat_error_magnitude(at.anchor_quat, at.robot_anchor_quat),
            "body_pos": _distance(at.relative_body_pos, at.robot_body_pos).mean(dim=-1),
            "body_rot": quat_error_magnitude(at.relative_body_quat, at.robot_body_quat).mean(dim=-1),
            "body_lin_vel": _distance(at.body_lin_vel, at.robot_body_lin_vel).mean(dim=-1),
            "body_ang_vel": _distance(at.body_ang_vel, at.robot_body_ang_vel).mean(dim=-1),
            "joint_pos": _distance(at.joint_pos, self.robot.data.joint_pos.torch),
        }
        share = 1.0 / self._env.episode_length_buf.clamp(min=1)
        for name, error in errors.items():
            self.metrics[f"error_{name}"].lerp_(error, share)

    def _update_metrics(self) -> None:
        """Nothing: errors are measured before resets, where the state is first asked for."""

    def _update_command(self) -> None:
        """Command the next frame; start anew where a motion has ended."""
        self.frame += self._resampled_at != self._env.common_step_counter
        self._version += 1
        ended = (self.frame >= self.library.lengths[self.motion]).nonzero().flatten()
        if len(ended) > 0:
            self._resample(ended)
        self.sampler.step()
        self._measure_sampling()

    def _measure_sampling(self) -> None:
        probabilities = self.sampler.probabilities
        entropy = -(probabilities * (probabilities + 1e-12).log()).sum()
        scale = max(1.0, float(len(probabilities)))
        self.metrics["sampling_entropy"][:] = entropy / torch.log(torch.tensor(scale).clamp(min=2.0))
        self.metrics["sampling_top1"][:] = probabilities.max()

    def _resample_command(self, env_ids: Sequence[int] | slice) -> None:
        """Draw where to start, and put the robot there."""
        ids = self._everyone[env_ids]
        manager = getattr(self._env, "termination_manager", None)
        if manager is not None:
            self.sampler.count(self.motion[ids], self.frame[ids], manager.terminated[ids])
        if self.cfg.start_at_first_frame:
            motion, frame = ids % len(self.library.lengths), torch.zeros_like(ids)
        else:
            motion, frame = self.sampler.draw(len(ids))
        self.place(ids, motion, frame)

    def place(self, ids: torch.Tensor, motion: torch.Tensor, frame: torch.Tensor) -> None:
        """Put robots at frames of motions, with the configured noise, and command the next frames.

        Args:
            ids: Environments. Shape is (n,).
            motion: Their motions. Shape is (n,).
            frame: Frames of these, not the last. Shape is (n,).
        """
        self.motion[ids], self.frame[ids], self.start_frame[ids] = motion, frame + 1, frame
        self._resampled_at[ids] = self._env.common_step_counter
        self._version += 1
        rows = self.library.starts[motion] + frame
        noise = sample_uniform_from_ranges(self.cfg.pose_range, AXES, len(ids), device=self.device)
        position = self.library.frames("body_pos_w", rows)[:, 0] + self._env.scene.env_origins[ids] + noise[:, :3]
        turn = quat_from_euler_xyz(noise[:, 3], noise[:, 4], noise[:, 5])
        quaternion = quat_mul(turn, self.library.frames("body_quat_w", rows)[:, 0])
        velocity = torch.cat([self.library.frames(f"body_{kind}_vel_w", rows)[:, 0] for kind in ("lin", "ang")], dim=-1)
        velocity = velocity + sample_uniform_from_ranges(self.cfg.velocity_range, AXES, len(ids), device=self.device)
        joint_pos = self.library.frames("joint_pos", rows)
        joint_pos = joint_pos + sample_uniform(*self.cfg.joint_position_range, joint_pos.shape, self.device)
        limits = self.robot.data.soft_joint_pos_limits.torch[ids]
        joint_pos = torch.clamp(joint_pos, limits[..., 0], limits[..., 1])
        joint_vel = self.library.frames("joint_vel", rows)
        pose = torch.cat([position, quaternion], dim=-1)
        self.robot.write_root_link_pose_to_sim_index(root_pose=pose, env_ids=ids)
        self.robot.write_joint_position_to_sim_index(position=joint_pos, env_ids=ids)
        self.robot.write_joint_velocity_to_sim_index(velocity=joint_vel, env_ids=ids)
        self.robot.write_root_link_velocity_to_sim_index(root_velocity=velocity, env_ids=ids)


def _distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(a - b, dim=-1)
