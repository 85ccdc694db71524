"""Actions in the order of the data: w before x, y, z. Inside, quaternions are x, y, z, w. Names by string only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import warp as wp
from isaaclab.envs.mdp.actions.binary_joint_actions import BinaryJointPositionAction
from isaaclab.managers import ActionTerm
from isaaclab.utils.array import index_fill_
from isaaclab.utils.math import subtract_frame_transforms

from isaaclab_datagen.mdp.ik_action import ReplayedIkAction

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv

    from .actions_cfg import PoseActionCfg, SteadyGripperActionCfg

_TO_XYZW = [0, 1, 2, 4, 5, 6, 3]
_SHORTEST = 1e-3
"""Norm below which a quaternion says nothing."""


class PoseAction(ActionTerm):
    """Absolute poses of the tip in the environment's frame, by differential IK.

    A pose that is none (a number is not finite, or the quaternion is zero) is not followed: the tip is held where it
    was last told to be, or where it is at the beginning of an episode. So a zero action holds.
    """

    cfg: PoseActionCfg

    def __init__(self, cfg: PoseActionCfg, env: ManagerBasedEnv) -> None:
        super().__init__(cfg, env)
        self._ik = ReplayedIkAction(cfg.ik, env)
        self._raw = torch.zeros(env.num_envs, 7, device=env.device)
        self._told = torch.zeros_like(self._raw)
        self._begins = torch.ones(env.num_envs, dtype=torch.bool, device=env.device)

    @property
    def action_dim(self) -> int:
        """Seven."""
        return 7

    @property
    def raw_actions(self) -> torch.Tensor:
        """As given. Shape is (num_envs, 7)."""
        return self._raw

    @property
    def processed_actions(self) -> torch.Tensor:
        """The pose that is followed: root frame, x, y, z, w. Shape is (num_envs, 7)."""
        return self._ik.processed_actions

    def process_actions(self, actions: torch.Tensor) -> None:
        """Take over the poses (num_envs, 7) that are ones."""
        self._raw[:] = actions
        pose = actions[:, _TO_XYZW]
        norm = pose[:, 3:].norm(dim=-1, keepdim=True)
        valid = torch.isfinite(actions).all(dim=-1, keepdim=True) & (norm > _SHORTEST)
        self._told = torch.where(self._begins.unsqueeze(-1), self._ik.tip, self._told)
        self._begins[:] = False
        wanted = torch.cat([pose[:, :3], pose[:, 3:] / norm.clamp(min=_SHORTEST)], dim=-1)
        self._told = torch.where(valid, self._in_root_frame(wanted), self._told)
        self._ik.process_actions(self._told)

    def apply_actions(self) -> None:
        """Every physics step: from the pose to joint targets."""
        self._ik.apply_actions()

    def reset(self, env_ids: Sequence[int] | slice | None = None) -> None:
        """Forget what was told."""
        ids = slice(None) if env_ids is None else env_ids
        self._raw[ids] = 0.0
        self._begins[ids] = True

    def _in_root_frame(self, pose: torch.Tensor) -> torch.Tensor:
        root = self._asset.data.root_link_pose_w.torch
        origin = root[:, :3] - self._env.scene.env_origins
        return torch.cat(subtract_frame_transforms(origin, root[:, 3:7], pose[:, :3], pose[:, 3:]), dim=-1)


class SteadyGripperAction(BinaryJointPositionAction):
    """Isaac Lab's binary gripper, whose fingers move evenly, and which takes what is not a number for no news."""

    cfg: SteadyGripperActionCfg

    def __init__(self, cfg: SteadyGripperActionCfg, env: ManagerBasedEnv) -> None:
        super().__init__(cfg, env)
        self._step = cfg.speed * env.physics_dt
        self._fingers = wp.to_torch(self._joint_ids)
        self._target = self._processed_actions.clone()
        self._begins = torch.ones(env.num_envs, 1, dtype=torch.bool, device=env.device)

    def process_actions(self, actions: torch.Tensor) -> None:
        """Shape is (num_envs, 1)."""
        super().process_actions(torch.where(torch.isfinite(actions), actions, self._raw_actions))

    def apply_actions(self) -> None:
        """Every physics step: the fingers' targets go on from where they are told or, if that is farther, are."""
        here, told = self._asset.data.joint_pos.torch[:, self._fingers], self._processed_actions
        before = torch.where(self._begins, here, self._target)
        before = torch.where(told > here, torch.maximum(before, here), torch.minimum(before, here))
        self._target = before + (told - before).clamp(-self._step, self._step)
        self._begins[:] = False
        self._asset.set_joint_position_target_index(target=self._target, joint_ids=self._fingers)

    def reset(self, env_ids: Sequence[int] | slice | None = None) -> None:
        """The targets begin where the fingers are."""
        super().reset(env_ids)
        index_fill_(self._begins, env_ids, True)
