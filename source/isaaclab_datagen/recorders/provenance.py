"""What a dataset says of the simulation that it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isaaclab_datagen.recorders.frames import FrameSource

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv
    from isaaclab.scene import InteractiveScene

UNITS = "SI: m, rad, s; images uint8 RGB"
FRAME = "poses are in the environment's frame; extrinsics map camera (ROS optical axes) to it"


def names(scene: InteractiveScene) -> dict[str, dict[str, list[str]]]:
    """Names of each articulation's joints and bodies, in the simulation's order."""
    return {
        "joint_names": {name: list(asset.joint_names) for name, asset in scene.articulations.items()},
        "body_names": {name: list(asset.body_names) for name, asset in scene.articulations.items()},
    }


def describe(env: ManagerBasedRLEnv, source: FrameSource) -> dict[str, Any]:
    """Facts for the manifest, JSON-clean."""
    scene = env.scene
    return {
        "step_dt": env.step_dt,
        "physics_dt": env.physics_dt,
        **names(scene),
        "action_terms": {
            name: env.action_manager.get_term(name).action_dim for name in env.action_manager.active_terms
        },
        "observation_terms": {group: list(terms) for group, terms in env.observation_manager.active_terms.items()},
        "quaternion_order": "xyzw",
        "units": UNITS,
        "frame": FRAME,
        "intrinsics": source.intrinsics(),
        "segmentation_labels": source.segmentation_labels(),
    }
