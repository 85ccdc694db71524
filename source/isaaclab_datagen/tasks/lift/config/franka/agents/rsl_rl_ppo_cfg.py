"""RSL-RL PPO for the Panda's lift task."""

from __future__ import annotations

from isaaclab.utils import configclass

from isaaclab_datagen.tasks.franka_ppo_cfg import FrankaPPORunnerCfg, franka_actor


@configclass
class LiftPPORunnerCfg(FrankaPPORunnerCfg):
    """PPO with a small initial deviation: an action of 1 asks the tip to move half a metre."""

    experiment_name = "lift_custom_ik"
    max_iterations = 1500
    actor = franka_actor(init_std=0.2)
