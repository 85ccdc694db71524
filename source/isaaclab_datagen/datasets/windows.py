"""Windows of trajectories, made on reading.

At step t of an episode, with a history of N and a horizon of H, a model is given ``s[t-N..t]`` and ``a[t-N..t-1]`` and
predicts ``s[t+1..t+H]`` and ``a[t..t+H]``. An episode of T actions has T - N - H windows, t = N .. T-H-1; none is
padded, and none reaches into another episode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from isaaclab_datagen.datasets.trajectories import CHANNELS, Trajectories, world_state
from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.geometry import state_layouts
from isaaclab_datagen.geometry.state_layouts import StateLayout, WorldState

Windows = dict[str, torch.Tensor]
"""``history_states`` (..., N+1, S), ``history_actions`` (..., N, A), ``future_states`` (..., H, S), ``future_actions``
(..., H+1, A)."""


@dataclass(frozen=True)
class WindowShape:
    """How long windows are."""

    history: int
    """N, steps before the current one."""
    horizon: int
    """H, steps after the current one."""

    def __post_init__(self) -> None:
        """Refuse what is no window."""
        if self.history < 0 or self.horizon < 1:
            raise UsageError(f"history {self.history}, horizon {self.horizon}: must be at least 0 and 1")

    @property
    def steps(self) -> int:
        """States of a window, and actions: N + 1 + H."""
        return self.history + 1 + self.horizon

    def count(self, steps: int) -> int:
        """Windows of an episode of so many actions."""
        return max(0, steps - self.history - self.horizon)

    def split(self, states: torch.Tensor, actions: torch.Tensor) -> Windows:
        """Name the parts of windows: states (..., steps, S) and actions (..., steps, A)."""
        current = self.history
        return {
            "history_states": states[..., : current + 1, :],
            "history_actions": actions[..., :current, :],
            "future_states": states[..., current + 1 :, :],
            "future_actions": actions[..., current:, :],
        }


class WindowDataset(Dataset[Windows]):
    """All windows of some trajectories, in their order. Numbers that depend on the step alone are computed once.

    :meth:`batch` is the fast way; ``DataLoader(dataset, batch_size, collate_fn=whole)`` calls it too. It can be
    pickled, and forked workers share its memory.
    """

    def __init__(self, trajectories: Trajectories, layout: StateLayout, shape: WindowShape) -> None:
        """Compute states.

        Args:
            trajectories: What windows are cut out of; not kept.
            layout: What a state is made of.
            shape: How long windows are.

        Raises:
            UsageError: No trajectory is long enough.
        """
        self.layout, self.shape = layout, shape
        lengths = trajectories.lengths.tolist()
        if shape.count(max(lengths)) == 0:
            raise UsageError(
                f"history {shape.history} and horizon {shape.horizon} need trajectories of {shape.steps} actions or "
                f"more; the longest of {len(lengths)} has {max(lengths)}"
            )
        self.episodes = torch.repeat_interleave(torch.tensor([shape.count(length) for length in lengths]))
        """Which of the trajectories each window is of. Shape is (V,)."""
        firsts = [start + torch.arange(shape.count(n)) for start, n in zip(trajectories.starts, lengths, strict=False)]
        self.firsts = torch.cat(firsts)
        """First step of each window. Shape is (V,)."""
        states, self._actions = trajectories.states, trajectories.actions
        self._states = layout(states)  # of a layout that depends on the window, its root's part is overwritten
        self._root = _root_part(states) if layout.is_windowed else None

    def __len__(self) -> int:
        """Number of windows, V."""
        return len(self.firsts)

    def __getitem__(self, index: int) -> Windows:
        """One window."""
        return {name: values[0] for name, values in self.batch([index]).items()}

    def __getitems__(self, indices: Sequence[int]) -> Windows:
        """What a data loader asks for: a batch."""
        return self.batch(indices)

    def batch(self, indices: Sequence[int] | torch.Tensor) -> Windows:
        """Some windows, (K, ..., ...)."""
        rows = self.firsts[torch.as_tensor(indices)]
        states, actions = self._rows(self._states, rows), self._rows(self._actions, rows)
        if self._root is not None:
            of_root = self._root.map(lambda values: self._rows(values, rows))
            root = self.layout.root(of_root, of_root.map(lambda v: v[:, self.shape.history : self.shape.history + 1]))
            states[..., : root.shape[-1]] = root
        return self.shape.split(states, actions)

    def _rows(self, values: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        """Consecutive rows of (steps, ...) from each of ``first`` (K,) on: (K, window's steps, ...)."""
        flat = values.flatten(1)
        count, width = len(flat) - self.shape.steps + 1, flat.shape[1]
        overlapping = flat.as_strided((count, self.shape.steps * width), (width, 1))
        return overlapping.index_select(0, first).unflatten(1, (self.shape.steps, *values.shape[1:]))


def of_columns(columns: Mapping[str, np.ndarray], layout: str, shape: WindowShape) -> dict[str, np.ndarray]:
    """All windows of one episode, written out.

    Args:
        columns: Its channels, those of :data:`~isaaclab_datagen.datasets.trajectories.CHANNELS` and ``action``.
        layout: Name of what a state is made of.
        shape: How long windows are.

    Returns:
        As :data:`Windows`, with V windows; V is 0 where the episode is too short.

    Raises:
        RunError: The episode lacks a channel.
    """
    missing = [name for name in (*CHANNELS, "action") if name not in columns]
    if missing:
        raise RunError(f"windows of robot states need {', '.join(missing)}: the dataset lacks it")
    steps = len(columns["action"])
    tensors = {name: torch.from_numpy(columns[name][:steps]) for name in (*CHANNELS, "action")}
    bodies, joints = tensors["body_pos"].shape[1], tensors["joint_pos"].shape[1]
    made_of = state_layouts.layout(layout, bodies, joints)
    if shape.count(steps) == 0:
        empty = shape.split(
            torch.empty(0, shape.steps, made_of.size), torch.empty(0, shape.steps, tensors["action"].shape[1])
        )
        return {name: values.numpy() for name, values in empty.items()}
    starts = torch.tensor([0, steps])
    only = Trajectories(world_state(tensors), tensors["action"], starts, [0], [], [])
    windows = WindowDataset(only, made_of, shape)
    return {name: values.numpy() for name, values in windows.batch(range(len(windows))).items()}


def whole(batch: Windows) -> Windows:
    """A data loader's ``collate_fn``: the dataset makes batches itself."""
    return batch


def _root_part(state: WorldState) -> WorldState:
    """A state without bodies and joints, each of its quantities in memory of its own."""
    nothing = state.root_pos[:, :0]
    parts = ("root_pos", "root_quat", "root_lin_vel", "root_ang_vel")
    root = {name: getattr(state, name).contiguous() for name in parts}
    return WorldState(**root, body_pos=nothing, body_lin_vel=nothing, joint_pos=nothing, joint_vel=nothing)
