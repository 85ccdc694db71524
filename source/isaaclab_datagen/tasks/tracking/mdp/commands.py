"""The motion command: which frame of which motion the robot is to be at, and how far it is from there.

After an observation, :attr:`MotionCommand.frame` is the frame that the robot is to reach by the end of the coming step;
rewards and terminations of that step measure against it. A reset puts the robot at a frame and commands the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from isaaclab.managers import CommandTerm
from isaaclab.utils.array import index_fill_
from isaaclab.utils.math import quat_from_euler_xyz, quat_mul, sample_uniform, sample_uniform_from_ranges

from isaaclab_datagen.replayed import replayed

from .library import AdaptiveStartSampler, MotionLibrary, StartSampler
from .state import ERRORS, Tracking, TrackingState

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
        even = cfg.adaptive is None
        self.sampler = StartSampler(self.library) if even else AdaptiveStartSampler(self.library, cfg.adaptive)
        self._columns = torch.tensor([kept.index(name) for name in names], device=self.device)
        self._bodies = torch.tensor([self.robot.body_names.index(name) for name in names], device=self.device)
        self.anchor = names.index(cfg.anchor_body)
        self._track = Tracking(len(names), self.anchor, self.device)
        self._place = replayed(_place, self.device)
        self.motion = torch.zeros(self.num_envs, dtype=torch.long, device=self.device)
        """Motion of each environment. Shape is (N,)."""
        self.frame = torch.zeros_like(self.motion)
        """Commanded frame of it. Shape is (N,)."""
        self.start_frame = torch.zeros_like(self.motion)
        """Frame that the robot was last put at. Shape is (N,)."""
        self._resampled_at = torch.full_like(self.motion, -1)
        self._everyone = torch.arange(self.num_envs, device=self.device)
        self._found: dict[tuple[str, ...], torch.Tensor] = {}
        self._version, self._cached = 0, (-1, -1)
        self._means = torch.zeros(self.num_envs, len(ERRORS), device=self.device)

    @property
    def command(self) -> torch.Tensor:
        """Joint positions, then joint velocities, of the commanded frame. Shape is (N, 2 J)."""
        return self.state.joints

    @property
    def state(self) -> TrackingState:
        """The commanded frame and the robot; computed once after a physics step, and once after a command's change."""
        now = (self._env.common_step_counter, self._version)
        if self._cached != now:
            after_physics = self._cached[0] != now[0]
            self._cached, self._state = now, self._compute_state()
            if after_physics:
                self._measure()
        return self._state

    def columns(self, names: tuple[str, ...]) -> torch.Tensor:
        """Return the indices of some of the tracked bodies, kept on the device."""
        if names not in self._found:
            found = [self.cfg.body_names.index(name) for name in names]
            self._found[names] = torch.tensor(found, device=self.device)
        return self._found[names]

    def root_position(self, frame: torch.Tensor) -> torch.Tensor:
        """Root's position at a frame (N,) of each environment's motion, in its own frame [m]. Shape is (N, 3)."""
        return self.library.frames(self.library.starts[self.motion] + frame).body_pose[:, 0, :3]

    def _compute_state(self) -> TrackingState:
        frames = self.library.frames(self.library.starts[self.motion] + self.frame)
        data = self.robot.data
        return self._track(
            frames.joints,
            frames.body_pose[:, self._columns],
            frames.body_vel[:, self._columns],
            data.joint_pos.torch,
            data.body_link_pose_w.torch[:, self._bodies],
            data.body_link_vel_w.torch[:, self._bodies],
            self._env.scene.env_origins,
        )

    def _measure(self) -> None:
        """Take the errors after a physics step into their means over the episode."""
        self._means.lerp_(self._state.measured, 1.0 / self._env.episode_length_buf.clamp(min=1)[:, None])

    def mean_error(self, name: str) -> torch.Tensor:
        """One of :data:`~.state.ERRORS`, its mean over the episode so far. Shape is (N,)."""
        return self._means[:, ERRORS.index(name)]

    def reset(self, env_ids: Sequence[int] | slice | None = None) -> dict[str, torch.Tensor]:
        """Log the means of errors and how starts are spread, all terms at once, and start anew."""
        chosen = slice(None) if env_ids is None else env_ids
        errors = {f"error_{name}": mean for name, mean in zip(ERRORS, self._means[chosen].mean(dim=0), strict=True)}
        index_fill_(self._means, chosen, 0.0)
        return {**errors, **self.sampler.spread(), **super().reset(env_ids)}

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
        self._resampled_at.index_fill_(0, ids, self._env.common_step_counter)
        self._version += 1
        start = self.library.frames(self.library.starts[motion] + frame)
        joint_pos, joint_vel = start.joints.chunk(2, dim=-1)
        noise = sample_uniform_from_ranges(self.cfg.pose_range, AXES, len(ids), device=self.device)
        kick = sample_uniform_from_ranges(self.cfg.velocity_range, AXES, len(ids), device=self.device)
        joint_noise = sample_uniform(*self.cfg.joint_position_range, joint_pos.shape, self.device)
        limits = self.robot.data.soft_joint_pos_limits.torch[ids]
        origins = self._env.scene.env_origins[ids]
        placed = self._place(start.body_pose[:, 0], origins, noise, joint_pos, joint_noise, limits)
        pose, joint_pos = placed[:, :7].contiguous(), placed[:, 7:].contiguous()
        # a link's velocity is written as that of the centre of mass, which hangs on the pose: last
        self.robot.write_root_link_pose_to_sim_index(root_pose=pose, env_ids=ids, skip_forward=True)
        self.robot.write_joint_state_to_sim_index(position=joint_pos, velocity=joint_vel.contiguous(), env_ids=ids)
        self.robot.write_root_link_velocity_to_sim_index(root_velocity=start.body_vel[:, 0] + kick, env_ids=ids)


def _place(
    root: torch.Tensor,
    origins: torch.Tensor,
    noise: torch.Tensor,
    joint_pos: torch.Tensor,
    joint_noise: torch.Tensor,
    limits: torch.Tensor,
) -> torch.Tensor:
    """Root poses in the world and joint positions, with their noise, side by side. Shape is (n, 7 + J).

    Args:
        root: Root poses of a reference. Shape is (n, 7).
        origins: Of the environments. Shape is (n, 3).
        noise: To add to positions, then roll, pitch and yaw. Shape is (n, 6).
        joint_pos: Of a reference. Shape is (n, J).
        joint_noise: To add. Shape is (n, J).
        limits: Least and largest joint positions. Shape is (n, J, 2).
    """
    turn = quat_from_euler_xyz(noise[:, 3], noise[:, 4], noise[:, 5])
    return torch.cat(
        [
            root[:, :3] + origins + noise[:, :3],
            quat_mul(turn, root[:, 3:]),
            torch.clamp(joint_pos + joint_noise, limits[..., 0], limits[..., 1]),
        ],
        dim=-1,
    )
