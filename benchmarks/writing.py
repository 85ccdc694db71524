"""Measure a format's writer alone, without a simulator: images/s of the recording session's processes.

Episodes are written from their first frame until they are committed. The images are those of a recorded dataset
(--images), else drawn ones, which move as rendered ones do but hold more texture. The format's own options may follow.
Give several --workers and --out folders (a disk, /dev/shm) to see what limits: the processors, or the file system.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from isaaclab_datagen.datasets import formats
from isaaclab_datagen.datasets.episode import Frame, Outcome
from isaaclab_datagen.datasets.recording import RecordingSession


def build_parser() -> argparse.ArgumentParser:
    """Build the parser."""
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--format", default="avdc", help=f"one of {', '.join(formats.names())}")
    name = first.parse_known_args()[0].format
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, parents=[first]
    )
    parser.add_argument("--num_envs", type=int, default=64, metavar="K", help="episodes side by side")
    parser.add_argument("--cameras", type=int, default=3, metavar="C", help="images a frame")
    parser.add_argument("--steps", type=int, default=60, metavar="T", help="actions an episode")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16], metavar="W", help="processes")
    parser.add_argument("--out", nargs="+", default=[tempfile.gettempdir()], metavar="DIR", help="where to write")
    parser.add_argument("--images", type=Path, metavar="DATASET", help="whose images are written (default: drawn ones)")
    formats.load(name).add_options(parser.add_argument_group(f"format {name}"))
    return parser


def drawn(phase: float) -> np.ndarray:
    """A smooth image of 320x240 with a little texture."""
    y, x = np.mgrid[0:240, 0:320]
    smooth = 96 + 64 * np.sin(x / 90 + phase) + 48 * np.cos(y / 70) + 8 * ((x // 40 + y // 40) % 2)
    return np.repeat(smooth.astype(np.uint8)[..., None], 3, axis=2)


def recorded(dataset: Path) -> list[np.ndarray]:
    """The first camera's images of a dataset's first episode, there and back so that they move when repeated."""
    reader = formats.open_reader(dataset)
    images = list(reader.images(reader.indices[0], reader.cameras[0], reader.stored(reader.indices[0])[:60]))
    return [*images, *images[::-1]]


def frame(image: np.ndarray, cameras: list[str], last: bool) -> Frame:
    """An image for each camera, and the states of a task with an arm."""
    widths = {
        "observations/policy": 36,
        "joint_pos": 9,
        "joint_vel": 9,
        "ee_pose": 7,
        "processed_action": 9,
        "action": 8,
    }
    widths |= {f"scene/state_{number}": 9 for number in range(20)}
    states = {name: np.zeros(width, np.float32) for name, width in widths.items()}
    if last:
        del states["action"], states["processed_action"]
    images = {f"images/{name}": image for name in cameras}
    return {**images, **states, **{f"extrinsics/{name}": np.eye(4, dtype=np.float32) for name in cameras}}


def processor_time() -> float:
    """Of this process and of those that it has waited for [s]."""
    return sum(os.times()[:4])


def measure(args: argparse.Namespace, images: list[np.ndarray], workers: int, out: str) -> tuple[float, float]:
    """Images/s from the first frame until everything is written, and processor time [ms] an image, with the start."""
    cameras = [f"camera_{number}" for number in range(args.cameras)]
    frames = [frame(images[step % len(images)], cameras, step == args.steps) for step in range(args.steps + 1)]
    facts = {"step_dt": 0.02, "intrinsics": dict.fromkeys(cameras, np.eye(3).tolist())}
    with tempfile.TemporaryDirectory(prefix="writing-", dir=out) as folder:
        identity = {"task": "writing", "cameras": cameras}
        writer = formats.load(args.format).open_writer(Path(folder), args, identity, facts)
        before = processor_time()
        with RecordingSession(writer, args.num_envs, workers) as session:
            session.start()
            session.flush()  # they run
            start = time.perf_counter()
            for slot in range(args.num_envs):
                session.begin(slot, slot)
            for rows in frames:
                session.append(dict.fromkeys(range(args.num_envs), rows))
            for slot in range(args.num_envs):
                session.end(slot, Outcome(True, "success", True, slot))
            session.flush()
            seconds = time.perf_counter() - start
        busy = processor_time() - before
    count = args.num_envs * args.cameras * len(frames)
    return count / seconds, 1e3 * busy / count


def main() -> None:
    """Print a table."""
    args = build_parser().parse_args()
    images = recorded(args.images) if args.images else [drawn(0.02 * step) for step in range(100)]
    print(f"{len(os.sched_getaffinity(0))} usable processors, os.cpu_count() {os.cpu_count()}\n")
    print("| folder | workers | images/s | CPU ms an image |\n|---|---|---|---|")
    for out in args.out:
        for workers in args.workers:
            rate, busy = measure(args, images, workers, out)
            print(f"| {out} | {workers} | {rate:,.0f} | {busy:.2f} |", flush=True)


if __name__ == "__main__":
    main()
