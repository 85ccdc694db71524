"""A function of tensors that a GPU replays from a recording (a CUDA graph) instead of being told every kernel again."""

from __future__ import annotations

from collections.abc import Callable

import torch

Function = Callable[..., torch.Tensor]

_WARM_UP = 3
"""Calls before the recording, in which libraries choose their kernels and take their memory."""


def replayed(function: Function, device: torch.device | str) -> Function:
    """A function as it is called on a device: :class:`Replayed` on a GPU, itself elsewhere."""
    return Replayed(function) if torch.device(device).type == "cuda" else function


class Replayed:
    """Calls a function without gradients, for any number of rows up to the largest power of two that memory allows.

    A recording holds for one shape, so that rows are filled up to the next power of two, of which each is recorded when
    it is first needed. What the function draws at random has to be among its arguments.
    """

    def __init__(self, function: Function) -> None:
        """Record nothing yet.

        Args:
            function: Takes tensors (B, ...) on a GPU and returns one (B, ...), each row of it from that row alone.
        """
        self._function = function
        self._recorded: dict[int, tuple[torch.cuda.CUDAGraph, list[torch.Tensor], torch.Tensor]] = {}

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The function's value."""
        count = len(inputs[0])
        size = 1 << (count - 1).bit_length()
        with torch.cuda.device(inputs[0].device), torch.no_grad():
            if size not in self._recorded:
                self._recorded[size] = self._record(size, inputs)
            graph, places, output = self._recorded[size]
            for place, given in zip(places, inputs, strict=True):
                place[:count].copy_(given)
            graph.replay()
            return output[:count].clone()

    @torch.inference_mode(False)  # what is recorded in that mode could not be filled outside of it
    @torch.no_grad()
    def _record(
        self, size: int, inputs: tuple[torch.Tensor, ...]
    ) -> tuple[torch.cuda.CUDAGraph, list[torch.Tensor], torch.Tensor]:
        places = [given.new_zeros((size, *given.shape[1:])) for given in inputs]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                self._function(*places)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            output = self._function(*places)
        return graph, places, output
