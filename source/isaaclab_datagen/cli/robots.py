"""The robot of any task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from isaaclab.assets import ArticulationCfg

from isaaclab_datagen.assets.bodies import HAND, only_match
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.recorders import DatasetRecorderCfg
from isaaclab_datagen.registry import TaskInfo

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started


@dataclass(frozen=True)
class Robot:
    """The articulation whose joints and end effector are recorded."""

    entity: str
    """Its name in the scene."""
    prim_path: str
    label: str
    """What datasets call it."""
    ee_body: str
    """Its end-effector body, or a regular expression that one body's name matches in full."""


def find(task: TaskInfo, env_cfg: Any, ee_body: str | None) -> Robot | None:
    """The robot of a task's scene: the articulation called ``robot``, else the only one there is. None without any.

    Args:
        task: Its registration.
        env_cfg: Its resolved configuration.
        ee_body: What the user said, or None for the registration's body, else the hand.

    Raises:
        UsageError: If there are several articulations and none is called ``robot``.
    """
    there = {name: cfg for name, cfg in vars(env_cfg.scene).items() if isinstance(cfg, ArticulationCfg)}
    if not there:
        return None
    if len(there) > 1 and "robot" not in there:
        raise UsageError(f"{task.id} has the articulations {', '.join(there)}: one has to be called robot")
    entity = "robot" if "robot" in there else next(iter(there))
    cfg = there[entity]
    return Robot(entity, cfg.prim_path, task.robot or _model(cfg, entity), ee_body or task.ee_body or HAND)


def end_effector(env: ManagerBasedRLEnv) -> dict[str, Any]:
    """Facts of the recorded end effector, JSON-clean: body, offset of the recorded point in it [m]; and of mounts.

    Raises:
        UsageError: If the body is not there.
    """
    recorder = cast("DatasetRecorderCfg", env.cfg.recorders)
    channel = recorder.frames.channels.get("ee_pose")
    if channel is None or "asset_cfg" not in channel.params:
        return {}
    asset = channel.params["asset_cfg"]
    bodies = list(env.scene.articulations[asset.name].body_names)
    return {
        "ee_body": only_match(asset.body_names, bodies),
        "ee_offset": list(channel.params.get("offset", (0.0, 0.0, 0.0))),
    }


def _model(cfg: ArticulationCfg, entity: str) -> str:
    """Name of the file that a robot's model comes from, where it comes from one."""
    file = vars(cfg.spawn).get("usd_path") if cfg.spawn is not None else None
    return entity if file is None else Path(str(file)).stem
