"""RSL-RL PPO for a Panda that manipulates, for tasks to name, to bound and to say how boldly it begins."""

from __future__ import annotations

import torch
from isaaclab.utils import configclass
from isaaclab_rl.rsl_rl import RslRlMLPModelCfg, RslRlOnPolicyRunnerCfg, RslRlPpoAlgorithmCfg


def franka_actor(init_std: float) -> RslRlMLPModelCfg:
    """The acting network, with the deviation of its first actions."""
    return RslRlMLPModelCfg(
        hidden_dims=[256, 128, 64],
        activation="elu",
        obs_normalization=True,
        distribution_cfg=RslRlMLPModelCfg.GaussianDistributionCfg(init_std=init_std),
    )


@configclass
class FrankaPPORunnerCfg(RslRlOnPolicyRunnerCfg):
    """What the tasks have in common."""

    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    num_steps_per_env = 24
    save_interval = 100
    obs_groups = {"actor": ["policy"], "critic": ["policy"]}
    clip_actions = 1.0
    actor = franka_actor(init_std=1.0)
    critic = RslRlMLPModelCfg(hidden_dims=[256, 128, 64], activation="elu", obs_normalization=True)
    algorithm = RslRlPpoAlgorithmCfg(
        value_loss_coef=1.0,
        use_clipped_value_loss=False,  # clipping by 0.2 would let values of up to 10 grow for 50 updates
        clip_param=0.2,
        entropy_coef=0.002,
        num_learning_epochs=5,
        num_mini_batches=4,
        learning_rate=5e-4,
        schedule="adaptive",
        gamma=0.99,
        lam=0.95,
        desired_kl=0.01,
        max_grad_norm=1.0,
    )
