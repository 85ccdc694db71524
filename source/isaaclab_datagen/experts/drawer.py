"""The scripted expert of the drawer tasks with relative joint positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from isaaclab.utils import configclass
from isaaclab.utils.math import apply_delta_pose, combine_frame_transforms, compute_pose_error

from isaaclab_datagen.experts.inverse_kinematics import TipIk
from isaaclab_datagen.experts.state_machine import CLOSE, OPEN, Phase, StateMachine

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started


class DrawerStateMachine(StateMachine):
    """Before the handle, to it, close, pull; from the start again when the handle is lost."""

    def __init__(self, cfg: DrawerStateMachineCfg, env: ManagerBasedRLEnv) -> None:
        self.cfg = cfg
        self._cabinet = env.scene["cabinet"]
        self._handle = self._cabinet.body_names.index(cfg.handle_body)
        self._drawer = self._cabinet.joint_names.index(cfg.drawer_joint)
        arm: Any = env.action_manager.get_term("arm_action").cfg
        self._scale = float(arm.scale)
        self._ik = TipIk(env, cfg.hand_body, cfg.tip_offset, arm.joint_names)
        # Handle's frame: x out of the cabinet, z up. The hand's z axis points into it, its y axis up.
        self._turn = torch.tensor([0.5, -0.5, -0.5, 0.5], device=env.device).expand(env.num_envs, 4)
        super().__init__(
            env,
            cfg.hand_body,
            cfg.tip_offset,
            [
                Phase("approach", OPEN, cfg.approach_tolerance, cfg.rotation_tolerance),
                Phase("reach", OPEN, cfg.position_tolerance, cfg.rotation_tolerance),
                Phase("grasp", CLOSE, min_steps=cfg.grasp_steps),
                Phase("pull", CLOSE),
            ],
        )

    def targets(self) -> torch.Tensor:
        """See the base class."""
        left = self.cfg.pull_to - self._cabinet.data.joint_pos.torch[:, self._drawer]
        return torch.stack(
            [
                self._before_handle(self.cfg.approach_distance),
                self._before_handle(-self.cfg.depth),
                self._before_handle(-self.cfg.depth),
                self._before_handle(left.clamp(0.0, self.cfg.pull_lead) - self.cfg.depth),
            ]
        )

    def _before_handle(self, distance: float | torch.Tensor) -> torch.Tensor:
        """Grasp pose of the tip, moved ``distance`` [m] out of the cabinet, in the root frame."""
        handle = self.in_root_frame(self._cabinet.data.body_link_pose_w.torch[:, self._handle])
        shift = torch.zeros_like(handle[:, :3])
        shift[:, 0] = distance
        return torch.cat(combine_frame_transforms(handle[:, :3], handle[:, 3:], shift, self._turn), dim=-1)

    def redirect(self, phase: torch.Tensor) -> torch.Tensor:
        """Approach again where the handle was lost."""
        distance = (self._before_handle(0.0)[:, :3] - self.tip_pose()[:, :3]).norm(dim=-1)
        return torch.where((phase == len(self.phases) - 1) & (distance > self.cfg.lost_distance), 0, phase)

    def to_action(self, tip: torch.Tensor, target: torch.Tensor, gripper: torch.Tensor) -> torch.Tensor:
        """See the base class."""
        step = self.cfg.gain * self._ik.step(tip, self._nearer(tip, target)) / self._scale
        step = step / step.abs().amax(dim=-1, keepdim=True).clamp(min=1.0)
        return torch.cat([step, gripper.unsqueeze(-1)], dim=-1)

    def _nearer(self, tip: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The pose on the way to ``target`` at most one step and turn ahead, where the Jacobian still holds."""
        ahead, quaternion = tip[:, :3], tip[:, 3:]
        position, rotation = compute_pose_error(
            ahead, quaternion, target[:, :3], target[:, 3:], rot_error_type="axis_angle"
        )
        share = torch.minimum(
            self.cfg.max_step / position.norm(dim=-1, keepdim=True).clamp(min=self.cfg.max_step),
            self.cfg.max_turn / rotation.norm(dim=-1, keepdim=True).clamp(min=self.cfg.max_turn),
        )
        return torch.cat(apply_delta_pose(ahead, quaternion, share * torch.cat([position, rotation], dim=-1)), dim=-1)


@configclass
class DrawerStateMachineCfg:
    """Settings of :class:`DrawerStateMachine`."""

    class_type: type[DrawerStateMachine] | str = DrawerStateMachine

    handle_body: str = "drawer_handle_top"
    drawer_joint: str = "drawer_top_joint"
    hand_body: str = "panda_hand"
    tip_offset: tuple[float, float, float] = (0.0, 0.0, 0.107)
    """Tip in the hand's frame [m]."""
    approach_distance: float = 0.08
    """How far before the bar the hand is turned and centred [m]."""
    approach_tolerance: float = 0.02
    """[m]"""
    position_tolerance: float = 0.008
    """Distance from which the tip counts as at the bar [m]."""
    rotation_tolerance: float = 0.1
    """[rad]"""
    depth: float = 0.004
    """How far the tip goes beyond the middle of the bar, which then lies in the middle of the pads [m]."""
    grasp_steps: int = 15
    """Steps to wait for the fingers to close."""
    pull_to: float = 0.35
    """Opening at which it stops pulling [m]."""
    pull_lead: float = 0.06
    """How far the target runs before the hand while pulling [m]."""
    lost_distance: float = 0.04
    """Distance from tip to bar beyond which the handle is lost [m]."""
    gain: float = 1.0
    """Share of the joint error commanded at once."""
    max_step: float = 0.08
    """Longest step ahead [m]."""
    max_turn: float = 0.4
    """Longest turn ahead [rad]."""
