"""Which cameras of a scene are meant."""

from collections.abc import Sequence
from typing import Any

from isaaclab.sensors import CameraCfg

from isaaclab_datagen.errors import UsageError


def choose(asked: Sequence[str] | None, default: Sequence[str], env_cfg: Any) -> tuple[str, ...]:
    """Return the scene cameras to use.

    Args:
        asked: Names that the user gave, or None.
        default: Names that the task's registration gives.
        env_cfg: Resolved configuration, whose scene holds the cameras.

    Raises:
        UsageError: If the scene has no such camera.
    """
    chosen = tuple(default if asked is None else asked)
    there = sorted(name for name, cfg in vars(env_cfg.scene).items() if isinstance(cfg, CameraCfg))
    for name in chosen:
        if name not in there:
            raise UsageError(f"--cameras {name}: not in the scene, choose from {', '.join(there) or 'none'}")
    return chosen
