from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from isaaclab_datagen.datasets import video
from isaaclab_datagen.errors import RunError, UsageError


def pictures(count, height=48, width=64):
    y, x = np.mgrid[0:height, 0:width]
    return [np.stack([x + 4 * step, y + 4 * step, x + y + 3 * step], axis=2).astype(np.uint8) for step in range(count)]


def write(path, images, fps=Fraction(50)):
    writer = video.VideoWriter(path, *images[0].shape[:2], fps)
    for image in images:
        writer.append(image)
    writer.close()


@pytest.mark.parametrize("fps", [Fraction(50), Fraction(60), Fraction(50, 3), Fraction("59.94"), Fraction(1, 2)])
@pytest.mark.parametrize("numbers", [[0], [34], [9, 10, 11], [34, 0, 20, 20, 19], list(range(35)), [5, 30]])
def test_the_frame_that_was_asked_for_comes(numbers, fps, tmp_path):
    images = pictures(35)
    write(tmp_path / "a.mp4", images, fps)
    found = list(video.decode(tmp_path / "a.mp4", numbers))
    assert len(found) == len(numbers)
    for number, image in zip(numbers, found, strict=True):
        errors = [np.abs(image.astype(int) - other).mean() for other in images]
        assert int(np.argmin(errors)) == number


def test_the_header_says_what_was_written(tmp_path):
    write(tmp_path / "a.mp4", pictures(7, 47, 63), Fraction(25))
    assert video.probe(tmp_path / "a.mp4") == video.VideoFacts(7, 64, 48, 25.0)


@pytest.mark.parametrize("size", [(16, 16400), (16400, 16)])
def test_a_size_that_the_encoder_does_not_take_is_refused_in_a_line(size, tmp_path):
    with pytest.raises(UsageError, match="H.264 stores at most 16384 pixels a side, not .*: lower --camera_width"):
        video.VideoWriter(tmp_path / "a.mp4", *size, Fraction(50))


def test_an_array_may_change_once_it_is_given(tmp_path):
    images = pictures(12)
    writer = video.VideoWriter(tmp_path / "a.mp4", 48, 64, Fraction(50))
    buffer = np.empty_like(images[0])
    for image in images:
        buffer[...] = image
        writer.append(buffer)
        buffer[...] = 255
    writer.close()
    write(tmp_path / "b.mp4", images)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_views_of_wider_arrays_can_be_given(tmp_path):
    images = [np.dstack([image, image[..., 0]]) for image in pictures(3)]
    write(tmp_path / "a.mp4", [image[..., :3] for image in images])
    write(tmp_path / "b.mp4", pictures(3))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_beyond_the_end_and_no_video_are_errors(tmp_path):
    write(tmp_path / "a.mp4", pictures(3))
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with pytest.raises(RunError, match="ends before frame 3"):
        list(video.decode(tmp_path / "a.mp4", [3]))
    for name in ("b.mp4", "absent.mp4"):
        with pytest.raises(RunError, match=name):
            list(video.decode(tmp_path / name, [0]))
        with pytest.raises(RunError, match=name):
            video.probe(tmp_path / name)
