"""Actions that arrive late and not as they were meant, as on a robot whose computer needs time to think."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from isaaclab.managers import ActionTerm
from isaaclab.utils import instantiate
from isaaclab.utils.array import index_fill_

from isaaclab_datagen.mdp.actions_cfg import ActionNoiseCfg, DelayedActionCfg, delays
from isaaclab_datagen.replayed import replayed

if TYPE_CHECKING:
    from isaaclab.assets import Articulation
    from isaaclab.envs import ManagerBasedEnv
    from isaaclab.utils.warp import ProxyArray

__all__ = ["ActionNoise", "DelayedAction", "undelayed"]

_DELAY_STREAM, _NOISE_STREAM = 0x64656C, 0x6E6F69
"""Added to the environment's seed, so that neither repeats what another generator of that seed draws."""


class ActionNoise:
    """Ornstein-Uhlenbeck or white noise for N environments of A actions."""

    def __init__(self, cfg: ActionNoiseCfg, shape: tuple[int, int], seed: int, device: str) -> None:
        """Begin at zero.

        Raises:
            ValueError: If there is no such kind, or a number is negative.
        """
        if cfg.kind not in ("ornstein_uhlenbeck", "white"):
            raise ValueError(f"action noise {cfg.kind!r}: choose from ornstein_uhlenbeck, white")
        if min(cfg.theta, cfg.sigma, cfg.dt) < 0:
            raise ValueError(f"action noise {cfg.theta}, {cfg.sigma}, {cfg.dt}: theta, sigma and dt must be 0 or more")
        self._cfg = cfg
        self._generator = torch.Generator(device).manual_seed(seed)
        self._value = torch.zeros(shape, device=device)

    def reset(self, env_ids: torch.Tensor | slice) -> None:
        """Begin at zero again."""
        index_fill_(self._value, env_ids, 0.0)

    def next(self) -> torch.Tensor:
        """The next value (N, A), in the policy's units."""
        cfg = self._cfg
        drawn = torch.randn(self._value.shape, generator=self._generator, device=self._value.device)
        if cfg.kind == "white":
            self._value = cfg.sigma * drawn
        else:
            self._value = self._value * (1 - cfg.theta * cfg.dt) + cfg.sigma * math.sqrt(cfg.dt) * drawn
        return self._value


class DelayedAction(ActionTerm):
    """Hands a joint position action what was asked for some physics steps ago.

    An action that is given in control step c acts from physics step ``c * decimation + delay`` on, until the next one
    does: a delay of 1.5 control steps changes the target in the middle of a control step. ``raw_actions``, and so the
    observed and recorded action, is what the policy gave.
    """

    cfg: DelayedActionCfg

    def __init__(self, cfg: DelayedActionCfg, env: ManagerBasedEnv) -> None:
        """Build the action that is wrapped.

        Raises:
            ValueError: If the delay range or the noise makes no sense.
        """
        super().__init__(cfg, env)
        self.inner = instantiate(cfg.action, env)
        """The action that is wrapped."""
        self._choices = torch.tensor(delays(cfg, env.physics_dt), device=self.device)
        self._longest = int(self._choices.max())
        self._decimation = env.cfg.decimation
        depth = math.ceil(self._longest / self._decimation) + 1
        shape, device = (self.num_envs, self.action_dim), self.device
        seed = env.cfg.seed or 0
        self._generator = torch.Generator(device).manual_seed(seed + _DELAY_STREAM)
        self._noise = None if cfg.noise is None else ActionNoise(cfg.noise, shape, seed + _NOISE_STREAM, device)
        self.delay = torch.zeros(self.num_envs, dtype=torch.long, device=device)
        """Physics steps from an action to its effect, in this episode. Shape is (num_envs,)."""
        self._raw = torch.zeros(shape, device=device)
        self._processed = torch.zeros(shape, device=device)
        self._zeros, self._ones = torch.zeros(shape, device=device), torch.ones(shape, device=device)
        self._given = torch.zeros(self.num_envs, depth, self.action_dim, device=device)
        self._due = torch.zeros(self._decimation, *shape, device=device)
        self._is_fresh = torch.ones(self.num_envs, dtype=torch.bool, device=device)
        self._physics_step = 0
        self._find_now = replayed(self._find, device)
        robot, wrapped = cast("Articulation", self._asset), cfg.action
        joints, _ = robot.find_joints(wrapped.joint_names, preserve_order=wrapped.preserve_order, as_proxy=True)
        self._joint_ids = cast("ProxyArray", joints).torch

    @property
    def action_dim(self) -> int:
        """Number of joints, A."""
        return self.inner.action_dim

    @property
    def raw_actions(self) -> torch.Tensor:
        """What the policy gave. Shape is (num_envs, A)."""
        return self._raw

    @property
    def processed_actions(self) -> torch.Tensor:
        """Joint targets [rad] of this control step, the mean over its physics steps. Shape is (num_envs, A)."""
        return self._processed

    @property
    def executed_actions(self) -> torch.Tensor:
        """What acts in this control step: delayed, with noise, in the policy's units, the mean over its physics steps.

        Shape is (num_envs, A).
        """
        return self._due.mean(dim=0)

    def process_actions(self, actions: torch.Tensor) -> None:
        """Take the policy's actions (num_envs, A), and work out what acts in each physics step until the next ones."""
        self._check_stepping()
        self._raw[:] = actions
        asked = actions if self._noise is None else actions + self._noise.next()
        self.inner.process_actions(self._zeros)
        at_zero = self.inner.processed_actions.clone()
        self.inner.process_actions(self._ones)
        at_one = self.inner.processed_actions
        here = self._asset.data.joint_pos.torch[:, self._joint_ids]
        found = self._find_now(asked, self._given, self.delay, self._is_fresh, here, at_zero, at_one)
        self._given, due = found.split([self._given.shape[1], self._decimation], dim=1)
        self._due = due.transpose(0, 1)
        self._is_fresh.fill_(False)
        self.inner.process_actions(self.executed_actions)
        self._processed[:] = self.inner.processed_actions
        self._physics_step = 0

    def apply_actions(self) -> None:
        """Set the targets of the next physics step."""
        self.inner.process_actions(self._due[self._physics_step])
        self.inner.apply_actions()
        self._physics_step += 1

    def reset(self, env_ids: Sequence[int] | slice | torch.Tensor | None = None) -> None:
        """Draw new delays, and forget what was given."""
        ids: Any = slice(None) if env_ids is None else env_ids
        count = (self.num_envs,)
        drawn = torch.randint(len(self._choices), count, generator=self._generator, device=self.device)
        self.delay[ids] = self._choices[drawn[ids]]
        index_fill_(self._is_fresh, ids, True)
        index_fill_(self._raw, ids, 0.0)
        if self._noise is not None:
            self._noise.reset(ids)
        self.inner.reset(env_ids)

    def _find(
        self,
        asked: torch.Tensor,
        given: torch.Tensor,
        delay: torch.Tensor,
        is_fresh: torch.Tensor,
        here: torch.Tensor,
        at_zero: torch.Tensor,
        at_one: torch.Tensor,
    ) -> torch.Tensor:
        """What is given now, with what was before, and what acts in each physics step of this control step.

        Where an episode begins, the joints' positions count as what was asked for before. Only now: a reset may still
        move the robot after this term's own.

        Args:
            asked: What is given now. Shape is (N, A).
            given: What was given, the newest first. Shape is (N, depth, A).
            delay: Shape is (N,).
            is_fresh: Whether an episode begins. Shape is (N,).
            here: Where the joints are. Shape is (N, A).
            at_zero: Targets that an action of zeros would mean. Shape is (N, A).
            at_one: Targets that an action of ones would mean. Shape is (N, A).

        Returns:
            What was given from now on, then what acts. Shape is (N, depth + decimation, A).
        """
        scale = at_one - at_zero
        held = ((here - at_zero) / scale).masked_fill(scale == 0, 0.0)[:, None]
        before = torch.where(is_fresh[:, None, None], held, given)[:, :-1]
        now = torch.cat([asked[:, None], before], dim=1)
        steps = torch.arange(self._decimation, device=delay.device)
        # ceil((delay - step) / decimation) control steps ago: what was given then is the newest that has arrived
        age = (delay[:, None] - steps + self._decimation - 1).clamp_min(0) // self._decimation
        return torch.cat([now, now.gather(1, age[..., None].expand(-1, -1, now.shape[-1]))], dim=1)

    def _check_stepping(self) -> None:
        if self._longest > 0 and self._env.sim.physics_manager.handles_decimation():
            raise ValueError(
                "an action delay needs physics steps that are taken one by one, but explicit actuators run inside the "
                "solver here: set sim.use_newton_actuators = False, or give the joints implicit actuators"
            )


def undelayed(term: ActionTerm) -> Any:
    """The action that a :class:`DelayedAction` wraps; any other term itself."""
    return term.inner if isinstance(term, DelayedAction) else term
