"""Whether the arrays of an episode are whole, and of the same kind in every episode of a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from isaaclab_datagen.datasets.episode import Episode

_WITHOUT_LAST_FRAME = ("processed_action", "executed_action", "state")

Kinds = Mapping[str, tuple[tuple[int, ...], np.dtype]]
"""Channel, ``actions`` among them, to the shape of a row and the type of its numbers."""


def kinds(episode: Episode) -> Kinds:
    """What an episode, read without images, consists of."""
    return {name: (values.shape[1:], values.dtype) for name, values in _columns(episode).items()}


def problems(index: int, episode: Episode, has_last_frame: bool) -> list[str]:
    """What is wrong with an episode's numbers.

    Args:
        index: Its number.
        episode: Read without images.
        has_last_frame: Whether there is a frame after the last action.
    """
    found = []
    if episode.actions.ndim != 2:
        found.append(f"episode {index}: actions have shape {episode.actions.shape}, not (T, A)")
    terms = episode.metadata.get("action_terms") or {}
    if terms and episode.actions.shape[1:] != (sum(terms.values()),):
        found.append(f"episode {index}: actions have shape {episode.actions.shape}, the task's are {terms}")
    for name, values in _columns(episode).items():
        expected = episode.num_steps + (has_last_frame and name != "actions" and name not in _WITHOUT_LAST_FRAME)
        if len(values) != expected:
            found.append(f"episode {index}: {name} has {len(values)} rows, not {expected}")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            found.append(f"episode {index}: {name} is not finite in step {_first_not_finite(values)}")
    return found


def disagreements(episodes: Mapping[int, Kinds]) -> dict[int, list[str]]:
    """Where episodes consist of something else than most of them do.

    Args:
        episodes: Number to kinds.

    Returns:
        Number to one line for each channel; only those in which something differs.
    """
    found: dict[int, list[str]] = {}
    for name in dict.fromkeys(name for kinds in episodes.values() for name in kinds):
        said = {index: _said(kinds, name) for index, kinds in episodes.items()}
        usual = Counter(said.values()).most_common(1)[0][0]
        like = next(index for index, what in said.items() if what == usual)
        for index, what in said.items():
            if what != usual:
                found.setdefault(index, []).append(f"episode {index}: {name} is {what}, in episode {like} {usual}")
    return found


def _columns(episode: Episode) -> dict[str, np.ndarray]:
    return {"actions": episode.actions, **episode.frames}


def _said(kinds: Kinds, name: str) -> str:
    if name not in kinds:
        return "absent"
    shape, dtype = kinds[name]
    return f"{dtype} of shape {('T', *shape)}".replace("'", "")


def _first_not_finite(values: np.ndarray) -> int:
    return int(np.argmin(np.isfinite(values).reshape(len(values), -1).all(axis=1)))
