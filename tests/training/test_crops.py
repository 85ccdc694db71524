"""Crops: a place for each sample, the same in all its frames."""

from __future__ import annotations

import pytest

pytest.importorskip("lerobot")

import torch

from isaaclab_datagen.training.crops import crop


def numbered(count, steps, height, width):
    """Images whose values say where they are from: sample, row, column; and a frame number."""
    grids = torch.meshgrid(*(torch.arange(n) for n in (count, steps, height, width)), indexing="ij")
    return torch.stack([grids[0], grids[2], grids[3]], dim=2).float(), grids[1]


def test_a_crop_is_a_window_and_one_for_all_frames_of_a_sample():
    torch.manual_seed(0)
    images, _ = numbered(16, 2, 12, 10)
    cropped = crop(images, (8, 7))
    assert cropped.shape == (16, 2, 3, 8, 7)
    places = set()
    for sample in range(16):
        top, left = (int(cropped[sample, 0, axis, 0, 0]) for axis in (1, 2))
        expected = images[sample, :, :, top : top + 8, left : left + 7]
        torch.testing.assert_close(cropped[sample], expected, rtol=0, atol=0)
        places.add((top, left))
    assert len(places) > 5
    assert {top for top, _ in places} <= set(range(5))
    assert {left for _, left in places} <= set(range(4))
