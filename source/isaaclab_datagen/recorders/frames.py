"""Reading one frame of every environment from the simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

import torch
from isaaclab.managers import SceneEntityCfg
from isaaclab.utils.math import matrix_from_quat

from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.recorders.recorders_cfg import SOURCES, ChannelCfg
from isaaclab_datagen.recorders.streams import labels, streams

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv
    from isaaclab.sensors import Camera

Batch = dict[str, torch.Tensor]
"""Name (as of :data:`~isaaclab_datagen.datasets.episode.Frame`) to a tensor of shape (num_envs, ...)."""


class FrameSource:
    """Reads everything that a frame holds, all of the same instant."""

    def __init__(
        self,
        env: ManagerBasedRLEnv,
        channels: Mapping[str, ChannelCfg | None],
        cameras: Sequence[str],
        data_types: Sequence[str] = ("rgb",),
        sources: Sequence[str] = SOURCES,
    ) -> None:
        """Resolve channels and cameras.

        Args:
            env: What is read.
            channels: Quantities of the task's own.
            cameras: Whose images are read.
            data_types: What of each camera.
            sources: Which of the quantities that every task has.

        Raises:
            UsageError: If a camera is not in the scene.
        """
        self._env = env
        self._channels = resolve({name: cfg for name, cfg in channels.items() if cfg and not cfg.of_action}, env)
        self._of_action = resolve({name: cfg for name, cfg in channels.items() if cfg and cfg.of_action}, env)
        self._sources = frozenset(sources)
        self.cameras = {name: _camera(env, name) for name in cameras}
        self._data_types = tuple(data_types)
        self._rendered = False

    def render(self) -> None:
        """Begin with the images of the frame that is read next; nothing may change in the simulation until then.

        A GPU renders beside what the simulation thread does next.
        """
        if not self.cameras:
            return
        # an interval event may have moved something since the last step
        self._env.sim.forward()
        for camera in self.cameras.values():
            # marks the image as outdated: what was written to the simulation since the last step counts
            camera.update(0.0)
            _ = camera.data  # renders
        self._rendered = True

    def forget(self) -> None:
        """Render anew: the simulation has changed since."""
        self._rendered = False

    def read(self, images: bool = True) -> Batch:
        """Read a frame without its action."""
        env = self._env
        env.sim.forward()
        batch = flatten("observations", env.obs_buf) if "observations" in self._sources else {}
        if "scene" in self._sources:
            batch |= flatten("scene", env.scene.get_state(is_relative=True))
        if "command" in self._sources:
            for name in env.command_manager.active_terms:
                batch[f"command/{name}"] = env.command_manager.get_command(name)
        batch |= {name: func(env, **params) for name, (func, params) in self._channels.items()}
        if images:
            batch |= self._images()
        return batch

    def actions(self) -> Batch:
        """The action of this step as the actor gave it, and as the action terms processed it."""
        manager = self._env.action_manager
        batch = {name: func(self._env, **params) for name, (func, params) in self._of_action.items()}
        if "processed_action" in self._sources:
            processed = [manager.get_term(name).processed_actions for name in manager.active_terms]
            batch["processed_action"] = torch.cat(processed, dim=-1)
        return {"action": manager.action, **batch}

    def _images(self) -> Batch:
        if not self._rendered:
            self.render()
        self._rendered = False
        batch = {}
        seen = {name: camera.data for name, camera in self.cameras.items()}
        for name, data in seen.items():
            assert data.output is not None  # None is only before the first reading
            batch |= streams(name, data.output, self._data_types)
        if seen:
            # of all cameras at once: a GPU's time goes into the number of calls
            poses = torch.eye(4, device=self._env.device).repeat(len(seen), self._env.num_envs, 1, 1)
            poses[..., :3, :3] = matrix_from_quat(torch.stack([_torch(data.quat_w_ros) for data in seen.values()]))
            positions = torch.stack([_torch(data.pos_w) for data in seen.values()])
            poses[..., :3, 3] = positions - self._env.scene.env_origins
            batch |= {f"extrinsics/{name}": pose for name, pose in zip(seen, poses, strict=True)}
        return batch

    def intrinsics(self) -> dict[str, list[list[float]]]:
        """Camera name to its 3x3 matrix [pixels], the same in every environment."""
        return {name: _torch(camera.data.intrinsic_matrices)[0].cpu().tolist() for name, camera in self.cameras.items()}

    def segmentation_labels(self) -> dict[str, dict[str, Any]]:
        """Kind of segmentation to what its numbers mean, in every camera and environment."""
        found: dict[str, dict[str, Any]] = {}
        for camera in self.cameras.values():
            for kind, meaning in labels(camera.data.info, self._data_types).items():
                found.setdefault(kind, {}).update(meaning)
        return found


def _camera(env: ManagerBasedRLEnv, name: str) -> Camera:
    from isaaclab.sensors import Camera  # loads simulation modules: not before Kit has started

    cameras = [key for key, sensor in env.scene.sensors.items() if isinstance(sensor, Camera)]
    if name not in cameras:
        raise UsageError(f"camera {name!r} is not in the scene: choose from {', '.join(cameras) or 'none'}")
    return cast("Camera", env.scene.sensors[name])


Resolved = dict[str, tuple[Callable[..., Any], dict[str, Any]]]
"""Name to a function of the environment and its arguments."""


def resolve(channels: Mapping[str, ChannelCfg], env: ManagerBasedRLEnv) -> Resolved:
    """Channels ready to be computed."""
    return {name: (cfg.func, _resolved(cfg.params, env)) for name, cfg in channels.items()}


def _resolved(params: Mapping[str, Any], env: ManagerBasedRLEnv) -> dict[str, Any]:
    resolved = dict(params)
    for key, value in params.items():
        if isinstance(value, SceneEntityCfg):
            resolved[key] = deepcopy(value)
            resolved[key].resolve(env.scene)
            resolved[key].finalize(str(env.device))  # numbers would be copied to a GPU at each frame
    return resolved


def flatten(prefix: str, tree: Any) -> Batch:
    """Nested dictionaries of tensors as one, with ``/`` between the names."""
    if isinstance(tree, torch.Tensor):
        return {prefix: tree}
    return {name: tensor for key, value in tree.items() for name, tensor in flatten(f"{prefix}/{key}", value).items()}


def _torch(value: Any) -> torch.Tensor:
    """Isaac Lab's data are tensors, or proxies that hold one."""
    return value if isinstance(value, torch.Tensor) else value.torch
