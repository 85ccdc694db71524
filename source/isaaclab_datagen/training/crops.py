"""Random crops of images, one for each sample.

LeRobot's encoder crops all images of a batch at one place, which it has the processor wait for. Diffusion Policy's own
code (C. Chi et al., 2023) crops every sample at a place of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy, DiffusionRgbEncoder
from torchvision.transforms import CenterCrop, Resize

Prepare = Callable[[torch.Tensor], torch.Tensor]


def take_over(policy: DiffusionPolicy) -> Prepare:
    """Have a policy's encoders neither resize nor crop any more.

    Returns:
        What does it instead: images (B, T, C, H, W) to (B, T, C, h, w). Random places come from torch's generator.
    """
    for module in policy.modules():
        if isinstance(module, DiffusionRgbEncoder):
            module.resize, module.do_crop = None, False
    config = policy.config
    steps: list[Prepare] = []
    if config.resize_shape is not None:
        steps.append(Resize(config.resize_shape))
    if config.crop_shape is not None:
        shape = config.crop_shape
        steps.append((lambda images: crop(images, shape)) if config.crop_is_random else CenterCrop(shape))

    def prepare(images: torch.Tensor) -> torch.Tensor:
        for step in steps:
            images = step(images)
        return images

    return prepare


def crop(images: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Crop images (B, T, C, H, W) to (B, T, C, h, w), all T of a sample at one place."""
    count, device = len(images), images.device
    rows, columns = (
        torch.randint(there - wanted + 1, (count, 1), device=device) + torch.arange(wanted, device=device)
        for there, wanted in zip(images.shape[-2:], shape, strict=True)
    )
    samples = torch.arange(count, device=device)[:, None, None]
    cropped = images[samples, :, :, rows[:, :, None], columns[:, None, :]]  # (B, h, w, T, C)
    return cropped.permute(0, 3, 4, 1, 2)
