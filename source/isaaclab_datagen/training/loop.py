"""The training of a policy, from its options to its last checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.training_utils import EMAModel
from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy, SpatialSoftmax
from lerobot.policies.factory import make_pre_post_processors
from torch.nn.parallel import DistributedDataParallel

from isaaclab_datagen.errors import RunError, UsageError, is_out_of_memory
from isaaclab_datagen.policies.checkpoints import CHECKPOINTS, LAST, resolve
from isaaclab_datagen.policies.diffusion import config as configuration
from isaaclab_datagen.policies.diffusion.planner import load_policy, load_processors, read_config
from isaaclab_datagen.policies.signature import Signature
from isaaclab_datagen.training import checkpoints, corpus, crops, draws, graphs, runs
from isaaclab_datagen.training.batches import Batch, Batches, fits
from isaaclab_datagen.training.checkpoints import Learner
from isaaclab_datagen.training.corpus import Corpus
from isaaclab_datagen.training.distributed import Place, processes
from isaaclab_datagen.training.options import TrainOptions
from isaaclab_datagen.training.progress import Progress, log_in
from isaaclab_datagen.training.runs import Run

EMA_POWER = 0.75
"""Of the average's warm-up: with it the decay is 0.999 after 10,000 steps (the Diffusion Policy paper's choice)."""


def train(options: TrainOptions) -> Path:
    """Train, or go on with a training.

    Returns:
        The run's last checkpoint.

    Raises:
        UsageError: What is asked does not fit together.
        RunError: The GPU's memory is exhausted, the loss is not finite, another training runs in the folder, or the
            policy to go on from is damaged.
    """
    with processes(options.device) as place, runs.locked(options.out) if place.main else nullcontext():
        run = place.told(runs.open_run(options) if place.main else None)
        if not run.finished:
            if place.main:
                print(f"training on {place}", flush=True)
            try:
                _train(options, place, run)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                raise RunError(
                    f"the memory of {place.device} is exhausted with --batch_size {options.batch_size}: lower it, "
                    "or give --data_device cpu"
                ) from error
        place.wait()
    return options.out / CHECKPOINTS / LAST


def _train(options: TrainOptions, place: Place, run: Run) -> None:
    if options.wandb and place.main:
        log_in()
    model = None if run.phase.model is None else resolve(Path(run.phase.model))
    known = None if model is None else Signature.load(model)
    if known is not None and options.cameras not in (None, known.cameras):
        asked, sees = ",".join(options.cameras or ()), ",".join(known.cameras)
        raise UsageError(f"--cameras {asked}: the policy that is finetuned sees {sees}, which stays so")
    data = place.main_first(lambda: corpus.load(options, known))
    config = _config(options, data.signature, model, place.device)
    learner = _learner(config, data, model, run, place)
    if place.main:
        _note(run, data, learner, model)
    start = run.step
    if run.checkpoint is not None:
        checkpoints.restore(learner, run.checkpoint)
    place.wait()
    _loop(options, place, run, data, learner, start)


def _config(options: TrainOptions, signature: Signature, model: Path | None, device: torch.device) -> DiffusionConfig:
    """The policy's configuration: new, or that of the policy that is finetuned, with what is asked of the optimiser."""
    if model is None:
        return configuration.make(signature, options.policy, str(device))
    found = read_config(model, str(device), signature)
    asked = configuration.parse(options.policy)
    for name in filter(configuration.of_training, asked):
        setattr(found, name, asked[name])
    wrong = [f"{name} is {getattr(found, name)}" for name, value in asked.items() if getattr(found, name) != value]
    if wrong:
        raise UsageError(f"--policy: the policy that is finetuned stays as it is: {'; '.join(wrong)}")
    return found


def _learner(config: DiffusionConfig, data: Corpus, model: Path | None, run: Run, place: Place) -> Learner:
    torch.manual_seed(run.phase.identity["seed"])
    asked = run.phase.identity["policy"]
    if model is None:
        with configuration.refusing(asked):
            policy = DiffusionPolicy(config)
        policy.to(place.device)
        known = data.statistics(configuration.image_keys(data.signature))
        tensors = {key: {name: torch.from_numpy(v) for name, v in found.items()} for key, found in known.items()}
        before, after = make_pre_post_processors(config, dataset_stats=tensors)
    else:
        policy = load_policy(model, config)
        overrides = {"device_processor": {"device": str(place.device)}}
        before, after = load_processors(model, config, preprocessor_overrides=overrides)
    with configuration.refusing(asked):
        optimizer = config.get_optimizer_preset().build(policy.get_optim_params())
        scheduler = config.get_scheduler_preset().build(optimizer, run.phase.end - run.phase.start)
    average = None
    if place.main:
        average = EMAModel(policy.parameters(), decay=0.9999, use_ema_warmup=True, power=EMA_POWER, foreach=True)
    return Learner(policy, before, after, optimizer, scheduler, average)


def _note(run: Run, data: Corpus, learner: Learner, model: Path | None) -> None:
    """Write down what is learned from, and say where it leaves the policy's ranges."""
    if "data" in run.phase.notes:
        return
    run.phase.notes["data"] = data.describe()
    if model is not None:
        lines = corpus.outside(data, checkpoints.ranges(learner))
        run.phase.notes["outside"] = lines
        for line in lines:
            print(f"note: beyond the policy's range, which stays as it is: {line}")
    run.save()


def _loop(options: TrainOptions, place: Place, run: Run, data: Corpus, learner: Learner, start: int) -> None:
    policy = learner.policy
    batches = _batches(options, place, data, policy.config)
    policy.train()
    if options.amp:
        _keep_exact(policy)
    draws.take_over(policy, options.noise_draws)
    crop, keys = crops.take_over(policy), configuration.image_keys(data.signature)
    prepared = partial(_prepared, learner, crop, keys, options.noise_draws)
    if options.compile:
        graphs.fuse(policy)

    def samples() -> Iterator[np.ndarray]:
        for step in range(start, run.phase.end):
            yield batches.draw((options.seed, step, place.rank), options.batch_size, options.rollout_share)

    if place.device.type == "cuda" and place.world == 1 and not policy.config.compile_model:
        graphs.record(policy, prepared(batches.gather(next(samples()))), options.amp)
    model: Any = policy if place.world == 1 else DistributedDataParallel(policy)
    progress = Progress(run, options, dataclasses.asdict(policy.config)) if place.main else None
    try:
        for step, batch in enumerate(batches.stream(samples()), start + 1):
            torch.manual_seed(_seed(options.seed, step, place.rank))  # crops and noise, as in a run without a stop
            loss, norm = _step(model, learner, prepared(batch), options.amp)
            if progress is not None:
                progress.step()
                logs, saves = (step % n == 0 or step == run.phase.end for n in (options.log_freq, options.save_freq))
                values = _values(loss, norm, learner, step) if logs or saves else {}
                if logs:
                    progress.log(step, values)
                if saves:
                    checkpoints.save(learner, data.signature, options, step, place.world)
    finally:
        if progress is not None:
            progress.close()


def _batches(options: TrainOptions, place: Place, data: Corpus, config: DiffusionConfig) -> Batches:
    """Where batches come from, and the fastest arithmetic that their device has."""
    windows = data.windows(config.n_obs_steps, config.horizon, config.drop_n_last_frames)
    on_device = {"gpu": True, "cpu": False}.get(options.data_device, fits(data, place.device))
    if place.device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    return Batches(data, windows, configuration.image_keys(data.signature), place.device, on_device)


def _prepared(learner: Learner, crop: crops.Prepare, keys: Sequence[str], noise_draws: int, batch: Batch) -> Batch:
    """A batch as the policy takes it: normalised, its images cropped, its actions once for each noise."""
    batch = draws.repeated(learner.preprocess(batch), noise_draws)
    return {**batch, **{key: crop(batch[key]) for key in keys}}


def _step(model: Any, learner: Learner, batch: dict[str, Any], amp: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of the optimiser. Returns the loss and the gradient's norm before it was clipped."""
    device = batch["action"].device.type
    with torch.autocast(device, torch.bfloat16, enabled=amp):
        loss, _ = model(batch)
    loss.backward()
    limit = learner.policy.config.get_optimizer_preset().grad_clip_norm
    norm = torch.nn.utils.clip_grad_norm_(learner.policy.parameters(), limit)
    learner.optimizer.step()
    learner.scheduler.step()
    learner.optimizer.zero_grad(set_to_none=True)
    if learner.average is not None:
        learner.average.step(learner.policy.parameters())
    return loss.detach(), norm


def _keep_exact(policy: torch.nn.Module) -> None:
    """Have coordinates in images computed in float32: bfloat16 knows them to a quarter of a pixel only."""
    for module in policy.modules():
        if isinstance(module, SpatialSoftmax):
            module.forward = partial(_in_float32, module.forward)


def _in_float32(forward: Callable[[torch.Tensor], torch.Tensor], features: torch.Tensor) -> torch.Tensor:
    with torch.autocast(features.device.type, enabled=False):
        return forward(features.float())


def _values(loss: torch.Tensor, norm: torch.Tensor, learner: Learner, step: int) -> dict[str, float]:
    """What is logged. Refuses a loss or a gradient that is not finite: the weights no longer are."""
    values = {"loss": float(loss), "gradient_norm": float(norm), "learning_rate": learner.scheduler.get_last_lr()[0]}
    for name, value in values.items():
        if not np.isfinite(value):
            words = name.replace("_", "'s ")
            raise RunError(f"the {words} is {value} at step {step}: lower the learning rate (--policy.optimizer_lr)")
    return values


def _seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1)[0])
