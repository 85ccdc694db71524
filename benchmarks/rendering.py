"""Measure rendering alone: images/s and device memory, over environments, cameras and resolutions.

The task's scene, at rest after a few steps, is rendered again and again by the first, the first two, ... of --cameras.
Nothing is stepped, copied or stored meanwhile. Each row is a process of its own, so that its memory is its own. Memory
is what the whole device holds, kernels and simulation included: let nothing else run on it. Isaac Lab overrides
(renderer=, env.x=) may follow.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import measure
import torch

from isaaclab_datagen import registry
from isaaclab_datagen.cli import configuring, errors, launch, options
from isaaclab_datagen.cli.parser import HelpFormatter, Parser

MARK = "RESULT "


def build_parser() -> Parser:
    """Build the parser."""
    parser = Parser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--task", default="Lift-Custom-IK", metavar="ID", help="gym id of the task")
    parser.add_argument(
        "--num_envs",
        type=options.positive_int,
        nargs="+",
        default=[10, 64, 256, 1024],
        metavar="N",
        help="environments",
    )
    parser.add_argument(
        "--sizes", type=resolution, nargs="+", default=[(256, 192), (640, 480), (1280, 720)], metavar="WxH", help="[px]"
    )
    parser.add_argument("--reads", type=options.positive_int, default=20, metavar="K", help="renderings that count")
    parser.add_argument("--cell", action="store_true", help="measure this one alone, with all of --cameras")
    options.add_cameras(parser)
    options.add_launcher(parser)
    parser.set_defaults(cameras=("overview", "wrist", "top"), seed=0, max_steps=None)
    return parser


def resolution(text: str) -> tuple[int, int]:
    """Read ``640x480``."""
    width, height = text.split("x")
    return int(width), int(height)


def main() -> None:
    """Run one cell of the table if --cell is given, else all of them, each in a process."""
    args, overrides = launch.parse(build_parser())
    if args.cell:
        print(MARK + json.dumps(cell(args, overrides)))
        return
    print(f"{measure.describe(measure.machine(args.device or 'cpu'))}, {args.task}\n")
    print("| environments | resolution | cameras | images/s | ms for all | device memory [MB] |")
    print("|---|---|---|---|---|---|", flush=True)
    for num_envs, (width, height) in itertools.product(args.num_envs, args.sizes):
        for count in range(1, len(args.cameras) + 1):
            print(in_process(num_envs, f"{width}x{height}", args.cameras[:count]), flush=True)


def in_process(num_envs: int, size: str, cameras: Sequence[str]) -> str:
    """Row of one cell, measured by this script in another process with the same options."""
    chosen = ["--num_envs", str(num_envs), "--sizes", size, "--cameras", ",".join(cameras), "--cell"]
    done = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], *chosen], capture_output=True, text=True, check=False
    )
    found = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    start = f"| {num_envs:,} | {size} | {len(cameras)} |"
    if not found:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return f"{start} failed: {reason[:120]} | | |"
    rate, seconds, memory = json.loads(found[0].removeprefix(MARK))
    return f"{start} {rate:,.0f} | {1e3 * seconds:.1f} | {memory:,.0f} |"


def cell(args: Any, overrides: list[str]) -> tuple[float, float, float]:
    """Images/s, seconds for all images, and memory."""
    task = registry.find(args.task)
    (args.num_envs,), ((args.camera_width, args.camera_height),) = args.num_envs, args.sizes
    env_cfg, _ = launch.resolve(args, overrides, play_mode=True)
    configuring.configure(args, overrides, task, env_cfg)
    with (
        launch.simulation(env_cfg, args),
        launch.environment(args.task, env_cfg) as env,
        torch.inference_mode(),
    ):
        env.reset()
        action = torch.zeros(env.num_envs, env.action_manager.total_action_dim, device=env.device)
        for _ in range(3):
            env.step(action)
        there = [env.scene.sensors[name] for name in args.cameras]
        seconds = timed(there, args.reads, env.device)
        return env.num_envs * len(there) / seconds, seconds, device_memory(env.device)


def timed(sensors: list[Any], reads: int, device: str) -> float:
    """Seconds for one rendering by all of these cameras, the mean of ``reads`` after three that do not count."""
    for number in range(3 + reads):
        if number == 3:
            synchronize(device)
            start = time.perf_counter()
        for sensor in sensors:
            sensor.update(0.0)  # marks its image as outdated
            _ = sensor.data
    synchronize(device)
    return (time.perf_counter() - start) / reads


def synchronize(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def device_memory(device: str) -> float:
    """What the device holds [MB]; 0 for the CPU."""
    if not device.startswith("cuda"):
        return 0.0
    synchronize(device)
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    return (total - free) / measure.MB


if __name__ == "__main__":
    errors.run(main)
