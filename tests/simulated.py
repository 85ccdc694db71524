"""Environments on the CPU inside a test's own process: several may follow each other there."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
from isaaclab.app import add_launcher_args, launch_simulation


@contextmanager
def environment(task: str, cfg: Any) -> Iterator[Any]:
    """Launch, make, and close again."""
    parser = argparse.ArgumentParser()
    add_launcher_args(parser)
    with launch_simulation(cfg, parser.parse_args(["--device", "cpu"])):
        env = gym.make(task, cfg=cfg).unwrapped
        try:
            yield env
        finally:
            env.close()
