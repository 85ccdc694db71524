"""Measure a format's writer alone, without a simulator: images/s of the recording session's threads.

The images are smooth as rendered ones are, and encode to 27 kB (rendered ones: 16 kB). Give several --workers and --out
folders (a disk, /dev/shm) to see what limits: processors, Python's lock (more workers are slower), or the file system.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from argparse import Namespace
from pathlib import Path

import numpy as np

from isaaclab_datagen.datasets import formats
from isaaclab_datagen.datasets.episode import Frame
from isaaclab_datagen.datasets.recording import RecordingSession


def build_parser() -> argparse.ArgumentParser:
    """Build the parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", default="avdc", help=f"one of {', '.join(formats.names())}")
    parser.add_argument("--num_envs", type=int, default=64, metavar="K", help="episodes side by side")
    parser.add_argument("--cameras", type=int, default=3, metavar="C", help="images a frame")
    parser.add_argument("--steps", type=int, default=20, metavar="T", help="frames an episode")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16], metavar="W", help="threads")
    parser.add_argument("--out", nargs="+", default=[tempfile.gettempdir()], metavar="DIR", help="where to write")
    return parser


def frame(cameras: list[str], phase: float) -> Frame:
    """Smooth images of 320x240 with a little texture, and a few states."""
    y, x = np.mgrid[0:240, 0:320]
    smooth = 96 + 64 * np.sin(x / 90 + phase) + 48 * np.cos(y / 70) + 8 * ((x // 40 + y // 40) % 2)
    image = np.repeat(smooth.astype(np.uint8)[..., None], 3, axis=2)
    states = {f"state_{number}": np.zeros(9, np.float32) for number in range(20)}
    return {**{f"images/{name}": image for name in cameras}, **states, "action": np.zeros(7, np.float32)}


def measure(args: argparse.Namespace, workers: int, out: str) -> float:
    """Images/s from the first frame until everything is written."""
    cameras = [f"camera_{number}" for number in range(args.cameras)]
    rows = {slot: frame(cameras, 0.1 * slot) for slot in range(args.num_envs)}
    options = Namespace(dataset_task=None, dataset_variant=None)
    with tempfile.TemporaryDirectory(prefix="writing-", dir=out) as folder:
        identity = {"task": "writing", "cameras": cameras}
        writer = formats.load(args.format).open_writer(Path(folder), options, identity, {"step_dt": 0.02})
        with RecordingSession(writer, args.num_envs, workers) as session:
            for slot in rows:
                session.begin(slot, slot)
            session.flush()
            start = time.perf_counter()
            for _ in range(args.steps):
                session.append(rows, lambda: None)
            session.flush()
            seconds = time.perf_counter() - start
    return args.num_envs * args.cameras * args.steps / seconds


def main() -> None:
    """Print a table."""
    args = build_parser().parse_args()
    print(f"{len(os.sched_getaffinity(0))} usable processors, os.cpu_count() {os.cpu_count()}\n")
    print("| folder | workers | images/s |\n|---|---|---|")
    for out in args.out:
        for workers in args.workers:
            print(f"| {out} | {workers} | {measure(args, workers, out):,.0f} |", flush=True)


if __name__ == "__main__":
    main()
