"""Random access to single images: the format vpl against LeRobot v3, whose own writer is given the same images.

Every read is one image of one camera at a random place of the dataset. LeRobot is asked for that camera alone, as
uint8, and once more as ``dataset[i]``, which decodes every camera, each in a thread of its own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.utils.import_utils import get_safe_default_video_backend

from isaaclab_datagen.datasets import conversion, formats
from isaaclab_datagen.datasets.reader import DatasetReader

ROUNDS = 3
"""The best of which counts: other work on the machine only slows."""
Read = Callable[[int, int, str], object]
"""Reads one image: episode number, frame, camera."""


def build_parser() -> argparse.ArgumentParser:
    """Build the parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of a dataset without loss")
    parser.add_argument("--reads", type=int, default=300, metavar="R", help="images that each way reads")
    parser.add_argument("--out", default=tempfile.gettempdir(), metavar="DIR", help="where to write")
    return parser


def write_vpl(source: DatasetReader, out: Path, color: str) -> DatasetReader:
    """Convert to vpl."""
    options = argparse.Namespace(fps=None, video_interval=1, color=color)
    return formats.open_reader(conversion.convert(source, "vpl", out, options, keep_failures=True).root)


def write_lerobot(source: DatasetReader, root: Path) -> LeRobotDataset:
    """Write the same images, and actions, with LeRobot's settings. Reading needs it to be opened anew."""
    first = source.read(source.indices[0], images=False)
    image = next(source.images(source.indices[0], source.cameras[0], [0]))
    features = {
        f"observation.images.{camera}": {
            "dtype": "video",
            "shape": image.shape,
            "names": ["height", "width", "channel"],
        }
        for camera in source.cameras
    }
    features["action"] = {"dtype": "float32", "shape": first.actions.shape[1:], "names": None}
    fps = round(1 / source.manifest.provenance["step_dt"])
    dataset = LeRobotDataset.create("benchmark/reading", fps, features, root=root)
    for index in source.indices:
        streams = [source.images(index, camera) for camera in source.cameras]
        for action, *images in zip(source.read(index, images=False).actions, *streams, strict=False):
            named = {
                f"observation.images.{camera}": image for camera, image in zip(source.cameras, images, strict=True)
            }
            dataset.add_frame({**named, "action": action.astype(np.float32), "task": "reading"})
        dataset.save_episode()
    dataset.finalize()
    return LeRobotDataset("benchmark/reading", root=root, return_uint8=True)


def lerobot_reads(dataset: LeRobotDataset, positions: dict[int, int]) -> Read:
    """Ask its reader for one camera, as its ``__getitem__`` does for all."""
    reader = dataset._ensure_reader()

    def read(index: int, frame: int, camera: str) -> object:
        return reader._query_videos({f"observation.images.{camera}": [frame / dataset.fps]}, positions[index])

    return read


def whole_item(dataset: LeRobotDataset, starts: dict[int, int]) -> Read:
    """The item of that frame, with all that is in it."""
    return lambda index, frame, camera: dataset[starts[index] + frame]


def vpl_reads(reader: DatasetReader) -> Read:
    """Ask for one image."""
    return lambda index, frame, camera: next(iter(reader.images(index, camera, [frame])))


def rate(read: Read, places: list[tuple[int, int, str]]) -> float:
    """Images/s, the first reads not counted."""
    for place in places[:20]:
        read(*place)
    start = time.perf_counter()
    for place in places:
        read(*place)
    return len(places) / (time.perf_counter() - start)


def main() -> None:
    """Write, read, print a table."""
    args = build_parser().parse_args()
    source = formats.open_reader(args.dataset)
    steps = {index: source.read(index, images=False).num_steps for index in source.indices}
    starts = dict(zip(steps, np.cumsum([0, *steps.values()]).tolist(), strict=False))
    rng = np.random.default_rng(0)
    episodes = rng.choice(source.indices, args.reads).tolist()
    places = [(index, int(rng.integers(steps[index])), str(rng.choice(source.cameras))) for index in episodes]
    with tempfile.TemporaryDirectory(prefix="reading-", dir=args.out) as name:
        folder = Path(name)
        lerobot = write_lerobot(source, folder / "lerobot")
        ways = {
            "vpl, lossless colour": vpl_reads(write_vpl(source, folder / "lossless", "lossless")),
            "vpl, video only": vpl_reads(write_vpl(source, folder / "video", "none")),
            "LeRobot v3, one camera": lerobot_reads(lerobot, dict(zip(steps, range(len(steps)), strict=True))),
            "LeRobot v3, dataset[i]": whole_item(lerobot, starts),
        }
        rounds = [{name: rate(read, places) for name, read in ways.items()} for _ in range(ROUNDS)]
    rates = {name: max(rates[name] for rates in rounds) for name in ways}
    print(f"\n{len(os.sched_getaffinity(0))} usable processors, load {os.getloadavg()[0]:.1f}, {len(places)} reads")
    print(f"LeRobot decodes with {get_safe_default_video_backend()}\n")
    print("| way | reads/s | of the faster LeRobot |\n|---|---|---|")
    fastest = max(value for name, value in rates.items() if name.startswith("LeRobot"))
    for name, value in rates.items():
        print(f"| {name} | {value:,.0f} | {value / fastest:.1f} |")


if __name__ == "__main__":
    main()
