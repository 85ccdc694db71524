"""RSL-RL PPO for the G1's tracking task; BeyondMimic's figures."""

from __future__ import annotations

import torch
from isaaclab.utils import configclass
from isaaclab_rl.rsl_rl import RslRlMLPModelCfg, RslRlOnPolicyRunnerCfg, RslRlPpoAlgorithmCfg


@configclass
class G1TrackingPPORunnerCfg(RslRlOnPolicyRunnerCfg):
    """PPO with a critic that sees more than the actor."""

    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    num_steps_per_env = 24
    max_iterations = 30000
    save_interval = 500
    experiment_name = "tracking_flat_g1"
    obs_groups = {"actor": ["policy"], "critic": ["critic"]}
    actor = RslRlMLPModelCfg(
        hidden_dims=[512, 256, 128],
        activation="elu",
        obs_normalization=True,
        distribution_cfg=RslRlMLPModelCfg.GaussianDistributionCfg(init_std=1.0),
    )
    critic = RslRlMLPModelCfg(hidden_dims=[512, 256, 128], activation="elu", obs_normalization=True)
    algorithm = RslRlPpoAlgorithmCfg(
        value_loss_coef=1.0,
        use_clipped_value_loss=True,
        clip_param=0.2,
        entropy_coef=0.005,
        num_learning_epochs=5,
        num_mini_batches=4,
        learning_rate=1e-3,
        schedule="adaptive",
        gamma=0.99,
        lam=0.95,
        desired_kl=0.01,
        max_grad_norm=1.0,
    )


@configclass
class G1DiffusionPPORunnerCfg(G1TrackingPPORunnerCfg):
    """The same, to go on from a tracker that ``Tracking-Flat-G1`` has trained, with its learning rate."""

    max_iterations = 1500
    save_interval = 100
    experiment_name = "tracking_diffusion_g1"
