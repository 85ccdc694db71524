"""A run folder: which trainings it holds, and where one that was stopped goes on.

``run.json`` lists the phases: a training, and finetunings that went on from it in the same folder. Steps are counted
through all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isaaclab_datagen.datasets.files import FolderLock, write_atomically
from isaaclab_datagen.datasets.manifest import differences
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.policies.checkpoints import CHECKPOINTS, LAST, MODEL, STATE, resolve, step_of
from isaaclab_datagen.training import corpus
from isaaclab_datagen.training.options import TrainOptions

FILE = "run.json"


@dataclass
class Phase:
    """One training of a run."""

    identity: dict[str, Any]
    start: int
    """Step at which it begins."""
    end: int
    """Step at which it ends."""
    model: str | None = None
    """``pretrained_model`` that it begins with."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What was found: ``data``, ``outside`` (data beyond the policy's ranges), ``wandb`` (the run there)."""


@dataclass
class Run:
    """A run folder that is open for training."""

    folder: Path
    phases: list[Phase]

    @property
    def phase(self) -> Phase:
        """The one that is worked on."""
        return self.phases[-1]

    @property
    def checkpoint(self) -> Path | None:
        """The newest checkpoint of this phase, to go on from; None where there is none yet."""
        last = self.folder / CHECKPOINTS / LAST
        if not (last / MODEL).is_dir():
            return None
        return last.resolve() if self.phase.start < step_of(last / MODEL) <= self.phase.end else None

    @property
    def step(self) -> int:
        """Where the training stands."""
        return self.phase.start if self.checkpoint is None else step_of(self.checkpoint / MODEL)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.step >= self.phase.end

    def save(self) -> None:
        """Write ``run.json``."""
        phases = [vars(phase) for phase in self.phases]
        write_atomically(self.folder / FILE, json.dumps({"version": 1, "phases": phases}, indent=1).encode())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run folder, which is made where there is none.

    Raises:
        UsageError: It is a file.
        RunError: Another training runs in it.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder}: a file. Give a folder")
    lock = FolderLock(folder)
    try:
        yield
    finally:
        lock.release()


def open_run(options: TrainOptions) -> Run:
    """Open a run folder for what is asked: go on with it, begin it, or add a finetuning to it.

    Raises:
        UsageError: It holds something else, or the data are others than when it began.
        RunError: The data are broken.
    """
    folder = options.out
    run = Run(folder, _phases(folder))
    if run.phases and run.phase.identity == options.identity():
        if not run.finished and run.checkpoint is not None and not (run.checkpoint / STATE).is_dir():
            raise UsageError(f"{run.checkpoint} has no {STATE}: it cannot be gone on with. Finetune it instead")
        _go_on(run, options)
        return run
    if run.phases and not run.finished:
        wrong = "; ".join(differences(run.phase.identity, options.identity()))
        raise UsageError(f"{folder} holds an unfinished training of other options: {wrong}. Give another --out")
    model = None if options.finetune is None else resolve(options.finetune)
    if run.phases and model is None:
        raise UsageError(f"{folder} holds a finished training: --finetune {folder} goes on from it; or another --out")
    start = 0 if model is None else step_of(model)
    if run.phases and start < run.phase.end:
        raise UsageError(
            f"{folder} was trained to step {run.phase.end}, {options.finetune} stands at {start}: give another --out"
        )
    phase = Phase(options.identity(), start, start + options.steps, None if model is None else str(model))
    run.phases.append(phase)
    return run


def _go_on(run: Run, options: TrainOptions) -> None:
    """Say where nothing is left to do; else see that the data are those of the beginning, if anything was learned."""
    if run.finished:
        print(f"nothing left to do: {run.folder} is trained to step {run.phase.end}. --finetune goes on from there")
    elif run.checkpoint is None:
        for name in ("data", "outside"):
            run.phase.notes.pop(name, None)
    else:
        corpus.require_unchanged(options, run.phase.notes["data"])


def _phases(folder: Path) -> list[Phase]:
    path = folder / FILE
    if not path.is_file():
        if (folder / CHECKPOINTS).exists():
            raise UsageError(f"{folder} holds checkpoints of another program. Give another --out")
        return []
    try:
        return [Phase(**phase) for phase in json.loads(path.read_text())["phases"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be read ({error!r}). Give another --out") from error
