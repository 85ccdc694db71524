"""Measure what recording costs: steps/s, saved images/s, bytes an image, peak memory.

The same loop (expert, step, every frame read, the terminal ones too) runs in one environment of one process

* bare: a listener looks at every frame and stores nothing,
* with this package's recorder and the format of --format,
* with Isaac Lab's RecorderManager and HDF5 handler (hdf5: uncompressed, hdf5-gzip: its default).

Every segment starts from the same seed, so that all of them simulate and render the same. Every variant records the
same quantities of the same instants, successes and failures alike. Episodes have a fixed length and end at once, so
that a segment is whole episodes: what a variant queues or piles up is written before its clock stops. Processes that
record run before it starts. Memory is
measured first, the variants that store nothing or stream before those that pile up, at --episode_steps and at --long
times that. Speed is measured afterwards, in --repeats rounds of all variants, forth and back: given are medians, and
the median of each round's ratio to that round's bare loop, because a machine's load drifts. Where other work shares
the processor, the processor's time for a step says more than the clock's.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import measure
from variants import VARIANTS, endless, more_cameras

from isaaclab_datagen import registry
from isaaclab_datagen.cli import collection, configuring, errors, launch, options
from isaaclab_datagen.cli.parser import HelpFormatter, Parser
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts import checkpoints, factory

DEFAULT_FORMAT = "avdc"


def build_parser(format_name: str | None = None) -> Parser:
    """Build the parser."""
    parser = Parser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--task", default="Lift-Custom-IK", metavar="ID", help="gym id of the task")
    parser.add_argument("--num_envs", type=options.positive_int, default=8, metavar="K", help="parallel environments")
    parser.add_argument("--expert", metavar="NAME", help="who acts (default: the task's)")
    parser.add_argument(
        "--format", default=DEFAULT_FORMAT, metavar="NAME", help=f"what to write: {', '.join(formats.names())}"
    )
    parser.add_argument(
        "--variants", type=options.names, default=tuple(VARIANTS), metavar="A,B", help=f"of {', '.join(VARIANTS)}"
    )
    parser.add_argument(
        "--episode_steps", "--steps", type=options.positive_int, default=100, metavar="T", help="length of an episode"
    )
    parser.add_argument("--repeats", type=options.non_negative_int, default=5, metavar="R", help="rounds for the speed")
    parser.add_argument(
        "--long", type=options.non_negative_int, default=10, metavar="F", help="longer episodes for memory; 0: none"
    )
    parser.add_argument("--long_variants", type=options.names, metavar="A,B", help="which run them (default: all)")
    parser.add_argument(
        "--extra_cameras", type=options.non_negative_int, default=0, metavar="K", help="add shifted copies of the first"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where datasets lie meanwhile (default: temporary)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every segment's figures there")
    options.add_cameras(parser)
    if format_name is not None:
        formats.load(format_name).add_options(parser.add_argument_group(f"format {format_name}"))
    options.add_launcher(parser)
    parser.set_defaults(seed=0, max_steps=None)
    return parser


def check(args: Any) -> None:
    """Refuse what no variant is called."""
    for name in (*args.variants, *(args.long_variants or ())):
        if name not in VARIANTS:
            raise UsageError(f"--variants {name}: choose from {', '.join(VARIANTS)}")


def main() -> None:
    """Build the environment once, run every variant in it, print the tables."""
    args, overrides = launch.parse(build_parser(options.peek(sys.argv[1:], "--format") or DEFAULT_FORMAT))
    check(args)
    task = registry.find(args.task)
    agent = "rsl_rl_cfg_entry_point" if task.rsl_rl_cfg_entry_point else None
    env_cfg, agent_cfg = launch.resolve(args, overrides, agent, play_mode=True)
    args.cameras = more_cameras(env_cfg.scene, list(args.cameras or task.cameras), args.extra_cameras)
    configuring.configure(args, overrides, task, env_cfg)
    endless(env_cfg)
    expert = factory.choose(task, args.expert, checkpoints.Wish(), env_cfg, agent_cfg)
    env_cfg.seed = args.seed
    args.resolution = "{0.width}x{0.height}".format(getattr(env_cfg.scene, args.cameras[0]))
    with (
        tempfile.TemporaryDirectory(prefix="recording-", dir=args.out) as folder,
        launch.simulation(env_cfg, args),
        launch.environment(args.task, env_cfg) as env,
    ):
        bench = measure.Bench(env, factory.build(expert, env, args.seed), args, Path(folder))
        machine = measure.machine(env.device)
        memory, speed = run(bench, args)
    print(measure.report(machine, args, memory, speed))
    if args.json is not None:
        rows = [vars(segment) for segment in (*memory, *speed)]
        args.json.write_text(json.dumps({"machine": machine, "options": readable(args), "segments": rows}, indent=1))


def run(bench: measure.Bench, args: Any) -> tuple[list[measure.Segment], list[measure.Segment]]:
    """Run memory segments, then speed segments."""
    bench.segment("bare", args.episode_steps)  # compiles what is left to compile
    memory = []
    for name in args.variants:
        memory.append(bench.segment(name, args.episode_steps))
        if args.long and name in (args.long_variants or args.variants):
            memory.append(bench.segment(name, args.long * args.episode_steps))
    orders = [args.variants[:: 1 if number % 2 == 0 else -1] for number in range(args.repeats)]
    return memory, [bench.segment(name, args.episode_steps) for order in orders for name in order]


def readable(args: Any) -> dict[str, Any]:
    """The options as JSON takes them."""
    return {name: value for name, value in collection.readable(vars(args)).items() if value is not None}


if __name__ == "__main__":
    errors.run(main)
