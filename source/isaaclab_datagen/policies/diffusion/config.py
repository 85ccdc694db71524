"""The configuration of LeRobot's Diffusion Policy for what a dataset holds."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import yaml
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig

from isaaclab_datagen.datasets.features import READY
from isaaclab_datagen.errors import UsageError, is_out_of_memory
from isaaclab_datagen.policies.signature import Signature

IMAGE = "observation.images."
ACTION = "action"
CROP = 0.905
"""Share of an image that is cropped: 76 of 84 pixels, as in C. Chi et al., Diffusion Policy, 2023."""

DEFAULTS: dict[str, Any] = {
    "n_obs_steps": 2,
    "horizon": 16,
    "n_action_steps": 8,
    "drop_n_last_frames": None,
    "pretrained_backbone_weights": None,  # nothing is downloaded; group norm cannot stand in a pretrained network
    "use_group_norm": True,  # averaged weights do not go together with batch norm
    "noise_scheduler_type": "DDIM",
    "num_train_timesteps": 100,
    "num_inference_steps": 10,
    "push_to_hub": False,
}
"""Where this project differs from LeRobot's defaults: the horizons of the paper, nothing from a network."""

_CLOSED = (
    "input_features",
    "output_features",
    "device",
    "type",
    "repo_id",
    "push_to_hub",
    "pretrained_path",
    "use_amp",
)
"""Fields that are not a user's: of the data, of a hub, or, ``use_amp``, what ``learn.py --amp`` says."""
_MAY_BE_ZERO = ("drop_n_last_frames", "scheduler_warmup_steps")
"""Counts; of the others there is at least one."""


def image_keys(signature: Signature) -> list[str]:
    """What LeRobot calls the cameras' images, in order."""
    return [IMAGE + camera for camera in signature.cameras]


def features(signature: Signature) -> tuple[dict[str, PolicyFeature], dict[str, PolicyFeature]]:
    """The policy's inputs and outputs, by LeRobot's names."""
    images = {key: PolicyFeature(FeatureType.VISUAL, (3, *signature.image_shape)) for key in image_keys(signature)}
    state = PolicyFeature(FeatureType.STATE, (len(signature.state.names),))
    return {**images, READY: state}, {ACTION: PolicyFeature(FeatureType.ACTION, (signature.action_dim,))}


def make(signature: Signature, asked: Mapping[str, str], device: str) -> DiffusionConfig:
    """Make the configuration.

    Args:
        signature: What goes in and comes out.
        asked: Field to value, as text, as ``--policy.field=value`` gave them.
        device: Where the policy is put.

    Raises:
        UsageError: There is no such field, or its value cannot be.
    """
    height, width = signature.image_shape
    crop = (2 * round(CROP * height / 2), 2 * round(CROP * width / 2))
    values = {**DEFAULTS, "crop_shape": crop, **parse(asked)}
    if values["drop_n_last_frames"] is None:
        values["drop_n_last_frames"] = max(0, values["horizon"] - values["n_action_steps"] - values["n_obs_steps"] + 1)
    if values["n_action_steps"] > values["horizon"] - values["n_obs_steps"] + 1:
        raise UsageError(
            f"--policy.n_action_steps={values['n_action_steps']}: at most horizon - n_obs_steps + 1 = "
            f"{values['horizon'] - values['n_obs_steps'] + 1} of the predicted actions lie ahead"
        )
    inputs, outputs = features(signature)
    with refusing(asked):
        config = DiffusionConfig(input_features=inputs, output_features=outputs, device=device, **values)
        config.validate_features()
    for name, value in parse(asked).items():
        if (found := getattr(config, name)) != value:
            raise UsageError(f"--policy.{name}={asked[name]}: it becomes {found} all the same")
    return config


@contextmanager
def refusing(asked: Mapping[str, str]) -> Iterator[None]:
    """Name the fields that a user set where only the making of a policy or its optimiser finds that they cannot be.

    Args:
        asked: As in :func:`make`. Where nothing was asked, an error is the program's own.

    Raises:
        UsageError: They cannot be.
    """
    try:
        yield
    except Exception as error:  # whatever the libraries raise for a bad value
        if not asked or is_out_of_memory(error):
            raise
        fields = " ".join(f"--policy.{name}={text}" for name, text in asked.items())
        raise UsageError(f"{fields}: {str(error) or type(error).__name__}") from error


def parse(asked: Mapping[str, str]) -> dict[str, Any]:
    """Values of ``--policy.field=value``, read as YAML.

    Raises:
        UsageError: There is no such field that a user may set, or its value is of another kind.
    """
    known = {field.name: field for field in dataclasses.fields(DiffusionConfig) if field.name not in _CLOSED}
    values: dict[str, Any] = {}
    for name, text in asked.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)
            raise UsageError(f"--policy.{name}: no such field, choose from {', '.join(near)}")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(f"--policy.{name}={text}: cannot be read ({error})") from error
        if isinstance(known[name].default, float) and isinstance(value, str):  # to YAML 2e-4 is text, 2.0e-4 a number
            with suppress(ValueError):
                value = float(value)
        values[name] = tuple(value) if isinstance(value, list) else value
        _check_kind(name, known[name].default, values[name])
    return values


def of_training(name: str) -> bool:
    """Whether a field says how a policy is trained, not what it is: a finetuning may have another one."""
    return name.startswith(("optimizer_", "scheduler_"))


def _check_kind(name: str, default: Any, value: Any) -> None:
    if value is None and DEFAULTS.get(name, default) is None:
        return
    kinds = {bool: (bool,), int: (int,), float: (int, float), str: (str,), tuple: (tuple,)}.get(type(default))
    if kinds is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
        raise UsageError(f"--policy.{name}={value!r}: must be like {default!r}")
    least = 0 if isinstance(default, float) or name in _MAY_BE_ZERO else 1
    if isinstance(value, int | float) and not isinstance(value, bool) and not least <= value < math.inf:
        raise UsageError(f"--policy.{name}={value!r}: must be a number, at least {least}")
