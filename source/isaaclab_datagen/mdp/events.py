"""How episodes begin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from isaaclab.managers import EventTermCfg, ManagerTermBase
from isaaclab.utils.math import quat_from_euler_xyz, quat_mul, sample_uniform_from_ranges
from isaaclab.utils.string import resolve_matching_names_values

if TYPE_CHECKING:
    from isaaclab.assets import Articulation
    from isaaclab.envs import ManagerBasedEnv

__all__ = ["reset_to_start"]

Range = tuple[float, float]
_POSE = ("x", "y", "z", "roll", "pitch", "yaw")


@cache
def _states(path: str, device: str) -> dict[str, torch.Tensor]:
    with np.load(path) as file:
        return {name: torch.from_numpy(values).to(device) for name, values in file.items()}


class reset_to_start(ManagerTermBase):
    """Put the whole scene at rest where an episode begins: around its defaults, or within a demonstration.

    A grasp is too rare an accident for exploration to find soon; from states of demonstrations, before it, at it and
    after it, its worth is learnt first.

    Every asset is written once: a write costs a processor more than all that is computed here. Bases that are fixed
    stay where they are, and joint targets are left to the actions, which set them before every physics step.
    """

    def __init__(self, cfg: EventTermCfg, env: ManagerBasedEnv) -> None:
        super().__init__(cfg, env)
        wanted: Any = cfg.params["joint_offsets"]
        self._offsets = {name: _offsets(asset, wanted.get(name)) for name, asset in env.scene.articulations.items()}

    def __call__(
        self,
        env: ManagerBasedEnv,
        env_ids: torch.Tensor | slice,
        joint_offsets: Mapping[str, Mapping[str, Range]],
        pose_ranges: Mapping[str, Mapping[str, Range]],
        demonstrations: str | None,
        probability: float,
    ) -> None:
        """Begin episodes.

        Args:
            env: The environment.
            env_ids: Environments that are being reset.
            joint_offsets: Articulation to joints (regular expressions) to how far they are off their defaults,
                uniformly [rad or m]. They stay within their soft limits.
            pose_ranges: Rigid object to x, y, z [m], roll, pitch, yaw [rad], about its default pose, uniformly.
            demonstrations: NPZ with K states: ``<asset>/joint_pos`` (K, num_joints) [rad or m] of articulations, and
                ``<asset>/root_pose`` (K, 7) of rigid objects in the environment's frame. None for none.
            probability: Share of the episodes that start in one of these states.
        """
        ids = torch.arange(env.num_envs, device=env.device)[env_ids] if isinstance(env_ids, slice) else env_ids
        count = len(ids)
        starts = {f"{name}/joint_pos": self._joints(name, ids) for name in env.scene.articulations}
        for name, asset in env.scene.rigid_objects.items():
            starts[f"{name}/root_pose"] = _near(asset.data.default_root_pose.torch[ids], pose_ranges.get(name, {}))
        if demonstrations is not None and probability > 0.0:
            states = _states(demonstrations, env.device)
            rows = torch.randint(len(next(iter(states.values()))), (count,), device=env.device)
            within = torch.rand(count, 1, device=env.device) < probability
            starts |= {name: torch.where(within, values[rows], starts[name]) for name, values in states.items()}
        origins, still = env.scene.env_origins[ids], torch.zeros(count, 6, device=env.device)
        for name, asset in cast("Mapping[str, Any]", env.scene.articulations).items():
            joint_pos = starts[f"{name}/joint_pos"]
            asset.write_joint_state_to_sim_index(position=joint_pos, velocity=torch.zeros_like(joint_pos), env_ids=ids)
        for name, asset in env.scene.rigid_objects.items():
            pose = starts[f"{name}/root_pose"]
            pose_w = torch.cat([pose[:, :3] + origins, pose[:, 3:]], dim=-1)
            asset.write_root_pose_to_sim_index(root_pose=pose_w, env_ids=ids)
            asset.write_root_velocity_to_sim_index(root_velocity=still, env_ids=ids)

    def _joints(self, name: str, ids: torch.Tensor) -> torch.Tensor:
        """Joints of an articulation (n, num_joints) near their defaults."""
        data, offsets = self._env.scene[name].data, self._offsets[name]
        joint_pos = data.default_joint_pos.torch[ids]
        if offsets is None:
            return joint_pos
        low, high = offsets
        limits = data.soft_joint_pos_limits.torch[ids]
        moved = joint_pos + low + (high - low) * torch.rand_like(joint_pos)
        return torch.where(low == high, joint_pos, moved.clamp(limits[..., 0], limits[..., 1]))


def _offsets(asset: Articulation, wanted: Mapping[str, Range] | None) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Least and largest offset of each joint (num_joints,); None if none is moved.

    Raises:
        ValueError: If the base is not fixed: where it begins would have to be said too.
    """
    if not asset.is_fixed_base:
        raise ValueError(f"reset_to_start places no floating base, such as that of {asset.cfg.prim_path}")
    if not wanted:
        return None
    bounds = torch.zeros(2, asset.num_joints, device=asset.device)
    ids, _, ranges = resolve_matching_names_values(dict(wanted), asset.joint_names)
    bounds[:, ids] = torch.tensor(ranges, device=asset.device).T
    return bounds[0], bounds[1]


def _near(default: torch.Tensor, ranges: Mapping[str, Range]) -> torch.Tensor:
    """Poses (n, 7) near default ones."""
    if not ranges:
        return default
    drawn = sample_uniform_from_ranges(dict(ranges), _POSE, len(default), device=default.device)
    turned = quat_mul(default[:, 3:], quat_from_euler_xyz(drawn[:, 3], drawn[:, 4], drawn[:, 5]))
    return torch.cat([default[:, :3] + drawn[:, :3], turned], dim=-1)
