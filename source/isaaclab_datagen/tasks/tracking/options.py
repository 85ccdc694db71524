"""Options of the collection task, and what it takes over from the run that trained a tracker."""

from __future__ import annotations

import sys
from argparse import Namespace, _ArgumentGroup
from collections.abc import Mapping
from typing import Any

from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.mdp.actions_cfg import ActionNoiseCfg, delays, is_exact, physics_steps

NOISES = ("none", "ornstein_uhlenbeck", "white")


def add_options(group: _ArgumentGroup) -> None:
    """Add motions, delay and noise."""
    group.add_argument(
        "--motion_file", nargs="+", metavar="FILE", help="motions, or names of built-in ones (default: the run's)"
    )
    group.add_argument(
        "--action_delay_range",
        nargs=2,
        type=float,
        default=(0.0, 100.0),
        metavar=("MIN", "MAX"),
        help="delay of actions, drawn for each episode [ms]",
    )
    group.add_argument("--action_delay_step", type=float, metavar="D", help="draw multiples of this only [ms]")
    group.add_argument("--action_noise", choices=NOISES, default="ornstein_uhlenbeck", help="noise on executed actions")
    group.add_argument(
        "--action_noise_sigma", type=float, default=0.1, metavar="S", help="its scale, in the policy's units"
    )


def configure(args: Namespace, env_cfg: Any) -> None:
    """Apply the options.

    Raises:
        UsageError: If one makes no sense.
    """
    low, high = args.action_delay_range
    try:
        fewest, most = physics_steps((low, high), env_cfg.sim.dt)
    except ValueError as error:
        raise UsageError(f"--action_delay_range {low:g} {high:g}: {error}") from error
    if not is_exact((low, high), env_cfg.sim.dt):
        step = 1e3 * env_cfg.sim.dt
        print(
            f"note: --action_delay_range {low:g} {high:g}: physics steps take {step:g} ms, so {fewest * step:g} to "
            f"{most * step:g} ms are used",
            file=sys.stderr,
        )
    if args.action_noise_sigma < 0:
        raise UsageError(f"--action_noise_sigma {args.action_noise_sigma:g}: must be 0 or more")
    action = env_cfg.actions.joint_pos
    action.delay_range, action.delay_step = (low, high), args.action_delay_step
    try:
        delays(action, env_cfg.sim.dt)
    except ValueError as error:
        raise UsageError(f"--action_delay_step {args.action_delay_step:g}: {error}") from error
    action.noise = None
    if args.action_noise != "none":
        action.noise = ActionNoiseCfg(kind=args.action_noise, sigma=args.action_noise_sigma)
    if args.motion_file:
        env_cfg.commands.motion.motion_files = list(args.motion_file)


def adopt(env_cfg: Any, saved: Mapping[str, Any] | None, run: str, args: Namespace) -> dict[str, Any]:
    """Take over what a tracker was trained with: motions, anchor, bodies, action scale, rates.

    Args:
        env_cfg: The collection task's configuration, changed in place.
        saved: The run's environment configuration, or None where it was not saved.
        run: What to call it in messages.
        args: Parsed options.

    Returns:
        What was taken over, JSON-clean.

    Raises:
        UsageError: If nothing says which motion it tracks, or its robot is another one.
    """
    if saved is None:
        if not args.motion_file:
            raise UsageError(
                f"{run}: no params/env.yaml, so that nobody knows which motion it tracks: give --motion_file"
            )
        return {"motion_files": list(args.motion_file)}
    try:
        motion, action = saved["commands"]["motion"], saved["actions"]["joint_pos"]
        action = action.get("action", action)  # of a run that was trained with a delay
        taken = {name: _plain(motion[name]) for name in ("motion_files", "anchor_body", "body_names")}
        taken |= {"joint_names": list(action["joint_names"]), "scale": action["scale"]}
        taken |= {"decimation": saved["decimation"], "dt": saved["sim"]["dt"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{run}: its params/env.yaml is not that of a tracker ({error} is missing)") from error
    ours = env_cfg.actions.joint_pos.action
    if taken["joint_names"] != list(ours.joint_names):
        other = sorted(set(taken["joint_names"]) ^ set(ours.joint_names))
        raise UsageError(
            f"{run}: trained on another robot: its joints differ in {', '.join(other[:6]) or 'their order'}"
        )
    ours.scale = taken["scale"]
    env_cfg.decimation, env_cfg.sim.dt = taken["decimation"], taken["dt"]
    for name in ("motion_files", "anchor_body", "body_names"):
        setattr(env_cfg.commands.motion, name, taken[name])
    return taken


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value
