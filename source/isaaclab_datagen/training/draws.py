"""Several noises for each sample.

What a policy learns from a sample depends on the noise and the time that are drawn for it. The image encoders, by far
the costliest part of a step, know neither: what they found serves any number of draws, which makes a step's gradient
less noisy for little.
"""

from __future__ import annotations

from typing import Any

import torch
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy

ACTIONS = ("action", "action_is_pad")


def take_over(policy: DiffusionPolicy, draws: int) -> None:
    """Have a policy give what it found in each sample ``draws`` times, for batches by :func:`repeated`."""
    if draws > 1:
        model, encode = policy.diffusion, policy.diffusion._prepare_global_conditioning
        model._prepare_global_conditioning = lambda batch: _repeat(encode(batch), draws)


def repeated(batch: dict[str, Any], draws: int) -> dict[str, Any]:
    """A batch whose actions (B, ...) are there ``draws`` times, (B draws, ...); the observations stay."""
    return {**batch, **{name: _repeat(batch[name], draws) for name in ACTIONS}}


def _repeat(values: torch.Tensor, draws: int) -> torch.Tensor:
    return values.repeat_interleave(draws, dim=0)
