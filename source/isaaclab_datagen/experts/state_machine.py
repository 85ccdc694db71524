"""Scripted experts: phases of a target pose and a gripper, run for all environments at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from isaaclab.utils.math import compute_pose_error, quat_apply, subtract_frame_transforms

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started

__all__ = ["Phase", "StateMachine", "relative_ik_action"]

OPEN, CLOSE = 1.0, -1.0
"""Gripper actions of Isaac Lab's binary joint action."""


@dataclass(frozen=True)
class Phase:
    """One leg of the motion. It ends when the tip is within both tolerances and ``min_steps`` have passed."""

    name: str
    gripper: float
    """:data:`OPEN` or :data:`CLOSE`."""
    position_tolerance: float = float("inf")
    """[m]"""
    rotation_tolerance: float = float("inf")
    """[rad]"""
    min_steps: int = 0
    """Environment steps."""
    latch: bool = False
    """Keep the target computed on entry instead of following it."""


class StateMachine(ABC):
    """An actor that walks each environment through :attr:`phases` and stays in the last one.

    Args:
        env: The environment.
        body: Name of the robot's hand body.
        offset: Tip in the hand's frame [m]. Shape is (3,).
        phases: The legs, in order.
    """

    def __init__(
        self, env: ManagerBasedRLEnv, body: str, offset: tuple[float, float, float], phases: Sequence[Phase]
    ) -> None:
        self.env = env
        self.phases = tuple(phases)
        robot = env.scene["robot"]
        self._body = robot.body_names.index(body)
        self._offset = torch.tensor(offset, device=env.device).expand(env.num_envs, 3)

        def column(values: list[float]) -> torch.Tensor:
            return torch.tensor(values, device=env.device)

        self._gripper = column([phase.gripper for phase in self.phases])
        self._position_tolerance = column([phase.position_tolerance for phase in self.phases])
        self._rotation_tolerance = column([phase.rotation_tolerance for phase in self.phases])
        self._min_steps = column([phase.min_steps for phase in self.phases])
        self._latch = column([phase.latch for phase in self.phases])
        self.phase = torch.zeros(env.num_envs, dtype=torch.long, device=env.device)
        """Index of each environment's phase. Shape is (num_envs,)."""
        self._steps = torch.zeros_like(self.phase)
        self._target = torch.zeros(env.num_envs, 7, device=env.device)
        self._envs = torch.arange(env.num_envs, device=env.device)
        self.tip = torch.zeros(env.num_envs, 7, device=env.device)
        """What :meth:`tip_pose` was when the action in hand began. Shape is (num_envs, 7)."""

    @abstractmethod
    def targets(self) -> torch.Tensor:
        """Tip pose of every phase in the root frame: position [m], quaternion. Shape is (num_phases, num_envs, 7)."""

    @abstractmethod
    def to_action(self, tip: torch.Tensor, target: torch.Tensor, gripper: torch.Tensor) -> torch.Tensor:
        """Action that moves ``tip`` (num_envs, 7) to ``target`` (num_envs, 7). Shape is (num_envs, action_dim)."""

    def redirect(self, phase: torch.Tensor) -> torch.Tensor:
        """Phases to be in where the state of things says so, for instance after losing the object.

        Args:
            phase: Those that the walk came to. Shape is (num_envs,).

        Returns:
            ``phase`` itself where nothing is to be changed. Shape is (num_envs,).
        """
        return phase

    def reset(self, env_ids: torch.Tensor) -> None:
        """Begin the first phase in these environments."""
        self.phase[env_ids] = 0
        self._steps[env_ids] = 0

    def act(self, observations: object) -> torch.Tensor:
        """Next action, from the simulation's state. Shape is (num_envs, action_dim)."""
        self.tip = self.tip_pose()
        targets = self.targets()
        self._follow(targets)
        position_error, rotation_error = compute_pose_error(
            self.tip[:, :3], self.tip[:, 3:], self._target[:, :3], self._target[:, 3:], rot_error_type="axis_angle"
        )
        arrived = (
            (position_error.norm(dim=-1) < self._position_tolerance[self.phase])
            & (rotation_error.norm(dim=-1) < self._rotation_tolerance[self.phase])
            & (self._steps >= self._min_steps[self.phase])
            & (self.phase < len(self.phases) - 1)
        )
        phase = self.redirect(self.phase + arrived)
        changed = phase != self.phase
        self.phase = phase
        self._steps = torch.where(changed, 0, self._steps)
        self._follow(targets)
        self._steps += 1
        return self.to_action(self.tip, self._target, self._gripper[self.phase])

    def tip_pose(self) -> torch.Tensor:
        """Tip in the robot's root frame. Shape is (num_envs, 7)."""
        data = self.env.scene["robot"].data
        hand, root = data.body_link_pose_w.torch[:, self._body], data.root_link_pose_w.torch
        position, quaternion = subtract_frame_transforms(root[:, :3], root[:, 3:7], hand[:, :3], hand[:, 3:7])
        return torch.cat([position + quat_apply(quaternion, self._offset), quaternion], dim=-1)

    def in_root_frame(self, pose_w: torch.Tensor) -> torch.Tensor:
        """World pose to the robot's root frame. Shapes are (num_envs, 7)."""
        root = self.env.scene["robot"].data.root_link_pose_w.torch
        position, quaternion = subtract_frame_transforms(root[:, :3], root[:, 3:7], pose_w[:, :3], pose_w[:, 3:7])
        return torch.cat([position, quaternion], dim=-1)

    def _follow(self, targets: torch.Tensor) -> None:
        """Take over the phase's target unless it was latched earlier."""
        current = targets[self.phase, self._envs]
        keep = (self._latch[self.phase] & (self._steps > 0)).unsqueeze(-1)
        self._target = torch.where(keep, self._target, current)


def relative_ik_action(
    tip: torch.Tensor, target: torch.Tensor, scale: float, limits: tuple[float, float], gain: float = 2.0
) -> torch.Tensor:
    """Pose deltas for a relative IK action: a proportional step, shortened to the limits.

    The arm's damping makes it cover only a part of each commanded delta, hence a gain above 1.

    Args:
        tip: Current pose. Shape is (num_envs, 7).
        target: Wanted pose. Shape is (num_envs, 7).
        scale: Metres and radians of an action of 1.
        limits: Longest commanded step [m] and turn [rad].
        gain: Share of the error commanded at once.

    Returns:
        Shape is (num_envs, 6).
    """
    position, rotation = compute_pose_error(
        tip[:, :3], tip[:, 3:], target[:, :3], target[:, 3:], rot_error_type="axis_angle"
    )
    deltas = []
    for error, limit in ((position, limits[0]), (rotation, limits[1])):
        step = gain * error
        deltas.append(step * (limit / step.norm(dim=-1, keepdim=True).clamp(min=limit)))
    return torch.cat(deltas, dim=-1) / scale
