"""What success means in the pick-and-place task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from isaaclab.managers import ManagerTermBase, SceneEntityCfg, TerminationTermCfg
from isaaclab.utils.math import quat_error_magnitude

from isaaclab_datagen.mdp import body_pose, gripper_width, object_pose
from isaaclab_datagen.recorders.facts import Named

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

    from .commands import CarryCommand

__all__ = ["carried", "carry_stage"]

STAGES = ("not_lifted", "in_hand", "elsewhere", "at_target", "done")
"""How far a leg has come: the cube never above the height threshold; lifted and with the hand; lifted, and left by the
hand where it does not rest at the target; resting there, but too briefly, or hand and fingers are not as they have to
be; all of it."""


class carried(ManagerTermBase):
    """The cube was lifted, rests at the target, and the open hand has left it.

    The same rule for both directions; the command says where the target is. What is remembered (that it was lifted, how
    long it has rested) is forgotten when another leg begins.
    """

    def __init__(self, cfg: TerminationTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self._command = cast("CarryCommand", env.command_manager.get_term(cfg.params["command_name"]))
        self.lifted = torch.zeros(env.num_envs, dtype=torch.bool, device=env.device)
        """Whether the cube has been above the height threshold in this leg. Shape is (num_envs,)."""
        self.rested = torch.zeros(env.num_envs, dtype=torch.long, device=env.device)
        """Steps for which the cube has rested at the target. Shape is (num_envs,)."""
        self.away = torch.zeros_like(self.lifted)
        """Whether the tip is away from the cube. Shape is (num_envs,)."""
        self._leg = self._command.leg.clone()

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Forget."""
        ids = slice(None) if env_ids is None else env_ids
        self.lifted[ids] = False
        self.rested[ids] = 0

    def __call__(
        self,
        env: ManagerBasedRLEnv,
        command_name: str,
        height_threshold: float,
        distance_threshold: float,
        speed_threshold: float,
        steps: int,
        width_threshold: float,
        clearance: float,
        rest_height: float,
        rest_distance: float | None,
        rest_angle: float,
        fingers_cfg: SceneEntityCfg,
        hand_cfg: SceneEntityCfg,
        offset: tuple[float, float, float],
        object_cfg: SceneEntityCfg = SceneEntityCfg("object"),
    ) -> torch.Tensor:
        """Shape is (num_envs,).

        Args:
            env: The environment.
            command_name: Name of the :class:`CarryCommand`.
            height_threshold: Height of the cube's middle that counts as lifted [m].
            distance_threshold: Largest distance of the resting cube to the target [m].
            speed_threshold: Largest speed of a resting cube [m/s].
            steps: Consecutive steps for which it must rest there.
            width_threshold: Least distance of the fingers [m].
            clearance: Least distance of the tip to the cube's middle [m].
            rest_height: Height of the middle of a cube on the table [m].
            rest_distance: If not None, the tip must also be so near to where it was when the episode began [m].
            rest_angle: And turned by no more than this from how it was then [rad].
            fingers_cfg: The robot and its finger joints.
            hand_cfg: The robot and its hand.
            offset: The tip in the hand's frame [m].
            object_cfg: The cube.
        """
        command = self._command
        other = command.leg != self._leg
        self._leg[:] = command.leg
        cube, hand = object_pose(env, object_cfg)[:, :3], body_pose(env, hand_cfg, offset)
        tip = hand[:, :3]
        speed = env.scene[object_cfg.name].data.root_link_lin_vel_w.torch.norm(dim=-1)
        target = torch.cat([command.target, torch.full_like(cube[:, :1], rest_height)], dim=-1)
        rests = ((cube - target).norm(dim=-1) < distance_threshold) & (speed < speed_threshold)
        self.lifted = (self.lifted & ~other) | (cube[:, 2] > height_threshold)
        self.rested = torch.where(rests, torch.where(other, 0, self.rested) + 1, 0)
        open_wide = gripper_width(env, fingers_cfg)[:, 0] > width_threshold
        self.away = (tip - cube).norm(dim=-1) >= clearance
        done = self.lifted & (self.rested >= steps) & open_wide & self.away
        command.carried[:] = done
        if rest_distance is not None:
            done &= (tip - command.rest[:, :3]).norm(dim=-1) < rest_distance
            done &= quat_error_magnitude(hand[:, 3:], command.rest[:, 3:]) < rest_angle
        command.succeeded[:] = done
        return done


def carry_stage(env: ManagerBasedRLEnv, term: str, command_name: str) -> Named:
    """How far each leg has come when it ends: one of :data:`STAGES`.

    Args:
        env: The environment.
        term: Name of the termination :class:`carried`.
        command_name: Name of the :class:`CarryCommand`.
    """
    rule = cast("carried", env.termination_manager.get_term_cfg(term).func)
    succeeded = cast("CarryCommand", env.command_manager.get_term(command_name)).succeeded
    stage = torch.where(rule.rested > 0, 3, torch.where(rule.away, 2, 1))
    return Named(torch.where(succeeded, 4, torch.where(rule.lifted, stage, 0)), STAGES)
