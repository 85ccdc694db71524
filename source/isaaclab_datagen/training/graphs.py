"""A policy's networks with fewer kernels, and as CUDA graphs: launched at once instead of kernel by kernel.

The networks are small and deep. A step of the optimiser is thousands of kernels of a few microseconds, which a
processor launches more slowly than a GPU runs them, and most of which only read and write memory.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy, DiffusionRgbEncoder

WARM_UP = 3
"""Passes before the recording, in which cuDNN chooses its kernels."""


def fuse(policy: DiffusionPolicy) -> None:
    """Let ``torch.compile`` put the image encoders' kernels together: half of their time reads and writes memory.

    That is normalisation, casts and changes of layout. On an H100 256 images of 116x116 in bfloat16 then take 6.3
    instead of 13.0 ms, forwards and backwards. Needs a C compiler, and a minute at the first step.
    """
    for encoder in _encoders(policy):
        encoder.backbone.forward = torch.compile(encoder.backbone.forward)


def record(policy: DiffusionPolicy, batch: dict[str, Any], amp: bool) -> None:
    """Let the policy's encoders and its U-Net run as graphs, forwards and backwards, from now on.

    Whatever is random has to happen outside of them: a graph repeats what it has recorded.

    Args:
        policy: In training mode, on a GPU. Its parameters have to stay where they are.
        batch: What it will be given, preprocessed and cropped: a graph works for these shapes only.
        amp: Whether it will be run in bfloat16.
    """
    unet: Any = policy.diffusion.unet
    modules = (*_encoders(policy), unet)
    with torch.autocast("cuda", torch.bfloat16, enabled=amp, cache_enabled=False):
        examples = _inputs(policy, batch, modules)
        torch.cuda.make_graphed_callables(modules, examples, num_warmup_iters=WARM_UP)
    unet.forward = partial(_positional, unet.forward)


def _encoders(policy: DiffusionPolicy) -> list[DiffusionRgbEncoder]:
    """Each once: one for all cameras, or one for each."""
    return [module for module in policy.modules() if isinstance(module, DiffusionRgbEncoder)]


def _inputs(
    policy: DiffusionPolicy, batch: dict[str, Any], modules: tuple[torch.nn.Module, ...]
) -> tuple[tuple[torch.Tensor, ...], ...]:
    """What each module is given in a forward pass, as leaves that want gradients where those did."""
    seen: dict[torch.nn.Module, tuple[torch.Tensor, ...]] = {}

    def note(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = (*args, *kwargs.values())
        seen[module] = tuple(x.detach().clone().requires_grad_(x.requires_grad) for x in given)

    handles = [module.register_forward_pre_hook(note, with_kwargs=True) for module in modules]
    try:
        policy(batch)
    finally:
        for handle in handles:
            handle.remove()
    return tuple(seen[module] for module in modules)


def _positional(graphed: Any, *args: torch.Tensor, **kwargs: torch.Tensor) -> torch.Tensor:
    """A graph knows its inputs by their order alone."""
    return graphed(*args, *kwargs.values())
