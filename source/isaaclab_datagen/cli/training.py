"""Isaac Lab's training command, which ends here as all commands do: an error is one line, and leaves no empty run."""

from __future__ import annotations

import argparse
import importlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isaaclab_rl.entrypoints import run_train_cli
from isaaclab_rl.entrypoints.common import RUN_MANIFEST_FILENAME, preserve_attribute

from isaaclab_datagen.cli import launch
from isaaclab_datagen.experts import layouts

if TYPE_CHECKING:
    from rsl_rl.runners import OnPolicyRunner  # takes seconds: not for --help


def train(command: Sequence[str]) -> int:
    """Run Isaac Lab's command, in a simulation that is launched as those of the other scripts.

    What the task gives and takes is known once its environment is there, which Isaac Lab makes: a checkpoint is
    compared with it where RSL-RL loads one.

    Args:
        command: Its words.

    Returns:
        Its exit status.

    Raises:
        SystemExit: As :func:`launch.simulation`.
        UsageError: As :func:`launch.simulation`.
    """
    backend: Any = importlib.import_module("isaaclab_rl.entrypoints.backends.train_rsl_rl")
    runners: Any = importlib.import_module("rsl_rl.runners")
    runner = runners.OnPolicyRunner
    with ExitStack() as stack:
        for target, name in ((backend, "launch_simulation"), (runner, "load"), (runner, "save")):
            stack.enter_context(preserve_attribute(target, name))
        backend.launch_simulation = simulation
        runner.load, runner.save = checked(runner.load), naming(runner.save)
        return run_train_cli(list(command))


@contextmanager
def simulation(env_cfg: Any, args: argparse.Namespace) -> Iterator[None]:
    """Launch what a training needs; its run's folder goes again if the training does not begin.

    Args:
        env_cfg: Resolved environment configuration. Isaac Lab writes the run's folder into it.
        args: Isaac Lab's parsed options.

    Raises:
        SystemExit: As :func:`launch.simulation`.
        UsageError: As :func:`launch.simulation`.
    """
    with launch.simulation(env_cfg, args):
        try:
            yield
        except BaseException:
            if env_cfg.log_dir is not None:
                discard_unbegun(Path(env_cfg.log_dir))
            raise


def checked(load: Any) -> Any:
    """A runner's ``load`` that first compares the checkpoint with the networks made for the task.

    Args:
        load: The method.
    """

    def compare_and_load(runner: OnPolicyRunner, path: str, *args: Any, **kwargs: Any) -> dict:
        layouts.check_same(Path(path), runner.alg.save())
        return load(runner, path, *args, **kwargs)

    return compare_and_load


def naming(save: Any) -> Any:
    """A runner's ``save`` that writes the names of the joints and bodies, which a network does not tell, into the file.

    Args:
        save: The method.
    """

    def save_with_names(runner: OnPolicyRunner, path: str, infos: dict | None = None) -> None:
        from isaaclab_datagen.recorders.provenance import names  # loads simulation modules

        save(runner, path, {**(infos or {}), **names(runner.env.unwrapped.scene)})  # type: ignore[attr-defined]

    return save_with_names


def discard_unbegun(run: Path) -> None:
    """Remove a run's folder in which there is nothing but the manifest: ``latest`` would find it."""
    if [file.name for file in run.rglob("*") if not file.is_dir()] == [RUN_MANIFEST_FILENAME]:
        shutil.rmtree(run)
        with suppress(OSError):  # the experiment has other runs
            run.parent.rmdir()
