"""Checkpoints in LeRobot's layout, written by LeRobot. Each appears whole, by a rename.

``pretrained_model`` holds the averaged weights (EMA), the ones to use; ``training_state`` what the training goes on
with, and those of its weights that are not averaged. Only the newest checkpoint keeps its ``training_state``.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.training_utils import EMAModel
from lerobot.common.train_utils import load_training_state, save_checkpoint
from lerobot.configs.default import DatasetConfig
from lerobot.configs.train import TrainPipelineConfig
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy
from lerobot.processor import NormalizerProcessorStep, PolicyProcessorPipeline
from safetensors.torch import load_model, save_model

from isaaclab_datagen.policies.checkpoints import CHECKPOINTS, LAST, MODEL, STATE
from isaaclab_datagen.policies.signature import Signature
from isaaclab_datagen.training.options import TrainOptions

_RAW = "model.safetensors"
"""Weights that are not averaged, in ``training_state``."""
_AVERAGE = "ema.json"


@dataclass
class Learner:
    """Everything that changes while a policy learns."""

    policy: DiffusionPolicy
    preprocess: PolicyProcessorPipeline
    postprocess: PolicyProcessorPipeline
    optimizer: torch.optim.Optimizer
    scheduler: Any
    average: EMAModel | None
    """Of the weights; in the main process only."""


def save(learner: Learner, signature: Signature, options: TrainOptions, step: int, world: int) -> Path:
    """Write the checkpoint of a step and make it the last one.

    Returns:
        Its folder.
    """
    folder = options.out / CHECKPOINTS / f"{step:06d}"
    staging = folder.with_name(f".{folder.name}")
    shutil.rmtree(staging, ignore_errors=True)
    parameters, average = list(learner.policy.parameters()), learner.average
    assert average is not None
    average.store(parameters)
    try:
        average.copy_to(parameters)
        save_checkpoint(
            staging,
            step,
            _config(learner, options),
            learner.policy,
            learner.optimizer,
            learner.scheduler,
            learner.preprocess,
            learner.postprocess,
            num_processes=world,
            batch_size=options.batch_size,
        )
    finally:
        average.restore(parameters)
    signature.save(staging / MODEL)
    save_model(learner.policy, str(staging / STATE / _RAW))
    (staging / STATE / _AVERAGE).write_text(json.dumps({"optimization_step": average.optimization_step}))
    if folder.exists():  # of a run that was killed between the two renames
        shutil.rmtree(folder)
    staging.rename(folder)
    _point(folder)
    for other in folder.parent.glob("[0-9]*"):
        if other != folder:
            shutil.rmtree(other / STATE, ignore_errors=True)
    return folder


def restore(learner: Learner, checkpoint: Path) -> int:
    """Go on from a checkpoint.

    Returns:
        Its step.
    """
    device = next(learner.policy.parameters()).device
    if learner.average is not None:
        load_model(learner.policy, checkpoint / MODEL / "model.safetensors", device=str(device))
        for shadow, parameter in zip(learner.average.shadow_params, learner.policy.parameters(), strict=True):
            shadow.copy_(parameter.detach())
        saved = json.loads((checkpoint / STATE / _AVERAGE).read_text())
        learner.average.optimization_step = saved["optimization_step"]
    load_model(learner.policy, checkpoint / STATE / _RAW, device=str(device))
    step, _, _ = load_training_state(checkpoint, learner.optimizer, learner.scheduler)
    return step


def _config(learner: Learner, options: TrainOptions) -> TrainPipelineConfig:
    """What LeRobot's own trainer would have been asked, for its tools to read."""
    config = learner.policy.config
    return TrainPipelineConfig(
        dataset=DatasetConfig(f"local/{options.data[0].name}", root=str(options.data[0]), video_backend="pyav"),
        policy=config,
        output_dir=options.out,
        job_name=options.out.name,
        seed=options.seed,
        batch_size=options.batch_size,
        steps=options.steps,
        save_freq=options.save_freq,
        log_freq=options.log_freq,
        env_eval_freq=0,
        optimizer=config.get_optimizer_preset(),
        scheduler=config.get_scheduler_preset(),
    )


def _point(folder: Path) -> None:
    """Let ``last`` name a checkpoint."""
    fresh = folder.with_name(f".{LAST}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name)
    fresh.replace(folder.with_name(LAST))


def ranges(learner: Learner) -> dict[str, dict[str, Any]]:
    """The statistics that a policy normalises with: key to ``min``, ``max`` and more, as arrays."""
    steps: list[Any] = [step for step in learner.preprocess.steps if isinstance(step, NormalizerProcessorStep)]
    found = steps[0]._tensor_stats  # what it was given, or what its file holds
    return {key: {name: tensor.cpu().numpy() for name, tensor in stats.items()} for key, stats in found.items()}
