"""From a tip's target to joint steps, for tasks whose actions are joint positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from isaaclab.controllers import DifferentialIKController, DifferentialIKControllerCfg
from isaaclab.utils.math import matrix_from_quat, quat_apply

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started


class TipIk:
    """Differential inverse kinematics of a point fixed to a body of a fixed robot.

    Args:
        env: The environment.
        body: Name of the body.
        offset: The point in the body's frame [m].
        joints: Names of the joints that move it, or expressions.
    """

    def __init__(
        self, env: ManagerBasedRLEnv, body: str, offset: tuple[float, float, float], joints: list[str]
    ) -> None:
        self._robot = env.scene["robot"]
        self._body = self._robot.body_names.index(body)
        # a list would be copied to a GPU, and the GPU waited for, at every step
        self._joints = torch.tensor(self._robot.find_joints(joints)[0], device=env.device)
        self._offset = torch.tensor(offset, device=env.device).expand(env.num_envs, 3)
        cfg = DifferentialIKControllerCfg(command_type="pose", ik_method="dls", joint_limit_avoidance_gain=0.1)
        self._controller = DifferentialIKController(cfg, env.num_envs, str(env.device))
        limits = self._robot.data.soft_joint_pos_limits.torch[0, self._joints]
        self._controller.set_joint_pos_limits(limits[:, 0].clone(), limits[:, 1].clone())

    def step(self, tip: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the joint step [rad] that would bring ``tip`` to ``target``, were it small. Shape is (num_envs, J).

        Args:
            tip: Current pose in the root frame. Shape is (num_envs, 7).
            target: Wanted pose in the root frame. Shape is (num_envs, 7).
        """
        joint_pos = self._robot.data.joint_pos.torch[:, self._joints]
        self._controller.set_command(target)
        return self._controller.compute(tip[:, :3], tip[:, 3:], self._jacobian(tip), joint_pos) - joint_pos

    def _jacobian(self, tip: torch.Tensor) -> torch.Tensor:
        """Jacobian of the tip in the root frame. Shape is (num_envs, 6, J)."""
        data = self._robot.data
        jacobian_w = data.body_link_jacobian_w.torch[:, self._body - 1, :, self._joints]
        to_root = matrix_from_quat(data.root_link_pose_w.torch[:, 3:7]).transpose(1, 2)
        linear, angular = to_root @ jacobian_w[:, :3], to_root @ jacobian_w[:, 3:]
        lever = quat_apply(tip[:, 3:], self._offset).unsqueeze(-1).expand_as(angular)
        return torch.cat([linear + torch.linalg.cross(angular, lever, dim=1), angular], dim=1)
