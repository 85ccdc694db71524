"""RSL-RL PPO for the Panda's drawer task."""

from __future__ import annotations

from isaaclab.utils import configclass

from isaaclab_datagen.tasks.franka_ppo_cfg import FrankaPPORunnerCfg, franka_actor


@configclass
class DrawerPPORunnerCfg(FrankaPPORunnerCfg):
    """PPO on joint speeds: an action of 1 is about 0.75 rad/s."""

    experiment_name = "open_drawer_custom"
    max_iterations = 1000
    actor = franka_actor(init_std=0.5)
