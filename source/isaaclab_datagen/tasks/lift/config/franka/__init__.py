"""Lift with a Franka Panda: ``Lift-Custom-IK``."""

import gymnasium as gym

from . import agents

gym.register(
    id="Lift-Custom-IK",
    entry_point="isaaclab.envs:ManagerBasedRLEnv",
    disable_env_checker=True,
    kwargs={
        "env_cfg_entry_point": f"{__name__}.env_cfg:FrankaLiftEnvCfg",
        "rsl_rl_cfg_entry_point": f"{agents.__name__}.rsl_rl_ppo_cfg:LiftPPORunnerCfg",
        "recorder_cfg_entry_point": f"{__name__}.env_cfg:FrankaLiftRecorderCfg",
        "default_agent": "rsl_rl",
        "experts": {"state_machine": "isaaclab_datagen.experts.lift:LiftStateMachineCfg"},
        "default_expert": "state_machine",
        "shipped_checkpoint": "tasks/lift/config/franka/pretrained/policy.pt",
        "success_term": "success",
        "cameras": ("overhead_camera",),
        "default_format": "avdc",
        "aliases": ("Isaac-Lift-Cube-Franka-Custom-IK-Rel-v0",),
    },
)
