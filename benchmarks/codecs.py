"""Compare ways to store images, on those of a recorded dataset: where the tables of docs/formats.md come from.

Each way writes the same episode again and again, from one thread and from several at a time, each to files of its own,
and reads single images back, each from another place. Give a dataset without loss (avdc, or vpl with its colour).
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import imageio_ffmpeg
import numpy as np
from PIL import Image

from isaaclab_datagen.datasets import formats, hdf5, png, video

FPS = Fraction(50)
READS = 200
FILES = 4
"""That a thread writes."""
Read = Callable[[int, int], np.ndarray]
"""Reads one image: frame and camera to (H, W, 3)."""


@dataclass(frozen=True)
class Way:
    """A way to store images (T, N, H, W, 3)."""

    name: str
    write: Callable[[Path, np.ndarray], None]
    reader: Callable[[Path], Read]


def build_parser() -> argparse.ArgumentParser:
    """Build the parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of a dataset")
    parser.add_argument("--frames", type=int, default=60, metavar="T", help="frames of its first episode")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1], metavar="W")
    parser.add_argument("--out", default=tempfile.gettempdir(), metavar="DIR", help="where to write")
    return parser


def h5py_compresses(path: Path, images: np.ndarray, **storage: Any) -> None:
    """Row by row, HDF5 compresses."""
    _, count, *shape = images.shape
    with h5py.File(path, "w") as file:
        empty, chunks = (0, count, *shape), (1, 1, *shape)
        color = file.create_dataset("color", empty, "u1", maxshape=(None, *empty[1:]), chunks=chunks, **storage)
        for number, row in enumerate(images):
            color.resize(number + 1, axis=0)
            color[number] = row


def threads_compress(path: Path, images: np.ndarray, compress: Callable[[np.ndarray], bytes]) -> None:
    """Row by row, compressed before HDF5 gets it."""
    with h5py.File(path, "w") as file:
        stack = hdf5.Stack(file, "color", list(images[0]))
        for row in images:
            stack.append([compress(np.ascontiguousarray(image)) for image in row])
        stack.finish()


def png_compresses(path: Path, images: np.ndarray) -> None:
    """PNG files as rows of bytes: no array of images to any other reader."""
    with h5py.File(path, "w") as file:
        color = file.create_dataset("color", images.shape[:2], h5py.vlen_dtype(np.uint8))
        for place in np.ndindex(*images.shape[:2]):
            color[place] = np.frombuffer(png.encode(images[place]), np.uint8)


def h5py_reads(path: Path) -> Read:
    """Plain h5py, from a file that stays open."""
    color: Any = h5py.File(path, "r")["color"]
    return lambda frame, camera: color[frame, camera]


def png_reads(path: Path) -> Read:
    """The same, then the PNG."""
    read = h5py_reads(path)
    return lambda frame, camera: np.array(Image.open(io.BytesIO(read(frame, camera).tobytes())))


def vpl_reads(path: Path) -> Read:
    """What the reader of the format vpl does: straight from where the chunk lies."""
    with hdf5.opened(path) as file:
        return hdf5.find_parts(file["color"], 2).read


def pyav_encodes(path: Path, images: np.ndarray, **options: str | None) -> None:
    """One encoder a camera, all at a time, in this process; an option that is None is left out."""
    path.mkdir()
    count, height, width = images.shape[1:4]
    asked = {name: value for name, value in {**video.OPTIONS, **options}.items() if value is not None}
    films = [video.VideoWriter(path / f"{camera}.mp4", height, width, FPS, asked) for camera in range(count)]
    for row in images:
        for film, image in zip(films, row, strict=True):
            film.append(image)
    for film in films:
        film.close()


def processes_encode(path: Path, images: np.ndarray) -> None:
    """One ``ffmpeg`` process a camera, with the same options."""
    path.mkdir()
    height, width = images.shape[2:4]
    source = f"-loglevel error -f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {FPS} -i -".split()
    options = [word for name, value in video.OPTIONS.items() for word in (f"-{name}", value)]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *source, "-c:v", "libx264", *options, "-threads", "1"]
    films = [
        subprocess.Popen([*command, "-pix_fmt", "yuv420p", str(path / f"{camera}.mp4")], stdin=subprocess.PIPE)
        for camera in range(images.shape[1])
    ]
    for row in images:
        for film, image in zip(films, row, strict=True):
            assert film.stdin is not None
            film.stdin.write(memoryview(image).cast("B"))
    for film in films:
        film.communicate()


def video_reads(path: Path) -> Read:
    """Opened anew for every image, as the reader of the format vpl does."""
    return lambda frame, camera: next(video.decode(path / f"{camera}.mp4", [frame]))


LOSSLESS = [
    Way("not compressed", h5py_compresses, h5py_reads),
    Way("h5py, lzf", partial(h5py_compresses, compression="lzf"), h5py_reads),
    Way("h5py, gzip 1", partial(h5py_compresses, compression="gzip", compression_opts=1), h5py_reads),
    Way("h5py, gzip 4", partial(h5py_compresses, compression="gzip", compression_opts=4), h5py_reads),
    Way("ISA-L before HDF5 (vpl)", partial(threads_compress, compress=hdf5.deflated), vpl_reads),
    Way("the same, read by h5py", partial(threads_compress, compress=hdf5.deflated), h5py_reads),
    Way("zlib 1 before HDF5", partial(threads_compress, compress=partial(zlib.compress, level=1)), vpl_reads),
    Way("zlib 6 before HDF5", partial(threads_compress, compress=partial(zlib.compress, level=6)), vpl_reads),
    Way("PNG in bytes", png_compresses, png_reads),
]
VIDEO = [
    Way("ffmpeg process, ultrafast, 10", processes_encode, video_reads),
    Way("PyAV, ultrafast, 10 (vpl)", pyav_encodes, video_reads),
    Way("PyAV, ultrafast, 2", partial(pyav_encodes, g="2"), video_reads),
    Way("PyAV, ultrafast, 50", partial(pyav_encodes, g="50"), video_reads),
    Way("PyAV, superfast, 10", partial(pyav_encodes, preset="superfast"), video_reads),
    Way("PyAV, veryfast, 10", partial(pyav_encodes, preset="veryfast"), video_reads),
    Way("PyAV, ultrafast, 10, qp 22", partial(pyav_encodes, qp="22"), video_reads),
    Way("PyAV, ultrafast, 10, crf 18", partial(pyav_encodes, qp=None, crf="18"), video_reads),
]


def write_files(way: Way, images: np.ndarray, folder: Path, threads: int) -> tuple[float, float]:
    """Images/s of all threads together, and processor time [ms] for each image, that of child processes too."""

    def work(thread: int) -> None:
        for number in range(FILES):
            way.write(folder / f"{thread}-{number}", images)

    with ThreadPoolExecutor(threads) as pool:
        start, before = time.perf_counter(), sum(os.times()[:4])
        list(pool.map(work, range(threads)))
        seconds, busy = time.perf_counter() - start, sum(os.times()[:4]) - before
    count = threads * FILES * images.shape[0] * images.shape[1]
    return count / seconds, 1e3 * busy / count


def row(way: Way, images: np.ndarray, out: str, threads: Iterable[int]) -> str:
    """One line of a table."""
    written = []
    for count in threads:
        with tempfile.TemporaryDirectory(prefix="codecs-", dir=out) as name:
            written.append(write_files(way, images, Path(name), count))
    with tempfile.TemporaryDirectory(prefix="codecs-", dir=out) as name:
        path = Path(name) / "episode"
        way.write(path, images)
        files = [path] if path.is_file() else list(path.iterdir())
        size = sum(file.stat().st_size for file in files) / (images.shape[0] * images.shape[1])
        read, places = way.reader(path), np.random.default_rng(0).integers(0, images.shape[:2], (READS, 2)).tolist()
        start = time.process_time()
        found = [read(frame, camera) for frame, camera in places]
        reading = 1e3 * (time.process_time() - start) / READS
        errors = [np.square(found[i].astype(float) - images[tuple(places[i])]).mean() for i in range(READS)]
    quality = "exact" if not any(errors) else f"{10 * np.log10(255**2 / np.mean(errors)):.1f}"
    rates = " | ".join(f"{rate:,.0f}" for rate, _ in written)
    return f"| {way.name} | {written[0][1]:.2f} | {reading:.2f} | {rates} | {size:,.0f} | {quality} |"


def main() -> None:
    """Print the tables."""
    args = build_parser().parse_args()
    reader = formats.open_reader(args.dataset)
    frames = reader.stored(reader.indices[0])[: args.frames]
    images = np.stack([list(reader.images(reader.indices[0], name, frames)) for name in reader.cameras], axis=1)
    print(f"{len(os.sched_getaffinity(0))} usable processors, load {os.getloadavg()[0]:.1f}, images {images.shape}")
    writing = " | ".join(f"images/s written, {count} thread{'s'[: count > 1]}" for count in args.threads)
    for ways in (LOSSLESS, VIDEO):
        print(f"\n| way | CPU ms to write an image | to read one anywhere | {writing} | bytes an image | PSNR [dB] |")
        print("|---" * (5 + len(args.threads)) + "|")
        for way in ways:
            print(row(way, images, args.out, args.threads), flush=True)


if __name__ == "__main__":
    main()
