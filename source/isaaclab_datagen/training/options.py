"""What a training is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class TrainOptions:
    """One call of ``learn.py``."""

    out: Path
    """Run folder."""
    data: tuple[Path, ...]
    """Datasets; of a finetuning the original ones."""
    rollouts: tuple[Path, ...] = ()
    """Datasets that the policy, or others, made since; only of a finetuning."""
    finetune: Path | None = None
    """Policy to go on from."""
    steps: int = 8000
    """Optimiser steps of this call, beyond those of :attr:`finetune`."""
    batch_size: int = 32
    """Samples of each process."""
    seed: int = 0
    include_obj_pose: bool = False
    cameras: tuple[str, ...] | None = None
    """Which cameras, in this order; all of the dataset if None."""
    keep_failures: bool = False
    rollout_share: float = 0.5
    """Share of the samples that come from the rollouts; 0.5 takes both sides equally often."""
    noise_draws: int = 1
    """Noises and times that are drawn for each sample; its images are encoded once."""
    policy: Mapping[str, str] = field(default_factory=dict)
    """Fields of the policy's configuration."""
    save_freq: int = 2000
    log_freq: int = 50
    amp: bool = False
    """Compute in bfloat16 where that is safe."""
    compile: bool = False
    """Fuse the encoders' kernels by ``torch.compile``."""
    wandb: bool = False
    cache: Path | None = None
    """Folder for decoded datasets; ``<out>/cache`` if None."""
    device: str | None = None
    """``cpu`` or ``cuda``; the GPU if there is one where None."""
    data_device: str = "auto"
    """Where the images wait: ``gpu``, ``cpu``, or ``auto``: on the GPU if they take less than half of what is free."""

    def identity(self) -> dict[str, object]:
        """All that changes the result, JSON-clean: what a call must share with the one that it goes on with."""
        return {
            "data": [str(path) for path in self.data],
            "rollouts": [str(path) for path in self.rollouts],
            "finetune": None if self.finetune is None else str(self.finetune),
            "steps": self.steps,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "include_obj_pose": self.include_obj_pose,
            "cameras": None if self.cameras is None else list(self.cameras),
            "keep_failures": self.keep_failures,
            "rollout_share": self.rollout_share,
            "noise_draws": self.noise_draws,
            "policy": dict(self.policy),
            "amp": self.amp,
        }
