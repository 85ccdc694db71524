"""What is said of whole episodes: from the simulation's device to Python, all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch


class Named(NamedTuple):
    """One of a few values for each environment."""

    numbers: torch.Tensor
    """Which one. Shape is (num_envs,), integers."""
    values: Sequence[Any]
    """All of them, JSON-clean."""


Fact = torch.Tensor | Named | Sequence[Any]
"""A value for each environment: a tensor (num_envs,), one of a few, or JSON values."""


def of_episodes(facts: Mapping[str, Fact], env_ids: Sequence[int]) -> list[dict[str, Any]]:
    """The facts of some environments, JSON-clean, in one copy: a GPU would have to be waited for again and again.

    Args:
        facts: Name to a value for each environment; integers up to 2^53.
        env_ids: Which environments.
    """
    tensors = {name: fact for name, fact in facts.items() if isinstance(fact, torch.Tensor)}
    tensors |= {name: fact.numbers for name, fact in facts.items() if isinstance(fact, Named)}
    columns: Any = torch.stack([tensor.double() for tensor in tensors.values()]).cpu().numpy() if tensors else ()
    found = {
        name: [_kind(tensor.dtype)(column[env_id]) for env_id in env_ids]
        for (name, tensor), column in zip(tensors.items(), columns, strict=True)
    }
    rows = []
    for row, env_id in enumerate(env_ids):
        said: dict[str, Any] = {
            name: found[name][row] if name in found else fact[env_id] for name, fact in facts.items()
        }
        named = {name: fact.values[said[name]] for name, fact in facts.items() if isinstance(fact, Named)}
        rows.append(said | named)
    return rows


def _kind(dtype: torch.dtype) -> type[bool] | type[int] | type[float]:
    """What a number of a tensor is in Python."""
    if dtype is torch.bool:
        return bool
    return float if dtype.is_floating_point else int
