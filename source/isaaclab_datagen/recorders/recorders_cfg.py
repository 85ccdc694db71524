"""Configuration of what is recorded. Give a :class:`DatasetRecorderCfg` to an environment's ``recorders``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from typing import Any, cast

from isaaclab.managers import DatasetExportMode, RecorderManagerBaseCfg, RecorderTermCfg
from isaaclab.utils import configclass

SOURCES = ("observations", "scene", "command", "processed_action")
"""What every task has: observations as the actor received them, the scene's state, commands, processed actions."""


@configclass
class ChannelCfg:
    """One named quantity of every frame, computed as an observation term is."""

    func: Callable = cast(Callable, MISSING)
    """Takes the environment and :attr:`params`, returns a tensor of shape (num_envs, ...)."""

    params: dict[str, Any] = {}
    """Further arguments; scene entities among them are resolved."""

    of_action: bool = False
    """Whether it belongs to an action: then the last frame, in which nothing was chosen, has none."""


@configclass
class FrameRecorderCfg(RecorderTermCfg):
    """Records whole frames: observations, actions, scene state, :attr:`channels` and :attr:`cameras`."""

    class_type: type | str = "{DIR}.terms:FrameRecorder"

    sources: tuple[str, ...] = SOURCES
    """What is recorded of all that every task has, of :data:`SOURCES`."""

    channels: dict[str, ChannelCfg | None] = {}
    """Name to quantity. Poses are in the environment's frame, quaternions x y z w. None: leave out what every robot
    would have under this name."""

    facts: dict[str, ChannelCfg] = {}
    """Name to what is said of a whole episode, read at its end: a :data:`~isaaclab_datagen.recorders.facts.Fact`."""

    cameras: list[str] = []
    """Scene cameras whose images are recorded."""

    data_types: list[str] = ["rgb"]
    """What is recorded of each camera, of :data:`~isaaclab_datagen.recorders.streams.PREFIXES`."""

    success_term: str | None = "success"
    """Termination term that is the task's success rule; None where it has none."""


@configclass
class DatasetRecorderCfg(RecorderManagerBaseCfg):
    """A recorder manager whose data stream past it: nothing piles up in it and it creates no file."""

    dataset_export_mode: DatasetExportMode = DatasetExportMode.EXPORT_NONE

    frames: FrameRecorderCfg = FrameRecorderCfg()
