"""Let an actor act while somebody watches."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch

from isaaclab_datagen.rollout.actor import Actor

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started


@dataclass
class Tally:
    """How the episodes that ended while watching ended."""

    episodes: int = 0
    successes: int = 0

    def __str__(self) -> str:
        return f"{self.episodes} episodes ended, {self.successes} of them with success"


def play(env: ManagerBasedRLEnv, actor: Actor, success_term: str | None, pace: Pace) -> Tally:
    """Step until the time is over, the viewer is closed, or Ctrl-C, which is the usual way to end.

    Args:
        env: The environment.
        actor: Who acts.
        success_term: The task's success termination, if it has one.
        pace: How long and how fast.
    """
    tally = Tally()
    with contextlib.suppress(KeyboardInterrupt):
        _play(env, actor, pace, success_term, tally)
    return tally


def _play(env: ManagerBasedRLEnv, actor: Actor, pace: Pace, success_term: str | None, tally: Tally) -> None:
    env.reset()
    actor.reset(torch.arange(env.num_envs, device=env.device))
    step = 0
    while env.sim.is_running() and (pace.steps is None or step < pace.steps):
        began = time.monotonic()
        _, _, terminated, truncated, _ = env.step(actor.act(cast("dict[str, torch.Tensor]", env.obs_buf)))
        done = (terminated | truncated).nonzero().flatten()
        if len(done) > 0:
            actor.reset(done)
            tally.episodes += len(done)
            if success_term is not None:
                tally.successes += int(env.termination_manager.get_term(success_term)[done].sum())
        step += 1
        if pace.real_time:
            time.sleep(max(0.0, env.step_dt - (time.monotonic() - began)))


@dataclass(frozen=True)
class Pace:
    """How long and how fast to play."""

    steps: int | None = None
    """Steps of every environment; None for no end."""
    real_time: bool = False
    """Whether a simulated second lasts a second, where the machine is fast enough."""
