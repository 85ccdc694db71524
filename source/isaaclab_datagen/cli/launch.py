"""The way of every script into the simulator: parse, resolve the task's configuration, launch."""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import gymnasium as gym
import torch
import warp
from isaaclab.app import launch_simulation, validate_launch
from isaaclab.cli import load_external_tasks
from isaaclab.envs import ManagerBasedRLEnvCfg
from isaaclab.utils import validate
from isaaclab.utils.assets import NUCLEUS_ASSET_ROOT_DIR
from isaaclab_rl.entrypoints.common import apply_env_overrides
from isaaclab_tasks.utils import setup_preset_cli

from isaaclab_datagen import registry
from isaaclab_datagen.cli import cameras, interrupts
from isaaclab_datagen.cli import overrides as override_checks
from isaaclab_datagen.cli.errors import report, usage
from isaaclab_datagen.cli.numbers import non_negative_int
from isaaclab_datagen.cli.options import peek
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.errors import RunError, UsageError, is_out_of_memory

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started


VIEWERS = {"viser": "'isaaclab-datagen[view]'", "rerun": "'rerun-sdk>=0.29' pyarrow==23.0.1"}
"""Visualizers that are packages of their own, to what ``pip install`` wants. No extra has rerun, for its 170 MB."""


_RECORDS = 16
"""Atomic additions a thread that Warp makes room for under ``--deterministic``, which has it put all of them in order.
By itself it counts fewer than Newton's narrow phase does for the lift on a GPU, and stops there."""

_UNFETCHED = re.compile(r"Unable to find the file: (\w+://\S+)")
"""What Isaac Lab says of a model that it was to fetch."""


def default_device() -> str:
    """Return the device to simulate on when nothing is said: the first CUDA GPU if there is one, else the CPU."""
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def check_device(device: str) -> str:
    """Return a device name in full.

    Raises:
        UsageError: If there is no such device.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    choices = ["cpu", *(f"cuda:{i}" for i in range(count))]
    name = "cuda:0" if device == "cuda" else device
    if name not in choices:
        raise UsageError(f"--device {device}: no such device here, choose from {', '.join(choices)}")
    return name


def format_name(argv: Sequence[str] | None = None) -> str | None:
    """Return the format that a command line asks for: ``--format``, else the one that its task names."""
    words = list(sys.argv[1:] if argv is None else argv)
    task = peek(words, "--task")
    if (name := peek(words, "--format")) is not None or task is None:
        return name
    load_external_tasks()
    return registry.find(task).default_format


def task_options(argv: Sequence[str] | None = None) -> Any:
    """Return the module of options of the task that a command line names; None where it has none of its own."""
    task = peek(list(sys.argv[1:] if argv is None else argv), "--task")
    if task is None:
        return None
    load_external_tasks()
    return options_of(registry.find(task))


def options_of(task: registry.TaskInfo) -> Any:
    """Return a task's module of options, or None."""
    return None if task.options is None else importlib.import_module(task.options)


def own_defaults(task: registry.TaskInfo) -> dict[str, Any]:
    """Return the defaults of a task's own options; none where it has none."""
    own, parser = options_of(task), argparse.ArgumentParser()
    if own is not None:
        own.add_options(parser.add_argument_group())
    return vars(parser.parse_args([]))


def parse(parser: Parser, argv: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """Parse a command line of options and Isaac Lab overrides.

    External projects' tasks are registered first. ``args.task`` becomes the full id, ``args.device`` a device that
    exists, and ``sys.argv`` keeps the overrides only, as Isaac Lab's own scripts leave it for Kit.

    Args:
        parser: Its launcher options are already added.
        argv: Words after the program's name; those of the process when None.

    Returns:
        The options, and the ``key=value`` overrides.
    """
    load_external_tasks()
    args, rest = setup_preset_cli(parser, list(sys.argv[1:] if argv is None else argv))
    parser.check_known(rest)
    asked, args.task = args.task, registry.find(args.task).id
    if asked.split(":")[-1] != args.task:
        print(f"note: task {asked} is called {args.task}", file=sys.stderr)
    args.device = check_device(args.device or _overriding(rest, "env.sim.device") or default_device())
    if "seed" in vars(args) and args.seed is None and (seed := _overriding(rest, "env.seed")) is not None:
        with usage(f"env.seed={seed}", argparse.ArgumentTypeError):
            args.seed = non_negative_int(seed)
    for viewer, wheels in VIEWERS.items():
        if viewer in (vars(args).get("visualizer") or ()) and importlib.util.find_spec(viewer) is None:
            raise UsageError(f"--viz {viewer} needs {viewer!r}, which is not installed: pip install {wheels}")
    sys.argv = [sys.argv[0], *rest]
    return args, rest


def resolve(
    args: argparse.Namespace, overrides: Sequence[str], agent: str | None = None, play_mode: bool = False
) -> tuple[Any, Any]:
    """Build the task's configuration as the command line asks for it, and validate it.

    Args:
        args: Parsed options; those it lacks are not applied.
        overrides: Isaac Lab overrides.
        agent: Key of the agent's configuration in the registration, such as ``rsl_rl_cfg_entry_point``.
        play_mode: Whether the environment's configuration switches to its play mode first.

    Returns:
        The environment's configuration, and the agent's or None.

    Raises:
        UsageError: If something asked for does not exist or does not fit together.
    """
    env_cfg, agent_cfg = override_checks.resolve(args.task, agent, overrides, play_mode)
    apply_env_overrides(args, env_cfg)
    options = vars(args)
    if options.get("deterministic"):
        warp.config.deterministic_max_records = max(warp.config.deterministic_max_records, _RECORDS)
    if options.get("seed") is not None:
        env_cfg.seed = args.seed
    cameras.set_resolution(env_cfg, options.get("camera_width"), options.get("camera_height"))
    for name, value in _sizes(env_cfg).items():
        if value <= 0:
            raise UsageError(f"env.{name}={value}: has to be above 0")
    with usage(f"{args.task}: invalid configuration", TypeError, ValueError):
        validate(env_cfg)
    override_checks.check_kept(env_cfg, overrides)
    if agent_cfg is not None:
        agent_cfg.device = env_cfg.sim.device
        if options.get("experiment_name"):
            agent_cfg.experiment_name = args.experiment_name
    return env_cfg, agent_cfg


def _sizes(env_cfg: Any) -> dict[str, float]:
    """Numbers that Isaac Lab divides by, or makes arrays of, before it looks at them."""
    return {
        "scene.num_envs": env_cfg.scene.num_envs,
        "decimation": env_cfg.decimation,
        "sim.dt": env_cfg.sim.dt,
        "episode_length_s": getattr(env_cfg, "episode_length_s", 1.0),
    }


@contextmanager
def simulation(env_cfg: Any, args: argparse.Namespace) -> Iterator[None]:
    """Launch what the configuration needs (Kit only if it must) and close it afterwards.

    Errors are reported inside, because closing Kit ends the process.

    Args:
        env_cfg: Resolved environment configuration.
        args: Parsed launcher options.

    Raises:
        SystemExit: With the status of the error, once it is reported.
        UsageError: If the physics, renderer and visualizer cannot run together or are not installed.
    """
    with usage("cannot launch", ValueError):
        scan, kit_sources = validate_launch(env_cfg, args)
    _require("isaacsim", kit_sources)
    asked = [word for word in sys.argv[1:] if word.startswith("physics=")] or ["physics=ovphysx"]
    _require("ovphysx", asked if scan.has_ovphysx_physics else ())  # physx means it where nothing needs Isaac Sim
    _require("ovrtx", ("renderer=ovrtx",) if scan.has_ovrtx else ())
    with launch_simulation(env_cfg, args):
        try:
            with memory_errors(env_cfg), asset_errors():
                yield
        except (UsageError, RunError) as error:
            raise SystemExit(report(error)) from error


@contextmanager
def memory_errors(env_cfg: Any) -> Iterator[None]:
    """Turn exhausted memory into an error that says what to lower.

    Raises:
        RunError: Naming the number of environments and the cameras' resolution.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        sizes = sorted({f"{camera.width}x{camera.height}" for camera in cameras.of_scene(env_cfg).values()})
        size = f" and cameras of {', '.join(sizes)}" if sizes else ""
        raise RunError(
            f"out of memory on {env_cfg.sim.device} with num_envs={env_cfg.scene.num_envs}{size}: "
            "lower --num_envs or --camera_width and --camera_height; what was committed is kept"
        ) from error


@contextmanager
def asset_errors() -> Iterator[None]:
    """Turn a model that no server gave into an error that names it.

    Raises:
        RunError: Naming the model's address.
    """
    try:
        yield
    except FileNotFoundError as error:
        found = _UNFETCHED.search(str(error))
        if found is None:
            raise
        server = "NVIDIA's asset server" if found[1].startswith(NUCLEUS_ASSET_ROOT_DIR) else "its server"
        raise RunError(
            f"{found[1]} could not be fetched: {server} could not be reached, or has no such file "
            "(docs/troubleshooting.md); without presets=nucleus the tasks here bring their models with them"
        ) from error


@contextmanager
def environment(task: str, env_cfg: Any) -> Iterator[ManagerBasedRLEnv]:
    """Create a task's environment in a launched simulation, and close it afterwards, also after Ctrl-C.

    Raises:
        UsageError: If the task is not a manager-based one, or a camera hangs on nothing.
    """
    if not isinstance(env_cfg, ManagerBasedRLEnvCfg):
        raise UsageError(f"{task} is not a manager-based task, which this command needs")
    env = cast("ManagerBasedRLEnv", gym.make(task, cfg=env_cfg).unwrapped)
    try:
        cameras.check_parents(env.scene)
        interrupts.finish_first()
        yield env
    finally:
        env.close()


def _require(module: str, needed_by: Sequence[str]) -> None:
    """Refuse a runtime that is not installed, before anything is started."""
    if needed_by and importlib.util.find_spec(module) is None:
        raise UsageError(
            f"{', '.join(needed_by)} needs {module!r}, which is not installed: install it (docs/troubleshooting.md), "
            "or leave out physics=, renderer= and --viz kit"
        )


def _overriding(overrides: Sequence[str], field: str) -> str | None:
    """Return what an override says of a field that an option sets too: the option's default must not hide it."""
    values = [word.partition("=")[2] for word in overrides if word.startswith(f"{field}=")]
    return values[-1] if values else None
