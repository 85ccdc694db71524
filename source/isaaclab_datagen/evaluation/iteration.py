"""Test, collect, finetune A, finetune B, and again: the loop of Rev2Fwd, through the disk, one process a phase.

A phase that is over is noted in ``state.json``, in one atomic step; what it wrote appeared whole before. So a kill at
any point loses at most the phase that ran, and of a training only what came after its last checkpoint.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from isaaclab_datagen.datasets.files import FolderLock, write_atomically
from isaaclab_datagen.datasets.manifest import differences
from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.evaluation.alternation import DIRECTIONS
from isaaclab_datagen.policies import checkpoints

STATE = "state.json"
_MAY_CHANGE = ("max_iterations",)


@dataclass(frozen=True)
class LoopConfig:
    """The loop's variables."""

    policy_a_dir: str
    """Policy of task A that the loop begins with."""
    policy_b_dir: str
    data_a: str
    """What it was trained on."""
    data_b: str
    out_dir: str = "runs/iterative"
    """Folder of everything that the loop makes."""
    max_iterations: int = 10
    steps_per_iter: int = 5000
    """Training steps of each finetuning."""
    max_cycles: int = 50
    horizon: int = 400
    batch_size: int = 32
    height_threshold: float = 0.15
    distance_threshold: float = 0.05
    goal_x: float = 0.5
    goal_y: float = 0.0
    num_envs: int = 64
    seed: int = 2000
    """Of the first alternation; each takes another one."""
    attempts: int = 3
    """How often an alternation without any success is tried again, with another seed, before the loop stops."""


@dataclass(frozen=True)
class Phase:
    """One process of the loop."""

    name: str
    script: str
    words: tuple[str, ...]


@dataclass
class State:
    """What is done."""

    config: dict[str, Any]
    done: dict[str, Any] = field(default_factory=dict)
    """Phase to what it found."""
    begun: dict[str, Any] = field(default_factory=dict)
    """Report of an alternation to what it was asked for: what it says holds for that alone."""


Runner = Callable[[Phase], None]
"""Runs a phase to its end; raises RunError if it fails."""


class Loop:
    """The loop, at the point where its folder says it is."""

    def __init__(
        self,
        config: LoopConfig,
        run: Runner,
        extra: Mapping[str, tuple[str, ...]],
        devices: Sequence[str] = (),
    ) -> None:
        """Open the folder.

        Args:
            config: The variables.
            run: Runs a phase.
            extra: Script to further words for it.
            devices: Where the policies are finetuned; of two, each takes one, at the same time.

        Raises:
            UsageError: The folder holds a loop of other variables.
            RunError: Another process works in it.
        """
        self.config, self._run, self._extra, self._devices = config, run, dict(extra), tuple(devices)
        self._noting = threading.Lock()
        self.folder = Path(config.out_dir)
        self._lock = FolderLock(self.folder)
        self.state = self._open()

    def close(self) -> None:
        """Let another process in."""
        self._lock.release()

    def run(self) -> str:
        """Go on to the end.

        Returns:
            What is done.

        Raises:
            RunError: A phase failed, or no leg succeeded.
        """
        for number in range(1, self.config.max_iterations + 1):
            self._alternate(number)
            self._finetune_both(number)
        last = self.config.max_iterations + 1
        self._alternate(last)  # what came out of the last iteration
        return f"{self.config.max_iterations} iterations are done"

    def results(self) -> dict[int, dict[str, Any]]:
        """Iteration to the figures of its test; iteration 1 tests what the loop began with."""
        return {
            int(name.split(".")[0].removeprefix("iter")): found
            for name, found in self.state.done.items()
            if name.endswith(".alternate")
        }

    def policy(self, number: int, name: str) -> str:
        """Policy that iteration ``number`` begins with."""
        for before in range(number - 1, 0, -1):
            if self.state.done.get(f"iter{before}.finetune_{name}", {}).get("policy"):
                return self.state.done[f"iter{before}.finetune_{name}"]["policy"]
        return self.config.policy_a_dir if name == "A" else self.config.policy_b_dir

    def rollouts(self, number: int, name: str) -> list[str]:
        """Datasets with successes, of all iterations up to ``number``."""
        found = self.results()
        return [found[n]["rollouts"][name] for n in sorted(found) if n <= number and found[n][f"{name}_successes"] > 0]

    def _alternate(self, number: int) -> None:
        """Test both policies and record."""
        name = f"iter{number}.alternate"
        if name in self.state.done:
            return
        for attempt in range(self.config.attempts):
            found = self._tried(number, attempt)
            if any(found[f"{direction}_successes"] for direction in DIRECTIONS):
                self._note(name, found)
                return
            print(f"iteration {number}: no leg succeeded with seed {found['seed']}; another seed is tried")
        raise RunError(
            f"stopped in iteration {number}: no leg succeeded with {self.config.attempts} seeds. Train longer, or make "
            "success easier (HEIGHT_THRESHOLD, DISTANCE_THRESHOLD, HORIZON)"
        )

    def _tried(self, number: int, attempt: int) -> dict[str, Any]:
        config, folder = self.config, self.folder / f"iter_{number:03d}"
        seed = config.seed + 100 * number + attempt
        report = folder / f"alternation_{seed}.json"
        rollouts = {name: folder / f"rollout_{name}_{seed}" for name in DIRECTIONS}
        words = [f"--policy_{name}={self.policy(number, name)}" for name in DIRECTIONS]
        words += [f"--out_{name}={path}" for name, path in rollouts.items()]
        same = ("max_cycles", "horizon", "num_envs", "height_threshold", "distance_threshold")
        words += [f"--{name}={getattr(config, name)}" for name in same]
        words += [f"--seed={seed}", f"--report={report}"]
        words += ["--goal_xy", str(config.goal_x), str(config.goal_y)]
        weights = {name: _weights(self.policy(number, name)) for name in DIRECTIONS}
        asked = {"words": self._words("alternate.py", words), "weights": weights}
        if not report.is_file() or self.state.begun.get(report.name) != asked:
            report.unlink(missing_ok=True)
            for path in rollouts.values():  # of a run that was killed before the report appeared, or of other variables
                shutil.rmtree(path, ignore_errors=True)
            self.state.begun[report.name] = asked
            self._save()
            self._start(f"iter{number}.alternate", "alternate.py", words)
        return {**json.loads(report.read_text()), "rollouts": {name: str(path) for name, path in rollouts.items()}}

    def _finetune_both(self, number: int) -> None:
        if len(self._devices) < 2:
            for name in DIRECTIONS:
                self._finetune(number, name)
            return
        with ThreadPoolExecutor(len(DIRECTIONS)) as pool:
            for running in [pool.submit(self._finetune, number, name) for name in DIRECTIONS]:
                running.result()

    def _finetune(self, number: int, name: str) -> None:
        phase, config = f"iter{number}.finetune_{name}", self.config
        if phase in self.state.done:
            return
        rollouts = self.rollouts(number, name)
        if not self.results()[number][f"{name}_successes"]:
            print(f"iteration {number}: no success of task {name}: its policy stays as it is")
            self._note(phase, {"policy": None})
            return
        out = self.folder / f"iter_{number:03d}" / f"policy_{name}"
        data = config.data_a if name == "A" else config.data_b
        words = [f"--finetune={self.policy(number, name)}", f"--out={out}", "--original_data", data, "--rollout_data"]
        words += [*rollouts, f"--steps={config.steps_per_iter}", f"--batch_size={config.batch_size}"]
        words += [f"--cache={self.folder / 'cache'}", f"--seed={config.seed + number}"]
        if self._devices:
            words += [f"--device={self._devices[DIRECTIONS.index(name) % len(self._devices)]}"]
        self._start(phase, "learn.py", words)
        self._note(phase, {"policy": str(out), "rollouts": rollouts})

    def _start(self, name: str, script: str, words: list[str]) -> None:
        self._run(Phase(name, script, tuple(self._words(script, words))))

    def _words(self, script: str, words: list[str]) -> list[str]:
        return [*words, *self._extra.get(script, ())]

    def _note(self, name: str, found: Mapping[str, Any]) -> None:
        with self._noting:
            self.state.done[name] = dict(found)
            self._save()

    def _save(self) -> None:
        write_atomically(self.folder / STATE, json.dumps(asdict(self.state), indent=1).encode())

    def _open(self) -> State:
        path, config = self.folder / STATE, asdict(self.config)
        if not path.is_file():
            return State(config)
        try:
            state = State(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise RunError(f"{path} cannot be read ({error}). Give another OUT_DIR") from error
        fixed = {name: value for name, value in config.items() if name not in _MAY_CHANGE}
        there = {name: value for name, value in state.config.items() if name not in _MAY_CHANGE}
        if state.done and (wrong := differences(there, fixed)):
            raise UsageError(f"{self.folder} holds a loop of other variables: {'; '.join(wrong)}. Give another OUT_DIR")
        state.config = config
        return state


def _weights(policy: str) -> list[int] | None:
    """Which weights a policy has: size and time of their file; None where there is none."""
    try:
        file = checkpoints.resolve(Path(policy)) / "model.safetensors"
    except UsageError:
        return None
    return [file.stat().st_size, file.stat().st_mtime_ns]
