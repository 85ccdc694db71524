"""The scripted expert of the lift tasks with relative IK."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from isaaclab.utils import configclass
from isaaclab.utils.math import quat_apply, quat_error_magnitude, quat_from_euler_xyz, quat_mul

from isaaclab_datagen.experts.state_machine import CLOSE, OPEN, Phase, StateMachine, relative_ik_action

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started


class LiftStateMachine(StateMachine):
    """To the cube from above, close, to the goal; from the start again when the cube is lost.

    What it does depends on what is there to be seen, hardly on what came before, so that a network can learn it.
    """

    def __init__(self, cfg: LiftStateMachineCfg, env: ManagerBasedRLEnv) -> None:
        self.cfg = cfg
        self._commands = env.command_manager
        arm: Any = env.action_manager.get_term("arm_action").cfg
        self._scale = float(arm.scale)
        robot = env.scene["robot"]
        fingers = [index for index, name in enumerate(robot.joint_names) if "finger" in name]
        # a list would be copied to a GPU, and the GPU waited for, at every step
        self._fingers = torch.tensor(fingers, device=env.device)
        self._cube = torch.zeros(env.num_envs, 7, device=env.device)
        super().__init__(
            env,
            arm.body_name,
            tuple(arm.body_offset.pos),
            [
                Phase("reach", OPEN, cfg.position_tolerance, cfg.rotation_tolerance),
                Phase("grasp", CLOSE, min_steps=cfg.grasp_steps, latch=True),
                Phase("carry", CLOSE),
            ],
        )

    def targets(self) -> torch.Tensor:
        """See the base class."""
        tip = self.tip
        cube = self._cube = self.in_root_frame(self.env.scene["object"].data.root_link_pose_w.torch)
        over_cube, as_it_is = downward(torch.cat([cube[:, 3:], tip[:, 3:]])).chunk(2)
        grasp = torch.cat([cube[:, :3], over_cube], dim=-1)
        # a funnel: the farther the hand is to the side or turned, the higher it stays above the cube
        aside = (grasp[:, :2] - tip[:, :2]).norm(dim=-1) / self.cfg.funnel_width
        turned = quat_error_magnitude(grasp[:, 3:], tip[:, 3:]) / self.cfg.funnel_angle
        reach = grasp.clone()
        reach[:, 2] += self.cfg.hover_height * (torch.maximum(aside, turned) - 0.3).clamp(0.0, 1.0)
        carry = grasp.clone()
        # what the hand must move is the cube, wherever it sits between the fingers
        goal = self._commands.get_command("object_pose")[:, :3]
        carry[:, :3] = tip[:, :3] + goal - cube[:, :3]
        carry[:, 3:] = as_it_is
        return torch.stack([reach, grasp, carry])

    def redirect(self, phase: torch.Tensor) -> torch.Tensor:
        """Reach again where the cube was lost; carry it where it is in the hand already."""
        distance = (self._cube[:, :3] - self.tip[:, :3]).norm(dim=-1)
        width = self.env.scene["robot"].data.joint_pos.torch[:, self._fingers].sum(dim=-1)
        lost = (phase == 2) & (distance > self.cfg.lost_distance)
        held = (phase == 0) & (distance < self.cfg.held_distance) & (width < self.cfg.held_width)
        return torch.where(lost, 0, torch.where(held, 2, phase))

    def to_action(self, tip: torch.Tensor, target: torch.Tensor, gripper: torch.Tensor) -> torch.Tensor:
        """See the base class."""
        limits = (self.cfg.max_step, self.cfg.max_turn)
        return torch.cat([relative_ik_action(tip, target, self._scale, limits), gripper.unsqueeze(-1)], dim=-1)


@configclass
class LiftStateMachineCfg:
    """Settings of :class:`LiftStateMachine`."""

    class_type: type[LiftStateMachine] | str = LiftStateMachine

    hover_height: float = 0.10
    """Height over the cube's centre at which the hand comes from the side [m]."""
    funnel_width: float = 0.05
    """Distance to the side that keeps the hand at that height [m]."""
    funnel_angle: float = 0.5
    """Turn still to be made that keeps the hand at that height [rad]."""
    position_tolerance: float = 0.008
    """Distance from which the hand counts as at the cube [m]."""
    rotation_tolerance: float = 0.1
    """[rad]"""
    grasp_steps: int = 12
    """Steps to wait for the fingers to close."""
    held_distance: float = 0.02
    """Distance from tip to cube's centre within which the cube may be in the hand [m]."""
    held_width: float = 0.052
    """Distance of the fingers below which they have closed on it [m]; the cube has 0.048."""
    lost_distance: float = 0.06
    """Distance from tip to cube's centre beyond which the cube is lost [m]."""
    max_step: float = 0.08
    """Longest commanded step [m]."""
    max_turn: float = 0.4
    """Longest commanded turn [rad]."""


def downward(cube: torch.Tensor) -> torch.Tensor:
    """Hand orientation that points down and closes on two faces of the cube, turned by at most 45 degrees.

    Args:
        cube: Orientation of the cube. Shape is (num_envs, 4).

    Returns:
        Shape is (num_envs, 4).
    """
    x_axis = torch.zeros_like(cube[:, :3])
    x_axis[:, 0] = 1.0
    heading = quat_apply(cube, x_axis)
    yaw = torch.atan2(heading[:, 1], heading[:, 0])
    half = 0.5 * (torch.remainder(yaw + math.pi / 4, math.pi / 2) - math.pi / 4)
    zero = torch.zeros_like(half)
    turned = torch.stack([zero, zero, half.sin(), half.cos()], dim=-1)
    flipped = quat_from_euler_xyz(zero[:1] + math.pi, zero[:1], zero[:1])
    return quat_mul(turned, flipped.expand_as(turned))
