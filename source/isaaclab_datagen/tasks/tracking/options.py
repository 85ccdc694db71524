"""Options of the collection task, and what it takes over from the run that trained a tracker."""

from __future__ import annotations

import itertools
import math
import re
import sys
from argparse import Namespace, _ArgumentGroup
from collections.abc import Mapping, Sequence
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
    action = env_cfg.actions.joint_pos
    _delay(action, tuple(args.action_delay_range), args.action_delay_step, env_cfg.sim.dt)
    if args.action_noise_sigma < 0:
        raise UsageError(f"--action_noise_sigma {args.action_noise_sigma:g}: must be 0 or more")
    action.noise = None
    if args.action_noise != "none":
        action.noise = ActionNoiseCfg(kind=args.action_noise, sigma=args.action_noise_sigma)
    if args.motion_file:
        env_cfg.commands.motion.motion_files = list(args.motion_file)
    env_cfg.commands.motion.validate_config()


def _delay(action: Any, delay_range: tuple[float, float], delay_step: float | None, physics_dt: float) -> None:
    """Set the delays, and say which are drawn where they are not those that were asked for."""
    action.delay_range, action.delay_step = delay_range, delay_step
    asked, wanted, step = "--action_delay_range {:g} {:g}".format(*delay_range), list(delay_range), 1e3 * physics_dt
    if delay_step is not None:
        asked += f" --action_delay_step {delay_step:g}"
        wanted.append(delay_step)
    try:
        drawn = [step * number for number in delays(action, physics_dt)]
        longest = step * physics_steps(delay_range, physics_dt)[1]
    except ValueError as error:
        raise UsageError(f"{asked}: {error}") from error
    if drawn[-1] < longest or not is_exact(wanted, physics_dt):
        every = f", every {drawn[1] - drawn[0]:g} ms," if delay_step is not None and len(drawn) > 1 else ""
        used = f"{drawn[0]:g} to {drawn[-1]:g} ms{every} are used"
        print(f"note: {asked}: physics steps take {step:g} ms, so {used}", file=sys.stderr)


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
    named = {"motion_files": list(args.motion_file)} if args.motion_file else {}
    if saved is None:
        if not named:
            raise UsageError(
                f"{run}: no params/env.yaml, so that nobody knows which motion it tracks: give --motion_file"
            )
        return named
    try:
        motion, action = saved["commands"]["motion"], saved["actions"]["joint_pos"]
        action = action.get("action", action)  # of a run that was trained with a delay
        taken = {name: _plain(motion[name]) for name in ("motion_files", "anchor_body", "body_names")}
        taken |= {"joint_names": list(action["joint_names"]), "scale": action["scale"]}
        taken |= {"decimation": saved["decimation"], "dt": saved["sim"]["dt"], **named}
    except (KeyError, TypeError, AttributeError) as error:
        told = f"it is of another task, whose actions move {_moved(saved)}"
        raise UsageError(f"{run}: its params/env.yaml is not that of a tracker: {told}") from error
    ours = env_cfg.actions.joint_pos.action
    if taken["joint_names"] != list(ours.joint_names):
        other = sorted(set(taken["joint_names"]) ^ set(ours.joint_names))
        raise UsageError(
            f"{run}: trained on another robot: its joints differ in {', '.join(other[:6]) or 'their order'}"
        )
    _warn_of_gains(env_cfg.scene.robot.actuators, saved, run, taken["joint_names"])
    ours.scale = taken["scale"]
    env_cfg.decimation, env_cfg.sim.dt = taken["decimation"], taken["dt"]
    for name in ("motion_files", "anchor_body", "body_names"):
        setattr(env_cfg.commands.motion, name, taken[name])
    return taken


def _moved(saved: Mapping[str, Any]) -> str:
    """The joints that a run's actions move, as it names them."""
    actions = saved.get("actions")
    terms = [term for term in (actions.values() if isinstance(actions, Mapping) else ()) if isinstance(term, Mapping)]
    return ", ".join(name for term in terms for name in term.get("joint_names") or ()) or "no joint that it names"


def _warn_of_gains(ours: Mapping[str, Any], saved: Mapping[str, Any], run: str, joint_names: Sequence[str]) -> None:
    """Say in a line where a tracker was trained with other gains than the task's, if its run tells them."""
    try:
        theirs = _gains(saved["scene"]["robot"]["actuators"], joint_names)
    except (KeyError, TypeError, AttributeError):
        return
    here = _gains({name: actuator.to_dict() for name, actuator in ours.items()}, joint_names)
    other = [key for key in theirs.keys() & here.keys() if not math.isclose(theirs[key], here[key], rel_tol=1e-4)]
    if other:
        joint, gain = min(other, key=lambda key: (joint_names.index(key[0]), key[1]))
        differ = f"{len({name for name, _ in other})} joints differ, {joint} by its {gain}"
        told = f"{differ}: {theirs[joint, gain]:g} in training, {here[joint, gain]:g} here"
        print(f"note: {run}: trained with other gains than the task's, which act here ({told})", file=sys.stderr)


def _gains(actuators: Mapping[str, Mapping[str, Any]], joint_names: Sequence[str]) -> dict[tuple[str, str], float]:
    """Stiffness [N m / rad] and damping [N m s / rad] of each joint, where actuators name them."""
    found = {}
    for actuator in actuators.values():
        for gain, joint in itertools.product(("stiffness", "damping"), joint_names):
            of_all = dict.fromkeys(actuator["joint_names_expr"], actuator[gain])
            values = actuator[gain] if isinstance(actuator[gain], Mapping) else of_all
            matching = [value for expression, value in values.items() if re.fullmatch(expression, joint)]
            if matching and matching[0] is not None:
                found[joint, gain] = float(matching[0])
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value
