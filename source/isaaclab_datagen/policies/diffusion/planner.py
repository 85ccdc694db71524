"""LeRobot's Diffusion Policy as a planner of actions for many environments at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lerobot.configs import PolicyFeature, PreTrainedConfig
from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy
from lerobot.policies.factory import make_pre_post_processors
from lerobot.processor import PolicyProcessorPipeline
from safetensors import safe_open
from safetensors.torch import load_model

from isaaclab_datagen.datasets import features
from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.policies.checkpoints import CONFIG, WEIGHTS, reading, resolve
from isaaclab_datagen.policies.diffusion import config as configuration
from isaaclab_datagen.policies.signature import FILE, Signature
from isaaclab_datagen.replayed import replayed

_STATE = features.READY


class DiffusionPlanner:
    """A trained policy. See :class:`~isaaclab_datagen.rollout.wrappers.Planner`."""

    def __init__(self, path: Path, device: str, seed: int = 0, inference_steps: int | None = None) -> None:
        """Load it.

        Args:
            path: Run folder, checkpoint or ``pretrained_model``.
            device: Where it computes.
            seed: Of the noise that its plans begin with.
            inference_steps: Denoising steps; None for those that it was trained with.

        Raises:
            UsageError: It is no diffusion policy of ``learn.py``.
            RunError: A file of it is damaged, or they do not fit together.
        """
        model = resolve(path)
        self.signature = Signature.load(model)
        config = read_config(model, device, self.signature)
        self.policy = load_policy(model, config)
        if inference_steps is not None:
            self.policy.diffusion.num_inference_steps = inference_steps
        there = {"device_processor": {"device": device}}
        self._before, self._after = load_processors(
            model, config, preprocessor_overrides=there, postprocessor_overrides=there
        )
        self._keys = configuration.image_keys(self.signature)
        self._generator = torch.Generator(device).manual_seed(seed)
        self._device = device
        self._chunk = replayed(self._predict, device)
        self.n_obs_steps, self.n_action_steps = config.n_obs_steps, config.n_action_steps
        self.action_dim = self.signature.action_dim

    def prepare(self, frame: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The state (N, D), and each camera's images (N, H, W, 3) uint8, of a frame as the recorder reads it."""
        kept = {_STATE: features.state(self.signature.state, frame, torch.cat).float().to(self._device)}
        for key, camera in zip(self._keys, self.signature.cameras, strict=True):
            kept[key] = frame[f"images/{camera}"].to(self._device)
        return kept

    @torch.no_grad()
    def plan(self, history: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Actions (B, n_action_steps, A)."""
        batch = {key: history[key].movedim(-1, -3).float().div(255) for key in self._keys}
        batch[_STATE] = history[_STATE]
        shape = (len(batch[_STATE]), self.policy.config.horizon, self.action_dim)
        noise = torch.randn(shape, generator=self._generator, device=self._device)
        ready = self._before(batch)
        actions = self._after(self._chunk(noise, ready[_STATE], *(ready[key] for key in self._keys)))
        return _unit(actions, self.signature.action_quaternion)

    def _predict(self, noise: torch.Tensor, state: torch.Tensor, *images: torch.Tensor) -> torch.Tensor:
        """Normalised actions (B, n_action_steps, A), of normalised inputs."""
        self.policy.reset()
        batch = {_STATE: state, **dict(zip(self._keys, images, strict=True))}
        return self.policy.predict_action_chunk(batch, noise=noise)


def read_config(model: Path, device: str, signature: Signature) -> DiffusionConfig:
    """A saved policy's configuration.

    Args:
        model: A ``pretrained_model`` folder.
        device: Where the policy is to be put.
        signature: The policy's.

    Raises:
        UsageError: It is another kind of policy.
        RunError: It is damaged, or has other inputs or outputs than the signature.
    """
    path = model / CONFIG
    with reading(path):
        config = PreTrainedConfig.from_pretrained(model)
    if not isinstance(config, DiffusionConfig):
        raise UsageError(f"{model} is a {config.type} policy, not a diffusion policy")
    inputs, outputs = configuration.features(signature)
    here = _shapes({**(config.input_features or {}), **(config.output_features or {})})
    there = _shapes({**inputs, **outputs})
    differing = [key for key in sorted({*here, *there}) if here.get(key) != there.get(key)]
    if differing:
        wrong = "; ".join(f"{key} {here.get(key, 'absent')} and {there.get(key, 'absent')}" for key in differing)
        raise RunError(f"{path} and {FILE} differ, give another checkpoint ({wrong})")
    config.device = device
    return config


def load_policy(model: Path, config: DiffusionConfig) -> DiffusionPolicy:
    """A saved policy, in evaluation mode.

    Args:
        model: A ``pretrained_model`` folder.
        config: What it will have: its own, see :func:`read_config`.

    Raises:
        RunError: The weights are damaged, or of other networks.
    """
    with reading(model / CONFIG):
        policy = DiffusionPolicy(config)
    with reading(model / WEIGHTS):
        load_model(policy, model / WEIGHTS)
    policy.to(config.device)
    return policy.eval()


def load_processors(
    model: Path, config: DiffusionConfig, **overrides: Any
) -> tuple[PolicyProcessorPipeline, PolicyProcessorPipeline]:
    """What prepares a saved policy's inputs, and what makes actions of its outputs.

    Args:
        model: A ``pretrained_model`` folder.
        config: Its configuration.
        overrides: As LeRobot takes them: ``preprocessor_overrides``, ``postprocessor_overrides``.

    Raises:
        RunError: A file of theirs is damaged.
    """
    for name in ("policy_preprocessor.json", "policy_postprocessor.json"):
        with reading(model / name):
            json.loads((model / name).read_text())
    for path in sorted(model.glob("policy_*.safetensors")):
        with reading(path), safe_open(path, "pt"):
            pass
    with reading(model / "policy_*.json"):
        return make_pre_post_processors(config, str(model), **overrides)


def _shapes(found: Mapping[str, PolicyFeature]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(feature.shape) for key, feature in found.items()}


def _unit(actions: torch.Tensor, start: int | None) -> torch.Tensor:
    """Actions (B, K, A) whose quaternion has length 1."""
    if start is None:
        return actions
    place = slice(start, start + 4)
    length = actions[..., place].norm(dim=-1, keepdim=True).clamp(min=1e-6)
    return torch.cat([actions[..., :start], actions[..., place] / length, actions[..., start + 4 :]], dim=-1)
