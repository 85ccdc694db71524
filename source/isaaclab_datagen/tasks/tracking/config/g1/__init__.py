"""Track motions with a Unitree G1: ``Tracking-Flat-G1``, and ``Tracking-Diffusion-G1``, where data are collected."""

import gymnasium as gym

from . import agents

_PRETRAINED = "tasks/tracking/config/g1/pretrained"

gym.register(
    id="Tracking-Flat-G1",
    entry_point="isaaclab.envs:ManagerBasedRLEnv",
    disable_env_checker=True,
    kwargs={
        "env_cfg_entry_point": f"{__name__}.env_cfg:G1TrackingEnvCfg",
        "rsl_rl_cfg_entry_point": f"{agents.__name__}.rsl_rl_ppo_cfg:G1TrackingPPORunnerCfg",
        "recorder_cfg_entry_point": f"{__name__}.env_cfg:G1TrackingRecorderCfg",
        "default_agent": "rsl_rl",
        "default_expert": "rl",
        "success_term": "time_out",
        "robot": "g1",
        "ee_body": "torso_link",
        "cameras": ("overview_camera",),
        "default_format": "vpl",
        "shipped_checkpoint": f"{_PRETRAINED}/walk/policy.pt",
        "aliases": ("Tracking-Flat-G1-v0",),
    },
)

gym.register(
    id="Tracking-Diffusion-G1",
    entry_point="isaaclab.envs:ManagerBasedRLEnv",
    disable_env_checker=True,
    kwargs={
        "env_cfg_entry_point": f"{__name__}.diffusion_env_cfg:G1DiffusionEnvCfg",
        "rsl_rl_cfg_entry_point": f"{agents.__name__}.rsl_rl_ppo_cfg:G1DiffusionPPORunnerCfg",
        "recorder_cfg_entry_point": f"{__name__}.diffusion_env_cfg:G1DiffusionRecorderCfg",
        "options": "isaaclab_datagen.tasks.tracking.options",
        "default_agent": "rsl_rl",
        "default_expert": "rl",
        "success_term": "completed",
        "robot": "g1",
        "ee_body": "torso_link",
        "default_format": "diffuse_cloc",
        "shipped_checkpoint": f"{_PRETRAINED}/walk/policy.pt",
        "shipped_policies": (f"{_PRETRAINED}/walk/policy.pt", f"{_PRETRAINED}/squat/policy.pt"),
    },
)
