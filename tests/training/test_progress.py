"""What a training tells Weights & Biases: one run for one training, and one line where that cannot be."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("lerobot")
pytest.importorskip("wandb")

import wandb

from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.training import loop, runs
from isaaclab_datagen.training.options import TrainOptions
from isaaclab_datagen.training.progress import Progress


@pytest.fixture
def options(tmp_path, monkeypatch):
    """Of a training, on a machine where nobody has logged in."""
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr(sys, "stdin", io.StringIO())  # nobody is asked
    wandb.teardown()  # it reads its settings once
    yield TrainOptions(out=tmp_path / "run", data=(Path("nowhere"),), wandb=True, device="cpu")
    wandb.teardown()


def test_a_training_that_goes_on_does_so_in_the_same_run(options, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    options.out.mkdir()

    def known_as(options):
        progress = Progress(runs.open_run(options), options, {})
        found = progress._wandb.id
        progress.close()
        return found

    first = known_as(options)
    assert known_as(options) == first
    other = replace(options, out=options.out.with_name("other"))
    other.out.mkdir()
    assert known_as(other) != first


def test_who_has_not_logged_in_is_told_before_the_data_are_read(options):
    with pytest.raises(UsageError, match="--wandb: No API key.*`wandb login`.*WANDB_MODE=offline"):
        loop.train(options)


def test_where_it_is_not_installed(options, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match="--wandb needs.*pip install wandb"):
        loop.train(options)
