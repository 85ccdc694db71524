"""What tests of several folders share: a dataset that the real script recorded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COLLECT = [sys.executable, str(ROOT / "scripts" / "collect.py")]

Collect = Callable[..., str]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def collect() -> Collect:
    """Run ``scripts/collect.py`` on the CPU to its end, and return what it printed."""

    def run(*words: object, env: Mapping[str, str] | None = None) -> str:
        command = [*COLLECT, *map(str, words), "--device", "cpu"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **(env or {})})
        assert ended.returncode == 0, f"status {ended.returncode}: {ended.stdout[-500:]}{ended.stderr[-3000:]}"
        return ended.stdout

    return run


@pytest.fixture(scope="session")
def collected_by() -> list[object]:
    """Options of ``collected``: two short lift episodes by the state machine, 320x240, cut before any success."""
    task = ["--task", "Lift-Custom-IK", "--episodes", 2, "--num_envs", 2, "--seed", 5]
    return [*task, "--max_steps", 20, "--keep_failures"]


@pytest.fixture(scope="session")
def collected(collect: Collect, collected_by: list[object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that the real script recorded, to be read only."""
    out = tmp_path_factory.mktemp("collected")
    collect(*collected_by, "--out", out)
    return out


@pytest.fixture(scope="session")
def guided(collect: Collect, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawer as docs/migration.md collects it, by the shipped network, shorter; to be read only."""
    out = tmp_path_factory.mktemp("guided")
    words = ["--task", "Open-Drawer-Custom", "--num_envs", 2, "--env_spacing", 5.0, "--steps", 30, "--num_episodes", 2]
    collect(*words, "--cameras", "overview,wrist,top", "--expert", "rl", "--out", out)
    return out
