"""Measure trajectories: how fast they are written and read, windows/s, and their size beside that of stored windows.

Without --dataset, episodes of a robot with 30 bodies are drawn and recorded by the session that records simulations:
what is written/s then is what the recorder and its processes can take. Give a recorded dataset for its real size.
Windows are read in random batches, by one process and by two.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from isaaclab_datagen.datasets import formats, trajectories
from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.datasets.rows import RowLayout
from isaaclab_datagen.datasets.windows import WindowDataset, WindowShape
from isaaclab_datagen.geometry import state_layouts

BODIES, JOINTS = 30, 29
WIDTHS = {
    "root_pose": (7,),
    "root_velocity": (6,),
    "body_pos": (BODIES, 3),
    "body_quat": (BODIES, 4),
    "body_lin_vel": (BODIES, 3),
    "joint_pos": (JOINTS,),
    "joint_vel": (JOINTS,),
    "action": (JOINTS,),
    "executed_action": (JOINTS,),
}


def build_parser() -> argparse.ArgumentParser:
    """Build the parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, metavar="DIR", help="a diffuse_cloc dataset (default: drawn)")
    parser.add_argument("--num_envs", type=int, default=1024, metavar="K", help="episodes side by side, drawn")
    parser.add_argument("--episodes", type=int, default=1024, metavar="E", help="drawn episodes")
    parser.add_argument("--steps", type=int, default=100, metavar="T", help="actions of a drawn episode")
    parser.add_argument("--workers", type=int, metavar="W", help="processes that write (default: all processors)")
    parser.add_argument("--history_length", type=int, default=4, metavar="N")
    parser.add_argument("--horizon", type=int, default=16, metavar="H")
    parser.add_argument("--batch", type=int, default=512, metavar="B", help="windows of a batch")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="how long each reading is measured")
    return parser


def write(out: Path, args: argparse.Namespace) -> None:
    """Record drawn episodes, and print steps/s from the first frame until everything is committed."""
    options = argparse.ArgumentParser()
    formats.load("diffuse_cloc").add_options(options.add_argument_group("format"))
    identity = {"task": "windows", "cameras": []}
    writer = formats.load("diffuse_cloc").open_writer(out, options.parse_args([]), identity, {"step_dt": 0.02})
    rng = np.random.default_rng(0)
    time_axis = np.arange(args.steps + 1)[:, None] / 50
    columns = {}
    for name, shape in WIDTHS.items():
        size = int(np.prod(shape))
        waves = np.sin(rng.uniform(0, 6, size) + rng.uniform(0.2, 5, size) * time_axis).astype(np.float32)
        columns[name] = waves.reshape(-1, *shape)
    frames = [{name: values[step] for name, values in columns.items()} for step in range(args.steps + 1)]
    del frames[-1]["action"], frames[-1]["executed_action"]
    slots = list(range(args.num_envs))
    layouts = [RowLayout.of_frame(frames[0]), RowLayout.of_frame(frames[-1])]
    with RecordingSession(writer, args.num_envs, args.workers) as session:
        session.start()
        session.flush()
        start, own = time.perf_counter(), time.process_time()
        for first in range(0, args.episodes, args.num_envs):
            for slot in slots:
                session.begin(slot, first + slot)
            for step, frame in enumerate(frames):
                layout = layouts[step == args.steps]
                rows = session.take(args.num_envs, layout)
                layout.pack(frame, rows.data[0])
                rows.data[1:] = rows.data[0]
                session.put(slots, rows)
            for slot in slots:
                session.end(slot, Outcome(True, "time_out", False, slot))
        session.flush()
        seconds, own = time.perf_counter() - start, time.process_time() - own
    count = args.episodes * args.steps
    print(
        f"written: {count / seconds:,.0f} steps/s ({args.num_envs} episodes of {args.steps} side by side); the "
        f"simulation's process is busy for {1e3 * own / (count / args.num_envs):.2f} ms of a step of all"
    )


def rate(windows: WindowDataset, batch: int, seconds: float, seed: int) -> float:
    """Windows/s of random batches."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        windows.batch(torch.randint(len(windows), (batch,), generator=generator))
        count += batch
    return count / (time.perf_counter() - start)


def read(root: Path, args: argparse.Namespace) -> None:
    """Load everything, then windows of each layout, by one and by two processes."""
    reader = formats.load("diffuse_cloc").Reader(root)
    start = time.perf_counter()
    loaded = trajectories.load(reader)  # pyright: ignore[reportArgumentType]
    seconds, steps = time.perf_counter() - start, len(loaded.actions)
    print(
        f"loaded: {steps:,} steps of {len(loaded.indices)} episodes in {seconds:.1f} s, {steps / seconds:,.0f} steps/s"
    )
    bodies, joints = loaded.states.body_pos.shape[1], loaded.states.joint_pos.shape[1]
    shape, last = WindowShape(args.history_length, args.horizon), None
    print("\n| layout | windows/s, one process | two |\n|---|---|---|")
    for name in state_layouts.NAMES:
        last = WindowDataset(loaded, state_layouts.layout(name, bodies, joints), shape)
        with get_context("fork").Pool(2) as pool:
            (one,) = pool.starmap(rate, [(last, args.batch, args.seconds, 0)])
            two = sum(pool.starmap(rate, [(last, args.batch, args.seconds, seed) for seed in (1, 2)]))
        print(f"| {name} | {one:,.0f} | {two:,.0f} |", flush=True)
    windows = WindowDataset(loaded, state_layouts.body_pos(bodies), shape)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    stored = len(windows) * sum(values.numel() * 4 for values in windows[0].values())
    print(
        f"\nsize: {size / steps:,.0f} bytes a step; {len(windows):,} stored windows: {stored / size:.1f} times as much"
    )


def main() -> None:
    """Print a report."""
    args = build_parser().parse_args()
    print(f"{len(os.sched_getaffinity(0))} usable processors")
    with tempfile.TemporaryDirectory(prefix="windows-") as folder:
        if args.dataset is None:
            write(Path(folder), args)
        (root,) = formats.load("diffuse_cloc").find(args.dataset or Path(folder))
        read(root, args)


if __name__ == "__main__":
    main()
