"""Differential IK whose calls a GPU need not be waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from isaaclab.controllers import DifferentialIKController
from isaaclab.envs.mdp.actions.task_space_actions import DifferentialInverseKinematicsAction
from isaaclab.utils.math import matrix_from_quat, quat_apply, quat_from_angle_axis, quat_inv, quat_mul

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv

    from .actions_cfg import RelativeIkActionCfg

__all__ = ["RelativeIkAction", "RelativeIkController"]

_LEAST_TURN = 1e-6
"""Turn [rad] below which Isaac Lab's ``apply_delta_pose`` turns nothing."""


class RelativeIkController(DifferentialIKController):
    """Isaac Lab's controller for pose deltas and damped least squares, number for number.

    Isaac Lab's own copies constants to the GPU and checks each inverse: both wait until the GPU has done all that it
    was given, so that the next step's Python begins only when the last physics step is over.
    """

    def set_command(
        self, command: torch.Tensor, ee_pos: torch.Tensor | None = None, ee_quat: torch.Tensor | None = None
    ) -> None:
        """Set the pose to go to: ``command`` (N, 6) [m, rad] from the current one, (N, 3) and (N, 4)."""
        assert ee_pos is not None and ee_quat is not None  # a delta needs them
        self._command[:] = command
        turn = command[:, 3:6]
        angle = torch.linalg.vector_norm(turn, dim=1)
        turned = quat_from_angle_axis(angle, turn / angle.clamp_min(_LEAST_TURN).unsqueeze(-1))
        delta = torch.where(angle.unsqueeze(-1) > _LEAST_TURN, turned, self._identity_quat)
        self.ee_pos_des[:] = ee_pos + command[:, :3]
        self.ee_quat_des[:] = quat_mul(delta, ee_quat)

    def _compute_delta_joint_pos(self, delta_pose: torch.Tensor, jacobian: torch.Tensor) -> torch.Tensor:
        """Joint step [rad] (N, J). The damped matrix is positive definite: its inverse needs no check."""
        params = self.cfg.ik_params
        assert params is not None  # the configuration fills it in
        damping = params["lambda_val"] ** 2 * torch.eye(jacobian.shape[1], device=self._device)
        inverse = torch.linalg.inv_ex(jacobian @ jacobian.mT + damping).inverse
        return (jacobian.mT @ inverse @ delta_pose.unsqueeze(-1)).squeeze(-1)


class _Tip(NamedTuple):
    """Where the tip is in the root frame."""

    position: torch.Tensor
    quaternion: torch.Tensor
    to_root: torch.Tensor
    """Quaternion from the world's axes to the root's. Shape is (num_envs, 4)."""
    lever: torch.Tensor
    """From the body's origin to the tip [m]. Shape is (num_envs, 3)."""


class RelativeIkAction(DifferentialInverseKinematicsAction):
    """Isaac Lab's term, number for number, with :class:`RelativeIkController` and what it computes twice only once."""

    cfg: RelativeIkActionCfg
    _jacobi_joint_ids: Any
    _joint_ids: Any
    _tip: _Tip | None

    def __init__(self, cfg: RelativeIkActionCfg, env: ManagerBasedEnv) -> None:
        super().__init__(cfg, env)
        controller = cfg.controller
        if (controller.command_type, controller.use_relative_mode, controller.ik_method) != ("pose", True, "dls"):
            raise ValueError(f"{cfg.body_name}: pose deltas by ik_method 'dls' only, not {controller}")
        if cfg.body_offset is None:
            raise ValueError(f"{cfg.body_name}: body_offset is None, give the tip's")
        self._ik_controller = RelativeIkController(controller, self.num_envs, self.device)
        # lists would be copied to a GPU at every step
        self._jacobi_joint_ids = torch.tensor(self._jacobi_joint_ids, device=self.device)
        if isinstance(self._joint_ids, list):
            self._joint_ids = torch.tensor(self._joint_ids, dtype=torch.int32, device=self.device)
        self._tip = None

    def process_actions(self, actions: torch.Tensor) -> None:
        """Pose deltas (num_envs, 6), from where the tip is now."""
        self._tip = None
        super().process_actions(actions)

    def apply_actions(self) -> None:
        """Every physics step. Before the first of them the tip is where it was when the action came."""
        super().apply_actions()
        self._tip = None

    def _compute_frame_pose(self) -> tuple[torch.Tensor, torch.Tensor]:
        tip = self._tip = self._tip or self._find_tip()
        return tip.position, tip.quaternion

    def _find_tip(self) -> _Tip:
        data = self._asset.data
        to_root = quat_inv(data.root_quat_w.torch)
        quaternion = quat_mul(to_root, data.body_quat_w.torch[:, self._body_idx])
        origin = quat_apply(to_root, data.body_pos_w.torch[:, self._body_idx] - data.root_pos_w.torch)
        lever = quat_apply(quaternion, self._offset_pos)
        return _Tip(origin + lever, quat_mul(quaternion, self._offset_rot), to_root, lever)

    def _compute_frame_jacobian(self) -> torch.Tensor:
        assert self._tip is not None  # found just before
        turn = matrix_from_quat(self._tip.to_root)
        jacobian_w = self.jacobian_w
        linear, angular = torch.bmm(turn, jacobian_w[:, :3]), torch.bmm(turn, jacobian_w[:, 3:])
        linear += torch.linalg.cross(angular, self._tip.lever[:, :, None], dim=1)
        return torch.cat([linear, angular], dim=1)
