"""Configuration of actions: late and not as they were meant, or by differential IK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING
from typing import Literal, cast

from isaaclab.envs.mdp import DifferentialInverseKinematicsActionCfg, JointPositionActionCfg
from isaaclab.managers import ActionTerm, ActionTermCfg
from isaaclab.utils import configclass

__all__ = ["ActionNoiseCfg", "DelayedActionCfg", "ReplayedIkActionCfg", "delays", "physics_steps"]

_TOLERANCE = 1e-6
"""Of a delay [physics steps], below which it counts as a whole number of steps."""


@configclass
class ActionNoiseCfg:
    """Noise on executed actions, in the policy's own units.

    Defaults are BeyondMimic's (theta 0.8, sigma 0.1, dt 1): a standard deviation of 0.102 and a correlation of 0.2 from
    one step to the next. It begins at zero with every episode.
    """

    kind: Literal["ornstein_uhlenbeck", "white"] = "ornstein_uhlenbeck"

    theta: float = 0.8
    """How fast the Ornstein-Uhlenbeck process returns to zero [1 / dt]."""

    sigma: float = 0.1
    """Scale of the noise; of white noise: its standard deviation."""

    dt: float = 1.0
    """Length of a control step, in the process's own time."""


@configclass
class DelayedActionCfg(ActionTermCfg):
    """Any joint position action, executed after a delay and with noise. Its observed action stays the clean one.

    The delay is drawn for each environment and episode, uniformly from the whole physics steps of :attr:`delay_range`.
    Before the first action arrives the joints are held where they were. Under Newton it needs implicit actuators, or
    ``sim.use_newton_actuators = False``: others are stepped inside the solver, a whole control step at a time.
    """

    class_type: type[ActionTerm] | str = "{DIR}.actions:DelayedAction"

    action: JointPositionActionCfg = cast(JointPositionActionCfg, MISSING)
    """What is executed."""

    delay_range: tuple[float, float] = (0.0, 0.0)
    """Shortest and longest delay [ms]."""

    delay_step: float | None = None
    """Distance of the delays that are drawn [ms]; a physics step when None."""

    noise: ActionNoiseCfg | None = None

    def __post_init__(self) -> None:
        """The asset is that of the action."""
        if isinstance(self.action, JointPositionActionCfg):
            self.asset_name = self.action.asset_name


@configclass
class ReplayedIkActionCfg(DifferentialInverseKinematicsActionCfg):
    """Isaac Lab's differential IK of poses or pose deltas by damped least squares, which a GPU replays."""

    class_type: type[ActionTerm] | str = "{DIR}.ik_action:ReplayedIkAction"


def physics_steps(delay_range: tuple[float, float], physics_dt: float) -> tuple[int, int]:
    """The delays that a range means, in physics steps.

    Args:
        delay_range: Shortest and longest delay [ms].
        physics_dt: Length of a physics step [s].

    Returns:
        Fewest and most steps; nearest to the range's ends, which need not be multiples of a step.

    Raises:
        ValueError: If the range is reversed, negative or not finite.
    """
    low, high = delay_range
    if not 0.0 <= low <= high < float("inf"):
        raise ValueError(f"delay range {low:g} to {high:g} ms: give the shorter one first, both 0 or more")
    return round(low / (1e3 * physics_dt)), round(high / (1e3 * physics_dt))


def delays(cfg: DelayedActionCfg, physics_dt: float) -> list[int]:
    """The delays that are drawn from, in physics steps. Errors as :func:`physics_steps`.

    Args:
        cfg: Range and step.
        physics_dt: Length of a physics step [s].
    """
    low, high = physics_steps(cfg.delay_range, physics_dt)
    step = 1.0 if cfg.delay_step is None else cfg.delay_step / (1e3 * physics_dt)
    if not 0.5 < step < float("inf"):
        raise ValueError(f"delay step {cfg.delay_step} ms: must be a physics step, {1e3 * physics_dt:g} ms, or more")
    return list(range(low, high + 1, round(step)))


def is_exact(durations: Sequence[float], physics_dt: float) -> bool:
    """Whether all of some durations [ms] are whole numbers of physics steps [s]."""
    steps = [duration / (1e3 * physics_dt) for duration in durations]
    return all(abs(number - round(number)) < _TOLERANCE for number in steps)
