"""What is recorded of a camera beside its pose: colours, depth, segmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

PREFIXES = {
    "rgb": "images",
    "depth": "depth",
    "semantic_segmentation": "semantic_segmentation",
    "instance_segmentation": "instance_segmentation",
}
"""Isaac Lab's name of a data type to the first part of its name in a frame."""

_DTYPES = {"rgb": torch.uint8, "depth": torch.float32}
"""Of a segmentation: int32."""


def streams(camera: str, output: Mapping[str, Any], data_types: Sequence[str]) -> dict[str, torch.Tensor]:
    """The data of one camera under their names in a frame.

    Args:
        camera: Its name.
        output: Data type to the camera's output, (N, H, W, C).
        data_types: Which, of :data:`PREFIXES`.

    Returns:
        Colours (N, H, W, 3) uint8, depth along the optical axis (N, H, W) float32 [m], ids (N, H, W) int32.

    Raises:
        ValueError: If the camera gives colours where ids are wanted.
    """
    batch = {}
    for kind in data_types:
        data = _torch(output[kind])
        if data.dtype is not _DTYPES.get(kind, torch.int32):
            raise ValueError(f"{kind} of camera {camera} is {data.dtype}: set colorize_{kind} = False in its renderer")
        batch[f"{PREFIXES[kind]}/{camera}"] = data if kind == "rgb" else data[..., 0]
    return batch


def labels(info: Mapping[str, Any] | None, data_types: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the ids of a camera's segmentations mean.

    Args:
        info: The camera's ``data.info``.
        data_types: Which data are recorded.

    Returns:
        Kind of segmentation to id, as text, to label.
    """
    found: dict[str, dict[str, Any]] = {}
    for kind in data_types:
        if kind.endswith("segmentation") and info is not None and info.get(kind):
            found[kind] = {str(number): label for number, label in info[kind]["idToLabels"].items()}
    return found


def _torch(value: Any) -> torch.Tensor:
    """Isaac Lab's data are tensors, or proxies that hold one."""
    return value if isinstance(value, torch.Tensor) else value.torch
