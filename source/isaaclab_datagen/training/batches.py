"""Batches, as a function of the seed and the step alone: a resumed training sees what it would have seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from isaaclab_datagen.datasets.features import READY
from isaaclab_datagen.datasets.moments import Moments
from isaaclab_datagen.policies.diffusion.config import ACTION
from isaaclab_datagen.training.corpus import Corpus

Batch = dict[str, Any]
_AHEAD = 4
"""Batches that are gathered while the GPU computes, where images wait in the host's memory."""
_CHUNK = 512
"""Frames copied to the GPU at a time."""
_COPYING = 8
"""Threads that read them out of their files meanwhile: one alone reads more slowly than a GPU takes them."""


class Batches:
    """Draws samples and gathers their images, states and actions on the training device."""

    def __init__(
        self, corpus: Corpus, windows: Moments, keys: Sequence[str], device: torch.device, on_device: bool
    ) -> None:
        """Put what is small on the device, and the images too if ``on_device``."""
        self._windows, self._keys, self._device = windows, tuple(keys), device
        self._images = [arrays.images for arrays in corpus.arrays]
        self._starts = np.cumsum([0, *(len(images) for images in self._images)])
        self._states = torch.from_numpy(corpus.states).to(device)
        self._actions = torch.from_numpy(corpus.actions).to(device)
        self._boundary = int(np.searchsorted(windows.now, corpus.original_frames))
        self._held = _upload(self._images, device) if on_device else None

    def draw(self, seed: Sequence[int], count: int, share: float) -> np.ndarray:
        """Choose samples.

        Args:
            seed: Numbers that say which draw it is.
            count: How many, B.
            share: Part of them that comes from rollouts, where there are any.

        Returns:
            Numbers of moments. Shape is (B,).
        """
        generator = np.random.default_rng(seed)
        total = len(self._windows)
        if self._boundary in (0, total):
            return generator.integers(0, total, count)
        rollouts = generator.random(count) < share
        drawn = generator.integers(0, self._boundary, count)
        return np.where(rollouts, generator.integers(self._boundary, total, count), drawn)

    def gather(self, chosen: np.ndarray) -> Batch:
        """The samples of some moments (B,), as LeRobot's processors take them: colours in 0 .. 1, the rest raw."""
        observed = self._windows.observed(chosen)
        predicted, padded = self._windows.predicted(chosen)
        images = self._taken(observed)
        return {
            **{key: images[:, :, number] for number, key in enumerate(self._keys)},
            READY: self._states[self._index(observed)],
            ACTION: self._actions[self._index(predicted)],
            "action_is_pad": torch.from_numpy(padded).to(self._device),
        }

    def stream(self, draws: Iterator[np.ndarray]) -> Iterator[Batch]:
        """Gather batch after batch; from the host's memory some ahead of time."""
        if self._held is not None or self._device.type == "cpu":
            yield from map(self.gather, draws)
            return
        with ThreadPoolExecutor(_AHEAD) as pool:
            waiting = [pool.submit(self.gather, chosen) for _, chosen in zip(range(_AHEAD), draws, strict=False)]
            while waiting:
                batch = waiting.pop(0).result()
                waiting += [pool.submit(self.gather, chosen) for _, chosen in zip(range(1), draws, strict=False)]
                yield batch

    def _taken(self, frames: np.ndarray) -> torch.Tensor:
        """Images of frames (B, T). Shape is (B, T, cameras, 3, H, W), float."""
        if self._held is not None:
            images = self._held[self._index(frames)]
        else:
            images = torch.from_numpy(self._from_files(frames.ravel())).reshape(
                *frames.shape, *self._images[0].shape[1:]
            )
            if self._device.type != "cpu":
                images = images.pin_memory().to(self._device, non_blocking=True)
        return images.movedim(-1, -3).float().div_(255)

    def _from_files(self, frames: np.ndarray) -> np.ndarray:
        out = np.empty((len(frames), *self._images[0].shape[1:]), np.uint8)
        where = np.searchsorted(self._starts, frames, side="right") - 1
        for number in np.unique(where):
            rows = np.flatnonzero(where == number)
            out[rows] = self._images[number][frames[rows] - self._starts[number]]
        return out

    def _index(self, frames: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(frames).to(self._device)


def fits(corpus: Corpus, device: torch.device) -> bool:
    """Whether all images take less than half of the GPU's free memory."""
    if device.type != "cuda":
        return False
    return sum(arrays.images.nbytes for arrays in corpus.arrays) < torch.cuda.mem_get_info(device)[0] / 2


def _upload(images: Sequence[np.ndarray], device: torch.device) -> torch.Tensor:
    held = torch.empty((sum(map(len, images)), *images[0].shape[1:]), dtype=torch.uint8, device=device)
    places = held.split([len(source) for source in images])

    def copy(source: np.ndarray, place: torch.Tensor, first: int) -> None:
        part = slice(first, first + _CHUNK)
        place[part].copy_(torch.from_numpy(np.array(source[part])))

    with ThreadPoolExecutor(_COPYING) as pool:
        pairs = zip(images, places, strict=True)
        copies = [pool.submit(copy, *pair, first) for pair in pairs for first in range(0, len(pair[0]), _CHUNK)]
        for one in copies:
            one.result()
    return held
