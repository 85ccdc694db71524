"""An RSL-RL network as an actor: its mean actions, with the observation normaliser it was trained with."""

from __future__ import annotations

import copy
import importlib.metadata
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from isaaclab.utils import to_dict
from isaaclab.utils.array import index_fill_
from isaaclab.utils.io import load_yaml
from isaaclab_rl.rsl_rl import handle_deprecated_rsl_rl_cfg
from rsl_rl.models import MLPModel
from rsl_rl.utils import resolve_class, resolve_obs_groups
from tensordict import TensorDict

from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts import layouts

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started


@dataclass(frozen=True)
class Spaces:
    """What a task gives to a network and takes from it."""

    observations: Mapping[str, tuple[int, ...]]
    """Shape of each observation group, without the environments' axis. One that is a dictionary counts as flat."""
    actions: int

    @classmethod
    def of(cls, env: ManagerBasedRLEnv) -> Spaces:
        """Read an environment's spaces."""
        groups = env.observation_manager.group_obs_dim
        shapes = {
            name: shape if isinstance(shape, tuple) else (sum(math.prod(term) for term in shape),)
            for name, shape in groups.items()
        }
        return cls(shapes, env.action_manager.total_action_dim)


class RlPolicy:
    """A trained network, acting without exploration noise."""

    def __init__(self, model: MLPModel, clip: float | None, num_envs: int, device: str) -> None:
        """Wrap a network.

        Args:
            model: RSL-RL model, in evaluation mode.
            clip: Actions are cut to +- this, or left alone when None.
            num_envs: Number of parallel environments, N.
            device: Device that the network lies on.
        """
        self._model = model
        self._clip = clip
        self._num_envs = num_envs
        self._device = device

    def reset(self, env_ids: torch.Tensor) -> None:
        """Forget the recurrent state, where the network has one, of some environments (K,)."""
        dones = torch.zeros(self._num_envs, dtype=torch.long, device=self._device)
        index_fill_(dones, env_ids, 1)
        self._model.reset(dones)

    @torch.no_grad()
    def act(self, observations: Mapping[str, Any]) -> torch.Tensor:
        """Return the mean actions (N, A) for the observation groups that the network reads.

        Each is (N, D), or a dictionary of its terms, which is made flat in its order.
        """
        groups = {name: flat(observations[name]) for name in self._model.obs_groups}
        actions = self._model(TensorDict(groups, batch_size=[self._num_envs]))
        return actions if self._clip is None else actions.clamp(-self._clip, self._clip)


def flat(observation: torch.Tensor | Mapping[str, torch.Tensor]) -> torch.Tensor:
    """A group's terms side by side, (N, D); a group that is one tensor stays as it is."""
    if isinstance(observation, torch.Tensor):
        return observation
    return torch.cat([term.flatten(1) for term in observation.values()], dim=-1)


def load(path: Path, env: ManagerBasedRLEnv, agent_cfg: Any) -> RlPolicy:
    """Load a checkpoint for an environment.

    The network is built as the run that trained it was configured (``params/agent.yaml`` beside the checkpoint), or as
    the task's agent configuration says where that file is missing. A file of an older release says the sizes itself.

    Args:
        path: Checkpoint that RSL-RL saved.
        env: The environment to act in.
        agent_cfg: The task's RSL-RL configuration.

    Raises:
        UsageError: If the file is no such checkpoint, or the network does not fit the task.
    """
    device = str(env.device)
    cfg = training_cfg(path, agent_cfg)
    model = build(path, Spaces.of(env), cfg).to(device)
    check_joints(path, env)
    return RlPolicy(model, cfg.get("clip_actions"), env.num_envs, device)


def check_joints(path: Path, env: ManagerBasedRLEnv) -> None:
    """Refuse a network that was trained with other joints, or in another order, as far as its file tells.

    Raises:
        UsageError: Names the first one that differs.
    """
    for name, trained in layouts.joint_names(path).items():
        asset = env.scene.articulations.get(name)
        pairs = zip_longest(trained, asset.joint_names if asset is not None else trained)
        for number, (there, here) in enumerate(pairs):
            if there != here:
                raise UsageError(
                    f"{path} does not fit the task: joint {number} of {name} was {there} in training, is {here} here"
                )


def training_cfg(path: Path, agent_cfg: Any) -> dict[str, Any]:
    """Return the agent configuration that a checkpoint's network is built from."""
    saved = path.parent / "params" / "agent.yaml"
    if saved.is_file():
        return load_yaml(str(saved))
    version = importlib.metadata.version("rsl-rl-lib")
    return to_dict(handle_deprecated_rsl_rl_cfg(copy.deepcopy(agent_cfg), version))


def build(path: Path, spaces: Spaces, cfg: Mapping[str, Any]) -> MLPModel:
    """Build a checkpoint's network on the CPU, in evaluation mode.

    Args:
        path: The checkpoint.
        spaces: Spaces of the task to act in.
        cfg: Agent configuration with ``actor`` and ``obs_groups``.

    Raises:
        UsageError: If the file is no RSL-RL checkpoint, or the network does not fit the task.
    """
    state, older = layouts.read(path)
    sample = TensorDict({name: torch.zeros(1, *shape) for name, shape in spaces.observations.items()}, batch_size=[1])
    actor = layouts.fitting(cfg["actor"], state) if older else dict(cfg["actor"])
    actor_class, actor_cfg = resolve_class(actor)
    try:
        own = {name: groups for name, groups in cfg["obs_groups"].items() if name == "actor"}  # no critic acts
        groups = resolve_obs_groups(sample, own, ["actor"])
        model = actor_class(sample, groups, "actor", spaces.actions, **actor_cfg)
    except ValueError as error:
        raise UsageError(f"{path} does not fit the task: {error}") from error
    # how far actions were scattered while training does not matter here, and a file may lack it
    state = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("distribution.")} | state
    layouts.check_fit(path, model.state_dict(), state)
    model.load_state_dict(state)
    return model.eval()
