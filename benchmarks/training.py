"""Measure training: environment steps/s of PPO, from RSL-RL's own log (Perf/total_fps: collection and learning).

Runs scripts/train.py in a temporary folder. The first --skip iterations, in which kernels are compiled, do not count.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import measure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SCRIPT = Path(__file__).parents[1] / "scripts" / "train.py"


def build_parser() -> argparse.ArgumentParser:
    """Build the parser. What it does not know is handed to train.py."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="Lift-Custom-IK", metavar="ID", help="gym id of the task")
    parser.add_argument("--num_envs", type=int, default=4096, metavar="N", help="parallel environments")
    parser.add_argument("--iterations", type=int, default=40, metavar="K", help="policy updates")
    parser.add_argument("--skip", type=int, default=10, metavar="S", help="updates at the start that do not count")
    parser.add_argument("--device", default="cuda:0", help="cpu or cuda:0")
    return parser


def train(args: argparse.Namespace, rest: list[str], folder: Path) -> None:
    """Train, showing what train.py shows."""
    options = ("--task", args.task, "--num_envs", args.num_envs, "--max_iterations", args.iterations)
    command = [sys.executable, SCRIPT, *options, "--device", args.device, *rest]
    subprocess.run([str(word) for word in command], cwd=folder, check=True)


def rates(folder: Path) -> list[float]:
    """Environment steps/s of each iteration that the log in ``folder`` holds."""
    (log,) = folder.rglob("events.out.tfevents.*")
    events = EventAccumulator(str(log))
    events.Reload()
    return [event.value for event in events.Scalars("Perf/total_fps")]


def main() -> None:
    """Train, read the log, print a table."""
    args, rest = build_parser().parse_known_args()
    if not 0 <= args.skip < args.iterations:
        raise SystemExit(f"error: --skip {args.skip}: must be less than --iterations {args.iterations}")
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        train(args, rest, Path(folder))
        counted = rates(Path(folder))[args.skip :]
    print(f"\n{measure.describe(measure.machine(args.device))}\n")
    print("| task | environments | iterations | steps/s, median | lowest | highest |\n|---|---|---|---|---|---|")
    numbers = " | ".join(f"{value:,.0f}" for value in (statistics.median(counted), min(counted), max(counted)))
    print(f"| {args.task} | {args.num_envs} | {len(counted)} | {numbers} |")


if __name__ == "__main__":
    main()
