"""The camera rig: cameras that any task can be given, without a change to the task. :data:`RIG` lists them.

A fixed camera is placed in the environment's frame. A mounted one hangs on the end-effector body and is placed in the
gripper frame: its origin is the body's, x is the approach direction in which the fingers point, z is up (see
:func:`isaaclab_datagen.geometry.frames.gripper_frame`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from isaaclab.assets import AssetBaseCfg, RigidObjectCollectionCfg
from isaaclab.sensors import CameraCfg
from isaaclab.sim import LightCfg, PinholeCameraCfg
from isaaclab.utils import configclass

from isaaclab_datagen.assets.cameras import APERTURE, FixedCameraCfg, fixed_camera
from isaaclab_datagen.geometry.frames import gripper_frame, look_at, quaternion

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class CameraSpec:
    """One camera of the rig."""

    name: str
    """How ``--cameras`` and a dataset call it."""
    eye: Vector
    """Where it stands [m]."""
    target: Vector
    """Where it looks [m]."""
    focal_length: float
    """Of a lens whose horizontal aperture is :data:`~isaaclab_datagen.assets.cameras.APERTURE` [mm]."""
    clipping_range: tuple[float, float]
    """Nearest and farthest distance [m]."""
    mounted: bool = False
    """Whether eye and target are in the gripper's frame, and the camera moves with it."""

    @property
    def options(self) -> tuple[str, str]:
        """Command line spellings, without dashes, of :attr:`eye` and :attr:`target`."""
        return f"{self.name}_cam_offset", f"{self.name}_cam_look_offset" if self.mounted else f"{self.name}_tgt_offset"


RIG: tuple[CameraSpec, ...] = (
    # Poses and lenses of the documents: behind the robot and above it, on the wrist, and from above.
    CameraSpec("overview", (-2.0, 0.5, 2.1), (0.4, 0.0, 0.5), 24.0, (0.1, 1e4)),
    CameraSpec("wrist", (-0.05, 0.0, 0.08), (0.25, 0.0, 0.0), 16.0, (0.01, 10.0), mounted=True),
    CameraSpec("top", (0.0, 0.0, 3.0), (0.4, 0.0, 0.5), 24.0, (0.1, 1e4)),
)
"""Every camera of the rig. Another one is another entry."""


@configclass
class MountedCameraCfg(CameraCfg):
    """A camera that is fixed to one body of an articulation, wherever that body's prim lies below it."""

    class_type: type | str = "{DIR}.mounted_camera:MountedCamera"

    prim_path: str = ""
    """The articulation's path, and the camera's name. The body's path is put between the two."""

    body: str = ""
    """Name of the body, or a regular expression that one body's name matches in full."""


def names() -> tuple[str, ...]:
    """Names of the rig's cameras."""
    return tuple(spec.name for spec in RIG)


def fixed(spec: CameraSpec) -> FixedCameraCfg:
    """A camera that stands in the environment."""
    return fixed_camera(spec.name, spec.eye, quaternion(look_at(spec.eye, spec.target)), _lens(spec))


def mounted(spec: CameraSpec, articulation: str, body: str, approach: str) -> MountedCameraCfg:
    """A camera that hangs on a body.

    Args:
        spec: Its place in the gripper's frame.
        articulation: Prim path of the articulation.
        body: Name of the body, or a regular expression that one body's name matches in full.
        approach: The body's axis that the fingers point along, such as ``z``.
    """
    to_body = gripper_frame(approach)
    eye, target, up = to_body @ np.array(spec.eye), to_body @ np.array(spec.target), to_body[:, 2]
    x, y, z = eye.tolist()
    standing = fixed_camera(spec.name, (x, y, z), quaternion(look_at(eye, target, up)), _lens(spec))
    fields = {name: value for name, value in vars(standing).items() if name != "class_type"}
    return MountedCameraCfg(**{**fields, "prim_path": f"{articulation}/{spec.name}", "body": body})


def add_semantic_tags(scene: object) -> list[str]:
    """Give everything in a scene that has no semantic tag the tag ``class``: its name in the scene.

    Without one, a thing is the same to segmentation as all else that is unlabelled.

    Args:
        scene: The scene's configuration, changed in place.

    Returns:
        Names that were tagged.
    """
    tagged = []
    for name, cfg in vars(scene).items():
        members = cfg.rigid_objects.values() if isinstance(cfg, RigidObjectCollectionCfg) else [cfg]
        for member in members:
            spawn = member.spawn if isinstance(member, AssetBaseCfg) else None
            if spawn is not None and not isinstance(spawn, LightCfg) and not spawn.semantic_tags:
                spawn.semantic_tags = [("class", name)]
                tagged.append(name)
    return list(dict.fromkeys(tagged))


def _lens(spec: CameraSpec) -> PinholeCameraCfg:
    return PinholeCameraCfg(
        focal_length=spec.focal_length, horizontal_aperture=APERTURE, clipping_range=spec.clipping_range
    )
