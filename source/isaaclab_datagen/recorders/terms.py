"""The recorder term: it sees every frame at the right instant and hands it to whoever listens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from isaaclab.managers import RecorderTerm

from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.recorders.facts import of_episodes
from isaaclab_datagen.recorders.frames import Batch, FrameSource, Resolved, resolve
from isaaclab_datagen.recorders.recorders_cfg import FrameRecorderCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv
    from isaaclab.managers import ObservationManager

__all__ = ["FrameListener", "FrameRecorder", "find"]

_TERM = "terminations/"
"""Before the names of terminations, which are fetched beside facts."""


class FrameListener(Protocol):
    """Receives frames. All calls come from the simulation thread."""

    wants_images: bool
    """Whether the frames of this listener need the cameras to be read."""

    def begin(self, env_ids: list[int]) -> None:
        """Episodes begin in these environments."""
        ...

    def frame(self, batch: Batch, env_ids: Sequence[int]) -> None:
        """Rows ``env_ids`` of ``batch`` are the next frames of their episodes."""
        ...

    def listening(self, env_ids: Sequence[int]) -> list[int]:
        """Those of ``env_ids`` whose frames are wanted. Numbers, not a tensor: a GPU would have to be waited for."""
        ...

    def end(self, env_id: int, outcome: Outcome) -> None:
        """The episode of this environment is over; its last frame has been given."""
        ...


class FrameRecorder(RecorderTerm):
    """Streams frames to a bound :class:`FrameListener`; without one it does nothing.

    Frame t is read in ``record_pre_step``: after pushes and command updates, with the observations that the actor
    received for action t, before that action acts. Frame T is read in ``record_pre_reset``. Nothing is kept in the
    manager.
    """

    cfg: FrameRecorderCfg
    _env: ManagerBasedRLEnv

    def __init__(self, cfg: FrameRecorderCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self._listener: FrameListener | None = None
        self._facts: Resolved = {}
        self._all = list(range(env.num_envs))

    def bind(self, listener: FrameListener | None) -> FrameSource:
        """Stream to ``listener`` from now on.

        Returns:
            Where the frames are read from.
        """
        cfg = self.cfg
        self._read_observations(listener is None or "observations" in cfg.sources)
        self.source = FrameSource(self._env, cfg.channels, cfg.cameras, cfg.data_types, cfg.sources)
        self._facts = resolve(cfg.facts, self._env)
        self._listener = listener
        return self.source

    def _read_observations(self, wanted: bool) -> None:
        """Where they are not recorded, have a step's observations computed once, and only those that the actor reads.

        Isaac Lab computes all of them, and before the resets too as soon as anything is recorded. That pass, which
        changes no history, then gives what the last one gave.
        """
        manager = self._env.observation_manager
        vars(manager).pop("compute", None)
        if not wanted:

            def compute(update_history: bool = False) -> Any:
                return Asked(manager) if update_history else self._env.obs_buf

            manager.compute = compute

    def start_frame(self) -> None:
        """Let a GPU render the coming frame while the actor chooses its action.

        For a loop that changes nothing in the simulation until its next step.
        """
        listener = self._listener
        if listener is not None and listener.wants_images and listener.listening(self._all):
            self.source.render()

    def record_post_reset(self, env_ids: Sequence[int] | torch.Tensor | None) -> tuple[None, None]:
        """Bring the kinematics up to date (a reset leaves them at the old pose) and begin episodes."""
        if self._listener is not None:
            self._env.sim.forward()
            self.source.forget()
            self._listener.begin(self._ids(env_ids))
        return None, None

    def record_pre_step(self) -> tuple[None, None]:
        """Frame t, with its action."""
        if self._listener is not None:
            ids = self._listener.listening(self._all)
            if ids:
                batch = self.source.read(self._listener.wants_images) | self.source.actions()
                self._listener.frame(batch, ids)
        return None, None

    def record_pre_reset(self, env_ids: Sequence[int] | torch.Tensor | None) -> tuple[None, None]:
        """Frame T, and how the episode ended."""
        if self._listener is not None:
            ids = self._listener.listening(self._ids(env_ids))
            if ids:
                self._listener.frame(self.source.read(self._listener.wants_images), ids)
                for env_id, outcome in zip(ids, self._outcomes(ids), strict=True):
                    self._listener.end(env_id, outcome)
        return None, None

    def _ids(self, env_ids: Sequence[int] | torch.Tensor | None) -> list[int]:
        if env_ids is None:
            return self._all
        return env_ids.tolist() if isinstance(env_ids, torch.Tensor) else list(env_ids)

    def _outcomes(self, env_ids: Sequence[int]) -> list[Outcome]:
        """How episodes ended, and what is said of them."""
        manager, rule = self._env.termination_manager, self.cfg.success_term
        terms = {f"{_TERM}{name}": name for name in manager.active_terms}
        fired = {key: manager.get_term(name) for key, name in terms.items()}
        said = {name: func(self._env, **params) for name, (func, params) in self._facts.items()}
        outcomes = []
        for env_id, facts in zip(env_ids, of_episodes({**fired, **said}, env_ids), strict=True):
            names = [name for key, name in terms.items() if facts.pop(key)]
            reason = rule if rule in names else next(iter(names), "reset")
            terminated = reason in names and not manager.get_term_cfg(reason).time_out
            success = None if rule is None else rule in names
            outcomes.append(Outcome(success, reason, terminated, env_id, facts))
        return outcomes


class Asked(Mapping[str, Any]):
    """The observations of now, each group computed when it is first asked for; to be asked before the next step."""

    def __init__(self, manager: ObservationManager) -> None:
        """Compute nothing yet."""
        self._manager = manager
        self._found: dict[str, Any] = {}

    def __getitem__(self, group: str) -> Any:
        """A group's tensor, or its terms' (num_envs, ...)."""
        if group not in self._found:
            self._found[group] = self._manager.compute_group(group, update_history=True)
        return self._found[group]

    def __iter__(self) -> Iterator[str]:
        """Names of the groups."""
        return iter(self._manager.active_terms)

    def __len__(self) -> int:
        """Number of groups."""
        return len(self._manager.active_terms)


def find(env: ManagerBasedRLEnv) -> FrameRecorder:
    """The environment's frame recorder.

    Raises:
        ValueError: If its configuration has none.
    """
    manager = env.recorder_manager
    for name in manager.active_terms:
        term = manager._terms[name]  # the manager offers no getter
        if isinstance(term, FrameRecorder):
            return term
    raise ValueError("the environment records no frames: set env_cfg.recorders to a DatasetRecorderCfg")
