"""Segments of whole episodes, timed and weighed, and the tables made of them."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import shutil
import statistics
import time
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from variants import VARIANTS

from isaaclab_datagen.rollout.actor import Actor
from isaaclab_datagen.rollout.loop import rollout

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started

MB = 1e6


@dataclass
class Segment:
    """What one run of all environments from reset to the end of their episodes took."""

    variant: str
    steps: int
    """Steps of every environment: the episodes' length."""
    images: int
    """Images that were read: those of T + 1 frames."""
    seconds: float
    """From the first step until everything is on disk."""
    thread_seconds: float
    """Processor time of the simulation thread meanwhile."""
    process_seconds: float
    """Processor time of all threads and processes meanwhile."""
    stored: int
    """Bytes on disk."""
    peak: float
    """Most resident memory of the process [MB]."""
    growth: float
    """That above what it held before [MB]."""
    device_growth: float
    """Most device memory that torch held above what it held before [MB]."""
    worker_peak: float
    """Most resident memory of the largest process that records, with what it shares [MB]."""
    load: float
    """The machine's load average over the last minute, at the start."""


class Bench:
    """One environment in which segments run."""

    def __init__(self, env: ManagerBasedRLEnv, actor: Actor, options: Namespace, folder: Path) -> None:
        from isaaclab_datagen.recorders import terms  # loads simulation modules: not before Kit has started

        self._env = env
        self._actor = actor
        self._recorder = terms.find(env)
        self._options = options
        self._folder = folder

    def segment(self, variant: str, steps: int) -> Segment:
        """Run one episode of ``steps`` steps in every environment."""
        env, folder = self._env, self._folder / "dataset"
        folder.mkdir()
        # half a step less: a length that is a multiple of the step may be rounded up to one more
        env.cfg.episode_length_s = (steps - 0.5) * env.step_dt
        env.seed(self._options.seed)
        clock, memory, load = Clock(steps), Memory(env.device), os.getloadavg()[0]
        with VARIANTS[variant](env, self._options, folder):
            rollout(env, self._actor, clock.done, before_act=self._recorder.start_frame)
            worker_peak = max((_status("VmHWM", child) for child in _children()), default=0.0)
        seconds = clock.read()
        stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder)
        images = env.num_envs * (steps + 1) * len(self._options.cameras)
        segment = Segment(variant, steps, images, *seconds, stored, *memory.most(), worker_peak, load)
        print(f"{variant}, {steps} steps: {steps / segment.seconds:.1f} steps/s, +{segment.growth:.0f} MB", flush=True)
        return segment


class Clock:
    """Starts when it is first asked, which is before the first step."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        self._start = (0.0, 0.0, 0.0)

    def done(self) -> bool:
        """Whether all steps are taken."""
        self._start = self._start if any(self._start) else self._now()
        self._left -= 1
        return self._left < 0

    def read(self) -> tuple[float, float, float]:
        """Seconds since the start: by the clock, of this thread's processor time, of all processes that have ended."""
        (clock, thread, process), (clock_0, thread_0, process_0) = self._now(), self._start
        return clock - clock_0, thread - thread_0, process - process_0

    def _now(self) -> tuple[float, float, float]:
        return time.perf_counter(), time.thread_time(), sum(os.times()[:4])


class Memory:
    """The most that the process has held since this was made (Linux: ``proc_pid_clear_refs(5)``, ``VmHWM``)."""

    def __init__(self, device: str) -> None:
        self._device = device if device.startswith("cuda") else None
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        self._before = _status("VmRSS")
        if self._device:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self._device)
            self._device_before = torch.cuda.memory_allocated(self._device)

    def most(self) -> tuple[float, float, float]:
        """Peak, growth and device growth [MB]."""
        peak = _status("VmHWM")
        device = torch.cuda.max_memory_allocated(self._device) - self._device_before if self._device else 0
        return peak, peak - self._before, device / MB


def _status(name: str, process: str = "self") -> float:
    lines = _lines(f"/proc/{process}/status")
    return next((int(line.split()[1]) * 1024 / MB for line in lines if line.startswith(name)), 0.0)


def _children() -> list[str]:
    """Processes that this thread has started."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def machine(device: str) -> dict[str, Any]:
    """What the figures were measured on."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu",
        "torch": torch.__version__,
        "load": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d"),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def report(machine: dict[str, Any], options: Namespace, memory: list[Segment], speed: list[Segment]) -> str:
    """Everything as Markdown."""
    lines = [
        "",
        describe(machine),
        _what(options, speed or memory),
        "",
        *_speed_table(speed),
        "",
        *_memory_table(memory),
    ]
    return "\n".join(lines)


def _what(options: Namespace, segments: list[Segment]) -> str:
    cameras = f"{len(options.cameras)} cameras of {options.resolution} ({', '.join(options.cameras)})"
    return f"{options.num_envs} environments, {cameras}, {segments[0].steps} steps an episode"


def describe(machine: dict[str, Any]) -> str:
    """One line of what :func:`machine` found."""
    return (
        f"{machine['device']}, {machine['cores']} cores ({machine['cpu']}), {machine['memory_GB']} GB, "
        f"torch {machine['torch']}, {machine['date']}, load {machine['load']:.1f}"
    )


def _speed_table(segments: list[Segment]) -> Iterable[str]:
    yield (
        "| variant | steps/s | of the bare loop | images/s | bytes an image | spread of steps/s "
        "| CPU ms a step: simulation thread | all processes |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    names = list(dict.fromkeys(segment.variant for segment in segments))
    rates = {name: [s.steps / s.seconds for s in segments if s.variant == name] for name in names}
    for name in names:
        example = next(s for s in segments if s.variant == name)
        ratios = [rate / base for rate, base in zip(rates[name], rates.get("bare", []), strict=False)]
        rate = statistics.median(rates[name])
        share = f"{statistics.median(ratios):.3f}" if ratios else "-"
        spread = f"{min(rates[name]):.2f} to {max(rates[name]):.2f}"
        images = f"{rate * example.images / example.steps:,.0f}"
        size = f"{example.stored / example.images:,.0f}" if example.stored else "-"
        thread, process = (
            1e3 * statistics.median(getattr(s, kind) / s.steps for s in segments if s.variant == name)
            for kind in ("thread_seconds", "process_seconds")
        )
        yield f"| {name} | {rate:.2f} | {share} | {images} | {size} | {spread} | {thread:.1f} | {process:.1f} |"


def _memory_table(segments: list[Segment]) -> Iterable[str]:
    yield (
        "| variant | steps of an episode | peak [MB] | growth [MB] | largest process beside it [MB] "
        "| device growth [MB] | steps/s |"
    )
    yield "|---|---|---|---|---|---|---|"
    for s in segments:
        yield (
            f"| {s.variant} | {s.steps} | {s.peak:.0f} | {s.growth:.0f} | {s.worker_peak:.0f} "
            f"| {s.device_growth:.0f} "
            f"| {s.steps / s.seconds:.2f} |"
        )
