"""An environment's configuration as it is when it is recorded: recorder, cameras, limits, no rewards."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

from isaaclab.envs import ManagerBasedRLEnvCfg
from isaaclab.managers import TerminationTermCfg

from isaaclab_datagen import registry
from isaaclab_datagen.cli import cameras, launch, robots
from isaaclab_datagen.cli.overrides import check_kept
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts import runs
from isaaclab_datagen.recorders import DatasetRecorderCfg
from isaaclab_datagen.recorders.robot import add_robot_channels


def configure_policy(
    args: argparse.Namespace, overrides: Sequence[str], task: registry.TaskInfo, env_cfg: Any, seen: Sequence[str]
) -> None:
    """Have the recorder read what a policy sees.

    Args:
        args: Parsed options; ``cameras`` are filled in.
        overrides: Isaac Lab overrides.
        task: Its registration.
        env_cfg: Its configuration, changed in place.
        seen: The policy's cameras.

    Raises:
        UsageError: If other cameras were asked for, or there are no such ones.
    """
    if args.cameras is not None and not set(seen) <= set(args.cameras):
        raise UsageError(f"--cameras {','.join(args.cameras)}: the policy sees {','.join(seen)}")
    args.cameras = tuple(args.cameras or seen)
    configure(args, overrides, task, env_cfg)


def configure(
    args: argparse.Namespace,
    overrides: Sequence[str],
    task: registry.TaskInfo,
    env_cfg: Any,
    run: runs.Run | None = None,
) -> dict[str, Any]:
    """Give the environment its recorder, its cameras and its limits.

    Args:
        args: Parsed options.
        overrides: Isaac Lab overrides.
        task: Any task's registration.
        env_cfg: Its resolved configuration, changed in place.
        run: Whose network is to act, where the task takes something over from what it was trained with.

    Returns:
        What was taken over, JSON-clean.

    Raises:
        UsageError: If it is not a manager-based task, or nothing says what to record of it.
    """
    if not isinstance(env_cfg, ManagerBasedRLEnvCfg):
        raise UsageError(f"{task.id} is not a manager-based task ({type(env_cfg).__name__}): only those are supported")
    own, taken = launch.options_of(task), {}
    if own is not None:
        taken = own.adopt(env_cfg, run.env, str(run.path), args) if run is not None else {}
        own.configure(args, env_cfg)
    robot = robots.find(task, env_cfg, args.ee_body)
    if task.recorder_cfg_entry_point is None and robot is None:
        raise UsageError(
            f"{task.id} has no articulation: supported are manager-based tasks with one, and tasks whose registration "
            "names a recorder_cfg_entry_point"
        )
    chosen = cameras.choose(args.cameras, task.cameras, env_cfg)
    recorder = DatasetRecorderCfg()
    if task.recorder_cfg_entry_point is not None:
        recorder = registry.load(task.recorder_cfg_entry_point)()
        keep_cameras(env_cfg, chosen)
    if robot is not None:
        add_robot_channels(recorder, robot.entity, robot.ee_body, asked=args.ee_body is not None)
    cameras.install(args, overrides, env_cfg, chosen, robot)
    recorder.frames.cameras, recorder.frames.data_types = list(chosen), list(args.data_types or ("rgb",))
    recorder.frames.success_term = success_rule(task, env_cfg)
    env_cfg.recorders = recorder
    env_cfg.scene.env_spacing = args.env_spacing or env_cfg.scene.env_spacing
    drop_rewards(env_cfg)
    limit_steps(env_cfg, args.max_steps)
    check_kept(env_cfg, overrides)
    return taken


def limit_steps(env_cfg: Any, steps: int | None) -> None:
    """Let an episode last this many steps at most, where they are given.

    The environment divides by the length of a step and rounds up, so that a rounding error may be a step more.
    """
    if steps is None:
        return
    step = env_cfg.sim.dt * env_cfg.decimation
    env_cfg.episode_length_s = steps * step
    while math.ceil(env_cfg.episode_length_s / step) > steps:
        env_cfg.episode_length_s = math.nextafter(env_cfg.episode_length_s, 0.0)


def drop_rewards(env_cfg: Any) -> None:
    """Have no reward computed: nobody reads it. Where a curriculum may name the terms, they stay, without weight."""
    rewards = env_cfg.rewards or {}
    terms = rewards if isinstance(rewards, dict) else vars(rewards)
    for name, term in terms.items():
        if env_cfg.curriculum is None:
            terms[name] = None
        elif term is not None:
            term.weight = 0.0


def success_rule(task: registry.TaskInfo, env_cfg: Any) -> str | None:
    """The termination term that says whether an episode succeeded: the registration's, else one called ``success``.

    None where there is neither: then nobody knows.

    Raises:
        UsageError: If the configuration lacks the registration's term, or ``success`` counts as a time-out.
    """
    there = vars(env_cfg.terminations).items()
    terms = {name: term for name, term in there if isinstance(term, TerminationTermCfg)}
    if task.success_term is not None and task.success_term not in terms:
        raise UsageError(f"{task.id} has no termination term {task.success_term!r}, which is its success rule")
    name = task.success_term or ("success" if "success" in terms else None)
    if name == "success" and terms[name].time_out:
        raise UsageError("env.terminations.success.time_out: only a training may count a success as a time-out")
    return name


def keep_cameras(env_cfg: Any, wanted: Sequence[str]) -> None:
    """Take the cameras that nobody reads out of the scene: they would take memory."""
    for name in cameras.of_scene(env_cfg).keys() - set(wanted):
        setattr(env_cfg.scene, name, None)
