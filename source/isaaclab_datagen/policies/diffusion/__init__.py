"""LeRobot's Diffusion Policy: its configuration, its checkpoints, and it as an actor."""
