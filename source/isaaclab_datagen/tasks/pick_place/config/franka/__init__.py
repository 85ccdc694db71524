"""Pick and place with a Franka Panda: ``PickPlace-Rev2Fwd``."""

import gymnasium as gym

gym.register(
    id="PickPlace-Rev2Fwd",
    entry_point="isaaclab.envs:ManagerBasedRLEnv",
    disable_env_checker=True,
    kwargs={
        "env_cfg_entry_point": f"{__name__}.env_cfg:FrankaPickPlaceEnvCfg",
        "recorder_cfg_entry_point": f"{__name__}.env_cfg:FrankaPickPlaceRecorderCfg",
        "experts": {"state_machine": "isaaclab_datagen.experts.pick_place:PickPlaceStateMachineCfg"},
        "default_expert": "state_machine",
        "collect_overrides": ("env.return_to_rest=true",),
        "replay_overrides": ("env.slipped_share=0.0", "env.moved_share=0.0"),
        "success_term": "success",
        "robot": "franka",
        "cameras": ("table_camera", "wrist_camera"),
        "default_format": "rev2fwd",
        "aliases": ("Isaac-Lift-Cube-Franka-IK-Abs-v0",),
    },
)
