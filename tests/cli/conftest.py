"""What tests of the way into the simulator share."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from isaaclab_datagen.cli import launch


@pytest.fixture
def no_launch(monkeypatch) -> None:
    """Let ``launch.simulation`` launch nothing."""

    @contextmanager
    def nothing(*_):
        yield

    scan = SimpleNamespace(has_ovphysx_physics=False, has_ovrtx=False)
    monkeypatch.setattr(launch, "launch_simulation", nothing)
    monkeypatch.setattr(launch, "validate_launch", lambda *_: (scan, ()))
