"""Differential IK that a GPU replays: Isaac Lab's, number for number, without its hundreds of launches a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from isaaclab.envs.mdp.actions.task_space_actions import DifferentialInverseKinematicsAction
from isaaclab.utils.math import (
    compute_pose_error,
    matrix_from_quat,
    quat_apply,
    quat_from_angle_axis,
    quat_inv,
    quat_mul,
)

from isaaclab_datagen.replayed import replayed

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv

    from .actions_cfg import ReplayedIkActionCfg

__all__ = ["ReplayedIkAction"]

_LEAST_TURN = 1e-6
"""Turn [rad] below which Isaac Lab's ``apply_delta_pose`` turns nothing."""


class ReplayedIkAction(DifferentialInverseKinematicsAction):
    """Isaac Lab's term for poses and damped least squares.

    Isaac Lab's own is some 400 kernels a physics step, each launched by Python, and waits for the GPU at several of
    them. What is between the simulation's state and the joints' targets are functions of tensors here.
    """

    cfg: ReplayedIkActionCfg

    def __init__(self, cfg: ReplayedIkActionCfg, env: ManagerBasedEnv) -> None:
        super().__init__(cfg, env)
        controller, offset = cfg.controller, cfg.body_offset
        plain = controller.orientation_weight is None and controller.joint_limit_avoidance_gain == 0.0
        if (controller.command_type, controller.ik_method, plain) != ("pose", "dls", True) or offset is None:
            raise ValueError(
                f"{cfg.body_name}: needs a body_offset, command_type 'pose' and ik_method 'dls', without "
                f"orientation_weight and joint_limit_avoidance_gain, not {offset} and {controller}"
            )
        assert controller.ik_params is not None  # the configuration fills it in
        self._damping = controller.ik_params["lambda_val"] ** 2
        self._shift = torch.tensor(offset.pos, device=self.device)
        self._turn = torch.tensor(offset.rot, device=self.device)
        self._columns = torch.tensor(self._jacobi_joint_ids, device=self.device)
        joints = [joint - self._asset.num_base_dofs for joint in self._jacobi_joint_ids]
        self._joints = torch.tensor(joints, dtype=torch.int32, device=self.device)
        aim = self._move if controller.use_relative_mode else self._follow
        self._find_tip_now, self._aim, self._solve_now = (
            replayed(function, self.device) for function in (self._find_tip, aim, self._solve)
        )
        self._goal = self._processed_actions.new_zeros(self.num_envs, 7)

    @property
    def tip(self) -> torch.Tensor:
        """Pose of the point that is moved in the root frame: position [m], quaternion. Shape is (num_envs, 7)."""
        return self._find_tip_now(self._root, self._body)

    def process_actions(self, actions: torch.Tensor) -> None:
        """Poses, or pose deltas from where the tip is now; :attr:`action_dim` says which. (num_envs, 7 or 6)."""
        self._raw_actions[:] = actions
        self._processed_actions[:] = self._raw_actions * self._scale + self._offset
        if self.cfg.clip is not None:
            self._processed_actions.clamp_(self._clip[:, :, 0], self._clip[:, :, 1])
        self._goal = self._aim(self._processed_actions, self._root, self._body)

    def apply_actions(self) -> None:
        """Every physics step."""
        data = self._asset.data
        jacobian = data.body_link_jacobian_w.torch[:, self._jacobi_body_idx]
        targets = self._solve_now(self._goal, self._root, self._body, jacobian, data.joint_pos.torch)
        self._asset.set_joint_position_target_index(target=targets, joint_ids=self._joints)

    @property
    def _root(self) -> torch.Tensor:
        return self._asset.data.root_link_pose_w.torch

    @property
    def _body(self) -> torch.Tensor:
        return self._asset.data.body_link_pose_w.torch[:, self._body_idx]

    def _find_tip(self, root: torch.Tensor, body: torch.Tensor) -> torch.Tensor:
        """The tip in the root frame (N, 7), of poses in the world (N, 7)."""
        to_root = quat_inv(root[:, 3:])
        quaternion = quat_mul(to_root, body[:, 3:])
        position = quat_apply(to_root, body[:, :3] - root[:, :3]) + quat_apply(
            quaternion, self._rows(self._shift, root)
        )
        return torch.cat([position, quat_mul(quaternion, self._rows(self._turn, root))], dim=-1)

    def _move(self, deltas: torch.Tensor, root: torch.Tensor, body: torch.Tensor) -> torch.Tensor:
        """The pose (N, 7) to go to: the tip's, moved and turned by deltas (N, 6) [m, rad]."""
        tip = self._find_tip(root, body)
        turn = deltas[:, 3:]
        angle = torch.linalg.vector_norm(turn, dim=1)
        turned = quat_from_angle_axis(angle, turn / angle.clamp_min(_LEAST_TURN).unsqueeze(-1))
        none = torch.zeros_like(turned)
        none[:, 3] = 1.0
        delta = torch.where(angle.unsqueeze(-1) > _LEAST_TURN, turned, none)
        return torch.cat([tip[:, :3] + deltas[:, :3], quat_mul(delta, tip[:, 3:])], dim=-1)

    def _follow(self, poses: torch.Tensor, root: torch.Tensor, body: torch.Tensor) -> torch.Tensor:
        """The pose (N, 7) to go to: the one that is told, turned as the tip is where its quaternion is none."""
        quaternion = poses[:, 3:] / torch.linalg.norm(poses[:, 3:], dim=-1, keepdim=True)
        valid = torch.isfinite(quaternion).all(dim=-1, keepdim=True)
        return torch.cat([poses[:, :3], torch.where(valid, quaternion, self._find_tip(root, body)[:, 3:])], dim=-1)

    def _solve(
        self,
        goal: torch.Tensor,
        root: torch.Tensor,
        body: torch.Tensor,
        jacobian: torch.Tensor,
        joint_pos: torch.Tensor,
    ) -> torch.Tensor:
        """Joint targets [rad] (N, J), of a pose (N, 7), the body's jacobian (N, 6, D) in the world, and all joints."""
        tip = self._find_tip(root, body)
        to_root = quat_inv(root[:, 3:])
        turn = matrix_from_quat(to_root)
        lever = quat_apply(quat_mul(to_root, body[:, 3:]), self._rows(self._shift, root))
        linear, angular = (torch.bmm(turn, part) for part in jacobian[:, :, self._columns].split(3, dim=1))
        jacobian = torch.cat([linear + torch.linalg.cross(angular, lever[:, :, None], dim=1), angular], dim=1)
        error = torch.cat(compute_pose_error(tip[:, :3], tip[:, 3:], goal[:, :3], goal[:, 3:]), dim=-1)
        damping = self._damping * torch.eye(6, device=goal.device)
        # damped, the matrix is positive definite: its inverse needs no check, which a GPU would be waited for
        inverse = torch.linalg.inv_ex(jacobian @ jacobian.mT + damping).inverse
        joint_pos = joint_pos[:, self._joints]
        targets = joint_pos + (jacobian.mT @ inverse @ error.unsqueeze(-1)).squeeze(-1)
        return torch.where(tip[:, 3:].norm(dim=-1, keepdim=True) != 0.0, targets, joint_pos)

    @staticmethod
    def _rows(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        return values.expand(len(like), -1)
