"""One process for each GPU, started by ``torchrun`` or ``accelerate launch``; alone where neither did."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed

from isaaclab_datagen.errors import UsageError

Result = TypeVar("Result")


@dataclass(frozen=True)
class Place:
    """Which process this is, and what it computes on."""

    rank: int
    world: int
    device: torch.device

    def __str__(self) -> str:
        """Where the processes compute."""
        return f"{self.device}, {self.world} processes" if self.world > 1 else str(self.device)

    @property
    def main(self) -> bool:
        """Whether it is the one that writes and prints."""
        return self.rank == 0

    def main_first(self, work: Callable[[], Result]) -> Result:
        """Let the main process do some work first, then the others, which find what it made."""
        result = work() if self.main else None
        self.wait()
        return result if result is not None else work()

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            distributed.barrier()

    def told(self, value: Result | None) -> Result:
        """What the main process has to say to all."""
        if self.world > 1:
            said = [value]
            distributed.broadcast_object_list(said, src=0)
            value = said[0]
        assert value is not None
        return value


@contextmanager
def processes(device: str | None) -> Iterator[Place]:
    """Join the other processes.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N``; the GPU if there is one where None.

    Raises:
        UsageError: There are fewer GPUs than processes, no such device, or none of those that were chosen.
    """
    rank, world, local = (int(os.environ.get(name, default)) for name, default in _VARIABLES)
    found = _device(device, local, world)
    if world == 1:
        yield Place(0, 1, found)
        return
    distributed.init_process_group("nccl" if found.type == "cuda" else "gloo")
    try:
        yield Place(rank, world, found)
    finally:
        distributed.destroy_process_group()


_VARIABLES = (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))


def _device(asked: str | None, local: int, world: int) -> torch.device:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if asked is None and not count and chosen not in ("", "-1"):
        raise UsageError(f"CUDA_VISIBLE_DEVICES={chosen}: no such GPU is here. Choose others, or give --device cpu")
    kind = asked or ("cuda" if count else "cpu")
    if kind == "cpu":
        return torch.device("cpu")
    choices = ["cpu", "cuda", *(f"cuda:{number}" for number in range(count))] if count else ["cpu (no GPU is here)"]
    if kind not in choices:
        raise UsageError(f"--device {kind}: choose from {', '.join(choices)}")
    if world > 1 and ":" in kind:
        raise UsageError(f"--device {kind}: each of {world} processes takes a GPU of its own, give --device cuda")
    number = local if world > 1 or kind == "cuda" else int(kind.removeprefix("cuda:"))
    if number >= count:
        raise UsageError(
            f"process {local} has no GPU: {count} are here, {local + 1} or more processes were started on this "
            "machine. Start as many processes as there are GPUs"
        )
    device = torch.device("cuda", number)
    torch.cuda.set_device(device)
    return device
