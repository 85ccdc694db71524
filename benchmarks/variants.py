"""The ways to record that are compared. Each is a context: what it holds back is on disk when it is left."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from isaaclab.managers import RecorderManagerBaseCfg, RecorderTerm, RecorderTermCfg, TerminationTermCfg
from isaaclab.sensors import CameraCfg
from isaaclab.utils import configclass

from isaaclab_datagen.datasets import formats
from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.rollout.plans import CollectionPlan

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started

    from isaaclab_datagen.recorders.frames import Batch

Variant = Callable[["ManagerBasedRLEnv", Namespace, Path], AbstractContextManager[None]]
"""Takes the environment, the options and an empty folder."""


def more_cameras(scene: Any, names: Sequence[str], extra: int) -> tuple[str, ...]:
    """Add copies of the first camera to a scene's configuration, each 5 cm further along y.

    Returns:
        All cameras' names.
    """
    if not extra:
        return tuple(names)
    first = getattr(scene, names[0], None)
    if not isinstance(first, CameraCfg):
        raise UsageError(f"--cameras {names[0]}: not in the scene")
    added = []
    for number in range(1, extra + 1):
        camera = deepcopy(first)
        camera.prim_path = f"{first.prim_path}{number}"
        x, y, z = first.offset.pos
        camera.offset.pos = (x, y + 0.05 * number, z)
        added.append(f"extra_camera_{number}")
        setattr(scene, added[-1], camera)
    return (*names, *added)


def endless(env_cfg: Any) -> None:
    """Let nothing but time end an episode."""
    for term in vars(env_cfg.terminations).values():
        if isinstance(term, TerminationTermCfg) and getattr(term.func, "__name__", term.func) != "time_out":
            term.func, term.params = never, {}


def never(env: ManagerBasedRLEnv) -> torch.Tensor:
    """A termination that does not happen. Shape is (num_envs,)."""
    return torch.zeros(env.num_envs, dtype=torch.bool, device=env.device)


class Onlooker:
    """A frame listener that has every frame read and keeps none."""

    wants_images = True

    def begin(self, env_ids: list[int]) -> None:
        """Look away."""

    def listening(self, env_ids: Sequence[int]) -> list[int]:
        """All of them."""
        return list(env_ids)

    def frame(self, batch: Batch, env_ids: Sequence[int]) -> None:
        """Wait until it has been computed: what is not computed has not been read."""
        device = next(iter(batch.values())).device
        if device.type == "cuda":
            torch.cuda.current_stream(device).synchronize()

    def end(self, env_id: int, outcome: Outcome) -> None:
        """Look away."""


@contextmanager
def bare(env: ManagerBasedRLEnv, options: Namespace, folder: Path) -> Iterator[None]:
    """Read all, store nothing."""
    from isaaclab_datagen.recorders import terms

    recorder = terms.find(env)
    recorder.bind(Onlooker())
    try:
        yield
    finally:
        recorder.bind(None)


@contextmanager
def ours(env: ManagerBasedRLEnv, options: Namespace, folder: Path) -> Iterator[None]:
    """This package's recorder."""
    from isaaclab_datagen.recorders import terms
    from isaaclab_datagen.recorders.frames import FrameSource
    from isaaclab_datagen.recorders.stream import EpisodeStream

    recorder = terms.find(env)
    intrinsics = FrameSource(env, {}, recorder.cfg.cameras).intrinsics()
    identity = {"task": options.task, "cameras": list(recorder.cfg.cameras)}
    facts = {"step_dt": env.step_dt, "intrinsics": intrinsics}
    writer = formats.load(options.format).open_writer(folder, options, identity, facts)
    plan = CollectionPlan(env.num_envs, (), keep_failures=True)
    try:
        with (
            RecordingSession(writer, env.num_envs) as session,
            closing(EpisodeStream(plan, env.num_envs, session)) as stream,
        ):
            session.start()
            session.flush()
            recorder.bind(stream)
            yield
    finally:
        recorder.bind(None)


class PeerFrames(RecorderTerm):
    """Hands Isaac Lab's manager the same frames of the same instants."""

    cfg: PeerFramesCfg

    def __init__(self, cfg: PeerFramesCfg, env: ManagerBasedRLEnv) -> None:
        from isaaclab_datagen.recorders.frames import FrameSource

        super().__init__(cfg, env)
        self._source = FrameSource(env, cfg.channels, cfg.cameras)

    def record_post_reset(self, env_ids: Sequence[int] | None) -> tuple[None, None]:
        """Bring the kinematics up to date."""
        self._env.sim.forward()
        return None, None

    def record_pre_step(self) -> tuple[str, dict[str, torch.Tensor]]:
        """Frame t and its processed action."""
        actions = self._source.actions()
        return "frames", {**self._source.read(), "processed_action": actions["processed_action"]}

    def record_pre_reset(self, env_ids: Sequence[int] | None) -> tuple[str | None, dict[str, torch.Tensor] | None]:
        """Frame T, unless the episode has no other."""
        ids = list(range(self._env.num_envs)) if env_ids is None else list(env_ids)
        if self._env.recorder_manager.get_episode(ids[0]).is_empty():
            return None, None
        return "frames", {name: value[ids] for name, value in self._source.read().items()}


class PeerActions(RecorderTerm):
    """The raw action, under the key by which the HDF5 handler counts samples."""

    def record_pre_step(self) -> tuple[str, torch.Tensor]:
        """The action. Shape is (num_envs, A)."""
        return "actions", self._env.action_manager.action


@configclass
class PeerFramesCfg(RecorderTermCfg):
    """What is recorded, as :class:`~isaaclab_datagen.recorders.FrameRecorderCfg`."""

    class_type: type = PeerFrames
    channels: dict[str, Any] = {}
    cameras: list[str] = []


@configclass
class PeerCfg(RecorderManagerBaseCfg):
    """Isaac Lab's recorder manager as it comes: everything exported to one HDF5 file at each reset."""

    frames: PeerFramesCfg = PeerFramesCfg()
    actions: RecorderTermCfg = RecorderTermCfg(class_type=PeerActions)


@contextmanager
def hdf5(env: ManagerBasedRLEnv, options: Namespace, folder: Path, compression: bool) -> Iterator[None]:
    """Isaac Lab's recorder."""
    from isaaclab.managers import RecorderManager

    from isaaclab_datagen.recorders import terms

    cfg, own = PeerCfg(), env.recorder_manager
    known = terms.find(env).cfg
    cfg.frames.channels, cfg.frames.cameras = known.channels, known.cameras
    cfg.dataset_export_dir_path, cfg.dataset_compression = str(folder), compression
    env.recorder_manager = RecorderManager(cfg, env)
    try:
        yield
        env.recorder_manager.close()
    finally:
        env.recorder_manager = own


VARIANTS: dict[str, Variant] = {
    "bare": bare,
    "ours": ours,
    "hdf5": partial(hdf5, compression=False),
    "hdf5-gzip": partial(hdf5, compression=True),
}
"""In the order in which memory is measured."""
