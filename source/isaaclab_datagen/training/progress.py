"""What a training tells while it runs: a bar, a log, TensorBoard, a picture of the loss, Weights & Biases."""

from __future__ import annotations

import importlib.util
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.training.options import TrainOptions
from isaaclab_datagen.training.runs import Run

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402 (after the choice of its back end)

LOG, PICTURE = "log.jsonl", "loss.png"


class Progress:
    """Of the main process."""

    def __init__(self, run: Run, options: TrainOptions, config: Any) -> None:
        """Open everything."""
        self.folder = run.folder
        phase = run.phase
        self._bar = tqdm(total=phase.end, initial=run.step, unit="step", dynamic_ncols=True)
        self._board = SummaryWriter(str(run.folder / "tensorboard"), purge_step=run.step)
        self._wandb = _wandb(run, options, config) if options.wandb else None
        self._since = time.monotonic(), run.step

    def step(self) -> None:
        """After every step."""
        self._bar.update()

    def log(self, step: int, values: dict[str, float]) -> None:
        """Every now and then."""
        now = time.monotonic()
        values = {**values, "steps_per_second": (step - self._since[1]) / max(1e-9, now - self._since[0])}
        self._since = now, step
        with (self.folder / LOG).open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            self._board.add_scalar(f"train/{name}", value, step)
        if self._wandb is not None:
            self._wandb.log(values, step=step)
        self._bar.set_postfix_str(f"loss {values['loss']:.4f}", refresh=False)

    def close(self) -> None:
        """Draw the picture and close everything."""
        self._bar.close()
        self._board.close()
        draw(self.folder)
        if self._wandb is not None:
            self._wandb.finish()


def draw(folder: Path) -> None:
    """Draw ``loss.png`` from the log. Steps that were taken twice, because of a kill, count once."""
    path = folder / LOG
    lines = path.read_text().splitlines() if path.is_file() else []
    losses = {entry["step"]: entry["loss"] for entry in map(json.loads, lines)}
    figure, axes = pyplot.subplots(figsize=(7, 4))
    axes.semilogy(sorted(losses), [losses[step] for step in sorted(losses)])
    axes.set(xlabel="step", ylabel="loss (mean squared error of the noise)", title=folder.name)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(folder / PICTURE, dpi=120)
    pyplot.close(figure)


def log_in() -> None:
    """Log in to Weights & Biases. Errors as :func:`_library`."""
    with _library() as wandb:
        wandb.login()


def _wandb(run: Run, options: TrainOptions, config: Any) -> Any:
    """A run there: the same one wherever this training goes on."""
    if "wandb" not in run.phase.notes:
        run.phase.notes["wandb"] = secrets.token_hex(8)
        run.save()
    settings = {**options.identity(), "policy_config": config}
    names = {"project": "isaaclab_datagen", "name": run.folder.name, "id": run.phase.notes["wandb"]}
    with _library() as wandb:
        return wandb.init(**names, dir=run.folder, config=settings, resume="allow")


@contextmanager
def _library() -> Iterator[Any]:
    """Weights & Biases, loaded only where it is asked for: it starts a service.

    Raises:
        UsageError: It is not installed, knows no key, or does not reach its server.
    """
    if importlib.util.find_spec("wandb") is None:
        raise UsageError("--wandb needs Weights & Biases, which is not installed: pip install wandb")
    import wandb.errors

    try:
        yield wandb
    except wandb.errors.Error as error:
        raise UsageError(f"--wandb: {error} (`wandb login` logs in, WANDB_MODE=offline does without)") from error
