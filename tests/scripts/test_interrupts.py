"""Ctrl-C before a script has begun ends it in one line."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isaaclab_datagen.cli import interrupts

SCRIPTS = sorted((Path(__file__).parents[2] / "scripts").glob("*.py"))
LINE = "interrupted before anything was recorded"
LONG_RUN = ["--task", "Lift-Custom-IK", "--expert", "zero", "--episodes", "1000", "--device", "cpu"]


def interrupted(script: Path, *words: str, module: str, seconds: float = 0.0) -> tuple[int, str]:
    """Interrupt a script so long after it has imported a module.

    Returns:
        Its exit status, and what it said but for the names of what it imported.
    """
    command = [sys.executable, "-X", "importtime", str(script), *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        said = []
        for line in running.stderr:
            said.append(line)
            if line.startswith("import time:") and line.split()[-1] == module:
                break
        said.append(running.stderr.readline())  # it is past that module
        time.sleep(seconds)
        running.send_signal(signal.SIGINT)
        said += running.stderr.readlines()
    return running.returncode, "".join(line for line in said if not line.startswith("import time:"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_during_the_first_imports(script):
    assert interrupted(script, module=interrupts.__name__) == (interrupts.INTERRUPTED, f"{LINE}\n")


@pytest.mark.parametrize("seconds", [0.3, pytest.param(1.0, marks=pytest.mark.stress), 3.0])
def test_during_later_imports(seconds):
    script = next(path for path in SCRIPTS if path.name == "evaluate.py")
    status, text = interrupted(script, *LONG_RUN, module=interrupts.__name__, seconds=seconds)
    assert (status, text.splitlines()[-1]) == (interrupts.INTERRUPTED, LINE)
    assert "Traceback" not in text


@pytest.mark.stress
@pytest.mark.sim
@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 2.0])
def test_during_the_start_of_the_simulator(seconds):
    script = next(path for path in SCRIPTS if path.name == "evaluate.py")
    status, text = interrupted(script, *LONG_RUN, module="isaaclab_newton.cloner", seconds=seconds)
    assert (status, text.splitlines()[-1]) == (interrupts.INTERRUPTED, LINE)
    assert "Traceback" not in text


@pytest.mark.sim
def test_a_dataset_that_was_opened_for_it_goes_again(tmp_path):
    script = next(path for path in SCRIPTS if path.name == "collect.py")
    status, text = interrupted(script, *LONG_RUN, "--out", str(tmp_path / "new"), module="isaaclab_newton.cloner")
    assert (status, text.splitlines()[-1]) == (interrupts.INTERRUPTED, LINE)
    assert not list(tmp_path.iterdir())


def test_once_there_is_something_to_finish_it_is_an_exception(monkeypatch):
    monkeypatch.setattr(interrupts.os, "_exit", lambda status: pytest.fail("it ended at once"))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupts.quit_at_once()
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        interrupts.finish_first()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_somebody_else_stays(monkeypatch):
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        interrupts.quit_at_once()
        interrupts.finish_first()
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [1]
