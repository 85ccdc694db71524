"""A first network for reinforcement learning: it imitates a scripted expert, corrected where it goes (DAgger).

S. Ross, G. Gordon, D. Bagnell: A Reduction of Imitation Learning and Structured Prediction to No-Regret Online
Learning, AISTATS 2011. All actions carry the noise with which reinforcement learning will begin, and the labels do not
(M. Laskey et al.: DART, Noise Injection for Robust Imitation Learning, CoRL 2017): an imitator that never saw noise
loses the skill as soon as it explores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch

from isaaclab_datagen.rollout.actor import Actor

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv
    from isaaclab_rl.rsl_rl import RslRlVecEnvWrapper
    from rsl_rl.modules.distribution import GaussianDistribution
    from rsl_rl.runners import OnPolicyRunner
    from tensordict import TensorDict


@dataclass(frozen=True)
class ImitationCfg:
    """Settings of :func:`imitate`."""

    rounds: int = 10
    """Rollouts; in the first the expert acts everywhere."""
    steps: int = 260
    """Environment steps of a rollout. More than an episode has: failures that do not end in it are not counted."""
    expert_share: float = 0.25
    """Share of the environments in which the expert acts in later rounds."""
    epochs: int = 6
    """Passes over all data after each round; four times as many after the last."""
    batch_size: int = 4096
    learning_rate: float = 1e-3
    std: float = 0.05
    """Standard deviation of the noise on every action, and of those with which reinforcement learning begins."""
    next_learning_rate: float = 1e-5
    """Rate with which reinforcement learning begins. Adam's first steps are as long as the rate, whatever the gradient:
    twenty of 5e-4 wiped out the skill before the adaptive schedule had lowered it."""


@dataclass(frozen=True)
class Round:
    """What one round taught."""

    index: int
    loss: float
    """Mean squared error of the actions, each divided by its standard deviation."""
    value_loss: float
    successes: float
    """Share of the episodes where the network acted that ended with the task's success; NaN where none ended."""


def imitate(
    env: RslRlVecEnvWrapper, runner: OnPolicyRunner, expert: Actor, success_term: str, cfg: ImitationCfg
) -> Iterator[Round]:
    """Fit actor and critic of ``runner`` to an expert's actions and to the returns seen, round by round.

    Args:
        env: The environment, wrapped for RSL-RL.
        runner: Holds the networks; save it afterwards.
        expert: Labels every observation.
        success_term: Name of the termination term that means success.
        cfg: Settings.
    """
    actor, critic = runner.alg.get_policy(), runner.alg.critic
    gamma = runner.cfg["algorithm"]["gamma"]
    for group in runner.alg.optimizer.param_groups:
        group["lr"] = cfg.next_learning_rate
    optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=cfg.learning_rate)
    hidden = _action_columns(env)
    with torch.no_grad():
        cast("GaussianDistribution", actor.distribution).std_param.copy_(torch.tensor(cfg.std))
    store: list[tuple[torch.Tensor, torch.Tensor]] = []
    for index in range(cfg.rounds):
        share = 1.0 if index == 0 else cfg.expert_share
        with torch.no_grad():
            data = _rollout(env, actor, expert, success_term, (cfg.steps, share, cfg.std))
            returns = _returns(data, critic, gamma)
        store.append((data["observations"].flatten(0, 1), data["labels"].flatten(0, 1)))
        epochs = cfg.epochs * (4 if index == cfg.rounds - 1 else 1)
        loss = _fit(actor, _merged(store), optimizer, (epochs, cfg.batch_size), hidden)
        seen = (data["observations"].flatten(0, 1), returns.flatten()[:, None])
        value_loss = _fit(critic, seen, optimizer, (epochs, cfg.batch_size), hidden)
        yield Round(index, loss, value_loss, float(data["success"]))


def _rollout(
    env: RslRlVecEnvWrapper, actor: Any, expert: Actor, success_term: str, plan: tuple[int, float, float]
) -> dict[str, torch.Tensor]:
    """One rollout. Shapes are (steps, num_envs, ...)."""
    steps, share, std = plan
    manager = cast("ManagerBasedRLEnv", env.unwrapped).termination_manager
    observations, _ = env.reset()
    expert.reset(torch.arange(env.num_envs, device=env.device))
    led = torch.arange(env.num_envs, device=env.device) < share * env.num_envs
    log: dict[str, list[torch.Tensor]] = {name: [] for name in ("observations", "labels", "rewards", "dones", "values")}
    ended, succeeded = 0, 0
    for _ in range(steps):
        label = expert.act(observations).clamp(-1.0, 1.0)
        action = torch.where(led[:, None], label, actor(observations))
        action = action + std * torch.randn_like(action)
        log["observations"].append(_policy(observations))
        log["labels"].append(label)
        observations, rewards, dones, extras = env.step(action)
        done = dones.bool()
        log["rewards"].append(rewards.clone())  # the environment writes the next ones into the same memory
        log["dones"].append(done & ~extras["time_outs"].bool())
        log["values"].append(done)
        expert.reset(done.nonzero().flatten())
        ended += int((done & ~led).sum())
        succeeded += int((manager.get_term(success_term) & done & ~led).sum())
    data = {name: torch.stack(values) for name, values in log.items()}
    data["last"] = _policy(observations)
    data["success"] = torch.tensor(succeeded / ended if ended else float("nan"))
    return data


def _returns(data: dict[str, torch.Tensor], critic: Any, gamma: float) -> torch.Tensor:
    """Discounted returns, continued by the critic where an episode was cut. Shape is (steps, num_envs)."""
    value = _forward(critic, data["last"]).squeeze(-1)
    returns = []
    for step in reversed(range(len(data["rewards"]))):
        here = _forward(critic, data["observations"][step]).squeeze(-1)
        value = torch.where(data["values"][step], here, value)  # cut by time: what this state was worth
        value = torch.where(data["dones"][step], 0.0, value)
        value = data["rewards"][step] + gamma * value
        returns.append(value)
    return torch.stack(returns[::-1])


def _action_columns(env: RslRlVecEnvWrapper) -> list[int]:
    """Observation columns that hold the last action.

    An imitator that sees them copies them, and never begins to move (P. de Haan et al., Causal Confusion in Imitation
    Learning, NeurIPS 2019); shuffled among the samples they teach nothing.
    """
    manager = cast("ManagerBasedRLEnv", env.unwrapped).observation_manager
    columns, start = [], 0
    for group in sorted(manager.active_terms):
        for name, shape in zip(manager.active_terms[group], manager.group_obs_term_dim[group], strict=True):
            width = math.prod(shape)
            if name == "actions":
                columns += range(start, start + width)
            start += width
    return columns


def _fit(
    model: Any,
    data: tuple[torch.Tensor, torch.Tensor],
    optimizer: torch.optim.Optimizer,
    plan: tuple[int, int],
    hidden: list[int],
) -> float:
    """Regress ``data`` (inputs, targets). Returns the last epoch's mean loss."""
    inputs, targets = data
    epochs, batch_size = plan
    if model.obs_normalization:
        for chunk in inputs.split(65536):
            model.obs_normalizer.update(chunk)
    scale = targets.std(dim=0).clamp_min(1e-3)
    total = 0.0
    for _ in range(epochs):
        order = torch.randperm(len(inputs), device=inputs.device)
        batches = order.split(batch_size)
        total = 0.0
        for rows in batches:
            batch = inputs[rows]
            batch[:, hidden] = batch[torch.randperm(len(rows), device=rows.device)][:, hidden]
            loss = (((_forward(model, batch) - targets[rows]) / scale) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) / len(batches)
    return total


def _forward(model: Any, inputs: torch.Tensor) -> torch.Tensor:
    return model.mlp(model.obs_normalizer(inputs))


def _policy(observations: TensorDict) -> torch.Tensor:
    return torch.cat([observations[group] for group in sorted(observations.keys())], dim=-1).clone()


def _merged(store: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.cat([inputs for inputs, _ in store]), torch.cat([targets for _, targets in store])
