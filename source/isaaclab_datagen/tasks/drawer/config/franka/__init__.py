"""Open the drawer with a Franka Panda: ``Open-Drawer-Custom``."""

import gymnasium as gym

from . import agents

gym.register(
    id="Open-Drawer-Custom",
    entry_point="isaaclab.envs:ManagerBasedRLEnv",
    disable_env_checker=True,
    kwargs={
        "env_cfg_entry_point": f"{__name__}.env_cfg:FrankaDrawerEnvCfg",
        "rsl_rl_cfg_entry_point": f"{agents.__name__}.rsl_rl_ppo_cfg:DrawerPPORunnerCfg",
        "recorder_cfg_entry_point": f"{__name__}.env_cfg:FrankaDrawerRecorderCfg",
        "default_agent": "rsl_rl",
        "experts": {"state_machine": "isaaclab_datagen.experts.drawer:DrawerStateMachineCfg"},
        "default_expert": "rl",
        "shipped_checkpoint": "tasks/drawer/config/franka/pretrained/policy.pt",
        "success_term": "success",
        "robot": "franka",
        "cameras": ("overview", "wrist", "top"),
        "default_format": "vpl",
        "aliases": ("Isaac-Open-Drawer-Franka-v0",),
    },
)
