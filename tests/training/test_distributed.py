"""A training computes on the GPUs that were meant, or says that they are not there."""

from __future__ import annotations

import pytest
import torch

from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.training.distributed import Place, processes


@pytest.fixture
def machine(monkeypatch):
    """Make it a machine on which some GPUs are visible, and this one of some processes."""

    def make(gpus, visible=None, local=0, world=1):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.cuda, "set_device", lambda _: None)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        for name, value in (("RANK", local), ("WORLD_SIZE", world), ("LOCAL_RANK", local)):
            monkeypatch.setenv(name, str(value))

    return make


def device(asked=None):
    with processes(asked) as place:
        return str(place)


def test_fewer_gpus_than_processes_are_refused(machine):
    machine(gpus=1, visible="0", local=1, world=2)
    with pytest.raises(UsageError, match="process 1 has no GPU: 1 are here, 2 or more processes were started"):
        device()


@pytest.mark.parametrize(("local", "world"), [(0, 1), (0, 2), (1, 2)])
def test_gpus_that_are_not_there_are_no_wish_for_the_cpu(machine, local, world):
    machine(gpus=0, visible="1,2,3", local=local, world=world)
    with pytest.raises(UsageError, match=r"CUDA_VISIBLE_DEVICES=1,2,3: no such GPU is here.*--device cpu"):
        device()


@pytest.mark.parametrize(
    ("gpus", "visible", "asked", "found"),
    [
        (0, None, None, "cpu"),
        (0, "", None, "cpu"),
        (0, "-1", None, "cpu"),
        (0, "1,2,3", "cpu", "cpu"),
        (2, None, None, "cuda:0"),
        (2, "2,3", None, "cuda:0"),
        (2, "2,3", "cuda:1", "cuda:1"),
    ],
)
def test_where_a_training_computes(machine, gpus, visible, asked, found):
    machine(gpus, visible)
    assert device(asked) == found


@pytest.mark.parametrize("asked", ["cuda:2", "cuda:x", "cuda1", "tpu"])
def test_a_device_that_is_not_there_is_refused(machine, asked):
    machine(gpus=2)
    with pytest.raises(UsageError, match=f"--device {asked}: choose from cpu, cuda, cuda:0, cuda:1$"):
        device(asked)
    machine(gpus=0)
    with pytest.raises(UsageError, match=rf"--device {asked}: choose from cpu \(no GPU is here\)$"):
        device(asked)


def test_several_processes_take_gpus_of_their_own(machine):
    machine(gpus=2, local=1, world=2)
    with pytest.raises(UsageError, match="--device cuda:1: each of 2 processes takes a GPU of its own"):
        device("cuda:1")


def test_it_is_said_how_many_processes_there_are():
    assert str(Place(0, 2, torch.device("cuda", 0))) == "cuda:0, 2 processes"
