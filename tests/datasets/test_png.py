from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from isaaclab_datagen.datasets import png
from isaaclab_datagen.errors import RunError


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (240, 320), (33, 65)])
@pytest.mark.parametrize("kind", ["noise", "flat", "gradient"])
def test_an_independent_decoder_gives_the_pixels_back(size, kind):
    image = {
        "noise": np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8),
        "flat": np.full((*size, 3), 17, np.uint8),
        "gradient": np.indices(size).sum(0, dtype=np.uint8)[..., None] + np.array([0, 1, 2], np.uint8),
    }[kind]
    decoded = Image.open(io.BytesIO(png.encode(image)))
    decoded.verify()
    decoded = Image.open(io.BytesIO(png.encode(image)))
    assert decoded.mode == "RGB"
    np.testing.assert_array_equal(np.array(decoded), image)


def test_a_view_into_a_batch_is_encoded_as_its_copy():
    batch = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), np.uint8)
    assert png.encode(batch[1]) == png.encode(batch[1].copy())
    assert png.encode(batch[1, ::2, ::-1]) == png.encode(batch[1, ::2, ::-1].copy())


def test_threads_do_not_disturb_each_other():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (20 + i % 3, 30, 3), np.uint8) for i in range(60)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(png.encode, images)) == [png.encode(image) for image in images]


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_not_rgb_is_not_encoded(image):
    with pytest.raises(ValueError, match="RGB"):
        png.encode(image)


def test_a_file_cut_anywhere_is_not_an_image(tmp_path):
    data = png.encode(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))
    path = tmp_path / "00.png"
    for length in range(0, len(data) - 12, 37):
        path.write_bytes(data[:length])
        with pytest.raises(RunError, match="00.png"):
            png.decode(path)


def test_other_modes_are_refused(tmp_path):
    Image.new("RGBA", (4, 4)).save(tmp_path / "00.png")
    with pytest.raises(RunError, match="RGBA"):
        png.decode(tmp_path / "00.png")
