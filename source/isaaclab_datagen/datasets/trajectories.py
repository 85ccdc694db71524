"""Whole episodes of a robot as tensors, one behind the other: what windows are cut out of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.datasets.manifest import Manifest
from isaaclab_datagen.errors import RunError
from isaaclab_datagen.geometry.state_layouts import WorldState

CHANNELS = ("root_pose", "root_velocity", "body_pos", "body_lin_vel", "joint_pos", "joint_vel")
"""Channels of an episode that states are computed from. docs/formats.md has their units and frames."""


class TrajectoryReader(Protocol):
    """A dataset that gives some channels of an episode without the others."""

    manifest: Manifest
    indices: list[int]

    def columns(self, index: int, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Channels of an episode."""
        ...

    def outcome(self, index: int) -> tuple[Outcome, int]:
        """How an episode ended, and its number of actions."""
        ...


@dataclass(frozen=True)
class Trajectories:
    """E episodes of T_e actions, one behind the other. Their last frames, in which nothing was chosen, are left out."""

    states: WorldState
    """Leading axis: the steps of all episodes."""
    actions: torch.Tensor
    """What the policies gave. Shape is (sum of T_e, A)."""
    starts: torch.Tensor
    """First step of each episode, and the number of all steps. Shape is (E + 1,)."""
    indices: list[int]
    """Numbers of the episodes."""
    outcomes: list[Outcome]
    skipped: list[str]
    """What was wrong with the episodes that were left out because they are broken."""

    @property
    def lengths(self) -> torch.Tensor:
        """Actions of each episode. Shape is (E,)."""
        return self.starts.diff()


def load(
    reader: TrajectoryReader,
    keep: Callable[[Outcome], bool] = lambda outcome: True,
    skip_broken: bool = False,
) -> Trajectories:
    """Read episodes into memory: about 1.2 KB a step for a robot with 30 bodies.

    Args:
        reader: The dataset.
        keep: Which episodes are wanted, for instance those that did not fall.
        skip_broken: Whether a broken episode is left out and noted, or an error.

    Raises:
        RunError: One is broken, or there is none; names the file.
    """
    parts: list[Mapping[str, np.ndarray]] = []
    indices, outcomes, skipped = [], [], []
    for index in reader.indices:
        try:
            outcome, steps = reader.outcome(index)
            if keep(outcome):
                parts.append(_cut(reader.columns(index, (*CHANNELS, "action")), steps))
                indices.append(index)
                outcomes.append(outcome)
        except RunError as error:
            if not skip_broken:
                raise RunError(f"{error}. Remove that file, or leave broken episodes out (skip_broken)") from error
            skipped.append(str(error))
    if not parts:
        raise RunError(f"{reader.manifest.path.parent} holds no episode of the wanted kind")
    joined = {name: torch.from_numpy(np.concatenate([part[name] for part in parts])) for name in parts[0]}
    starts = torch.tensor([0, *np.cumsum([len(part["action"]) for part in parts])])
    return Trajectories(world_state(joined), joined["action"], starts, indices, outcomes, skipped)


def world_state(channels: Mapping[str, torch.Tensor]) -> WorldState:
    """The state that recorded channels (..., D) say."""
    pose, velocity = channels["root_pose"], channels["root_velocity"]
    return WorldState(
        root_pos=pose[..., :3],
        root_quat=pose[..., 3:7],
        root_lin_vel=velocity[..., :3],
        root_ang_vel=velocity[..., 3:6],
        **{name: channels[name] for name in CHANNELS[2:]},
    )


def _cut(columns: Mapping[str, np.ndarray], steps: int) -> dict[str, np.ndarray]:
    cut = {name: values[:steps] for name, values in columns.items()}
    short = [name for name, values in cut.items() if len(values) != steps]
    if short:
        raise RunError(f"an episode of {steps} actions has too few rows of {', '.join(short)}")
    return cut
