"""MP4 files, written frame by frame, and single frames read back from them.

H.264 by FFmpeg's libx264 inside this process (PyAV): one encoder a file, one thread each, and all of the work outside
of Python's lock, so that hundreds of them run beside each other. ``benchmarks/codecs.py`` measures it against an
``ffmpeg`` process a file, and the settings against others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from isaaclab_datagen.errors import RunError, UsageError

KEYFRAME_INTERVAL = 10
"""Frames from one that is stored whole to the next: what a random access decodes at most."""
OPTIONS = {
    "g": str(KEYFRAME_INTERVAL),
    "preset": "ultrafast",
    "tune": "zerolatency",  # nothing is looked ahead: every frame leaves the encoder at once, which bounds its memory
    "qp": "17",
    "x264-params": "colormatrix=smpte170m",  # what FFmpeg converts RGB with; players would guess by the size
}
"""Of libx264. Every frame is quantised alike, with 17 for what is hardly told from the original; crf takes a tenth
longer for the same error and 8 % more bytes."""
LONGEST_SIDE = 16384
"""Of what libx264 encodes [px]."""
_CHROMA = Interpolation.POINT
"""Colour differences are those of every other pixel. Their means take half as long again and come back less exact."""


def check_size(width: int, height: int) -> None:
    """Refuse images [px] that H.264 cannot store.

    Raises:
        UsageError: Says what it can.
    """
    if max(height, width) > LONGEST_SIDE:
        raise UsageError(
            f"H.264 stores at most {LONGEST_SIDE} pixels a side, not {width}x{height}: "
            "lower --camera_width or --camera_height"
        )


@dataclass(frozen=True)
class VideoFacts:
    """What a file's header says."""

    frames: int
    width: int
    height: int
    fps: float


class VideoWriter:
    """One MP4 file that grows by frames. H.264 stores even sizes only: odd ones get their last row or column twice."""

    def __init__(
        self, path: Path, height: int, width: int, fps: Fraction, options: Mapping[str, str] = OPTIONS
    ) -> None:
        """Start it.

        Args:
            path: Where; must not exist.
            height: Of the images [px].
            width: Of the images [px].
            fps: Playback rate [Hz].
            options: Of the encoder.

        Raises:
            UsageError: H.264 stores no images of this size.
        """
        check_size(width, height)
        self._container: OutputContainer = av.open(str(path), "w", format="mp4")
        self._stream: VideoStream = self._container.add_stream("libx264", rate=fps, options=dict(options))
        self._odd = height % 2, width % 2
        self._stream.height, self._stream.width = height + self._odd[0], width + self._odd[1]
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.thread_count = 1
        self._reformatter = VideoReformatter()
        self._count = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is stored [px]."""
        return self._stream.width, self._stream.height

    def append(self, image: np.ndarray) -> None:
        """Add a frame, (H, W, 3) uint8 RGB. The array may change afterwards."""
        if any(self._odd):
            image = np.pad(image, ((0, self._odd[0]), (0, self._odd[1]), (0, 0)), mode="edge")
        # without a copy: the frame is only read, and only within this call
        frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), "rgb24")
        frame = self._reformatter.reformat(frame, format="yuv420p", interpolation=_CHROMA)
        frame.pts = self._count
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file.

        Raises:
            OSError: Something could not be written, now or before; ``filename`` is set.
        """
        self._container.mux(self._stream.encode())
        self._container.close()


def probe(path: Path) -> VideoFacts:
    """Read a file's header.

    Raises:
        RunError: It is missing, truncated, or not a video.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        return VideoFacts(stream.frames, stream.width, stream.height, float(stream.average_rate or 0))


def decode(path: Path, numbers: Iterable[int]) -> Iterator[np.ndarray]:
    """Decode frames, from the nearest key frame on.

    Args:
        path: An MP4 file with a constant rate.
        numbers: Which, from 0; fastest when they ascend.

    Yields:
        Shape is (H, W, 3), uint8, RGB; even sizes, see :class:`VideoWriter`.

    Raises:
        RunError: The file is missing or broken, or ends before a frame.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        rate, unit = stream.average_rate, stream.time_base
        if not rate or not unit:
            raise RunError(f"{path} is not a whole video (it has no frame rate)")
        frames, position = container.decode(stream), 0
        for number in numbers:
            if not position <= number < position + KEYFRAME_INTERVAL:
                container.seek(round(number / rate / unit), stream=stream)
                frames = container.decode(stream)
            for frame in frames:
                position = round((frame.pts or 0) * unit * rate) + 1
                if position > number:
                    yield frame.to_ndarray(format="rgb24")
                    break
            else:
                raise RunError(f"{path} ends before frame {number}")


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise RunError(f"{path} holds no video")
            yield container
    except FFmpegError as error:
        raise RunError(f"{path} is not a whole video ({error.strerror})") from error
