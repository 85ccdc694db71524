"""Which cameras are meant, of the task's scene and of the rig, and how they are put into the scene."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from isaaclab.sensors import CameraCfg
from isaaclab.utils import validate
from isaaclab_tasks.utils import resolve_presets

from isaaclab_datagen.assets import rig
from isaaclab_datagen.cli import overrides as override_checks
from isaaclab_datagen.cli.errors import usage
from isaaclab_datagen.cli.robots import Robot
from isaaclab_datagen.errors import UsageError

if TYPE_CHECKING:
    from isaaclab.scene import InteractiveScene

OPTIONS = ("data_types", "env_spacing", "ee_body", "ee_axis", *(option for spec in rig.RIG for option in spec.options))
"""Options that shape the cameras, beside their resolution."""

APPROACH = "z"
"""Axis of the end-effector body that fingers point along, as on the Panda's hand."""


def choose(asked: Sequence[str] | None, default: Sequence[str], env_cfg: Any) -> tuple[str, ...]:
    """Return the cameras to record, in the order of the dataset's camera axis.

    Args:
        asked: Names that the user gave, or None.
        default: Names that the task's registration gives; the whole rig if it gives none.
        env_cfg: Resolved configuration, whose scene holds the task's own cameras.

    Raises:
        UsageError: If neither the scene nor the rig has such a camera, or one name means two things.
    """
    chosen = tuple(default or rig.names()) if asked is None else tuple(asked)
    own = of_scene(env_cfg)
    there = sorted({*own, *rig.names()})
    for name in chosen:
        if name not in there:
            raise UsageError(f"--cameras {name}: neither in the scene nor in the rig, choose from {', '.join(there)}")
        if name not in own and vars(env_cfg.scene).get(name) is not None:
            raise UsageError(f"--cameras {name}: the task's scene calls something else so, which is no camera")
    return chosen


def of_scene(env_cfg: Any) -> dict[str, CameraCfg]:
    """The cameras that a scene's configuration holds, by name."""
    return {name: cfg for name, cfg in vars(env_cfg.scene).items() if isinstance(cfg, CameraCfg)}


def install(
    args: argparse.Namespace, overrides: Sequence[str], env_cfg: Any, chosen: Sequence[str], robot: Robot | None
) -> None:
    """Put those of the chosen cameras that the scene lacks into it, and have all of them give what is recorded.

    Args:
        args: Has :data:`OPTIONS`, ``camera_width`` and ``camera_height``; None where nothing was said.
        overrides: Isaac Lab overrides, of which ``renderer=`` counts.
        env_cfg: Resolved configuration, changed in place.
        chosen: From :func:`choose`.
        robot: What mounted cameras hang on.

    Raises:
        UsageError: If a camera cannot be placed so, or there is nothing to hang it on.
    """
    missing = [spec for spec in rig.RIG if spec.name in chosen and spec.name not in of_scene(env_cfg)]
    for spec in missing:
        eye, target = (vars(args).get(option) for option in spec.options)
        placed = replace(spec, eye=tuple(eye or spec.eye), target=tuple(target or spec.target))
        camera = resolve_presets(_camera(args, placed, robot), override_checks.selected(overrides))
        setattr(env_cfg.scene, spec.name, camera)
    set_resolution(env_cfg, args.camera_width, args.camera_height)
    data_types = args.data_types or ("rgb",)
    for name in chosen:
        _give(of_scene(env_cfg)[name], data_types)
    if any(kind.endswith("segmentation") for kind in data_types):
        tagged = rig.add_semantic_tags(env_cfg.scene)
        print(f"note: given the semantic tag class: {', '.join(tagged) or 'nothing, all have one'}", file=sys.stderr)
    with usage("cameras", TypeError, ValueError):
        validate(env_cfg)


def set_resolution(env_cfg: Any, width: int | None, height: int | None) -> None:
    """Set every camera's resolution [px]; None leaves a size as it is.

    Where a task's configuration has ``camera_resolution``, its ``validate_config`` hands that on.
    """
    if width is None and height is None:
        return
    if "camera_resolution" in override_checks.field_names(env_cfg):
        sizes = zip_longest((width, height), env_cfg.camera_resolution, fillvalue=0)
        env_cfg.camera_resolution = tuple(new or before for new, before in sizes)
        return
    for camera in of_scene(env_cfg).values():
        camera.width, camera.height = width or camera.width, height or camera.height


def check_parents(scene: InteractiveScene) -> None:
    """Refuse a camera that hangs on nothing.

    Raises:
        UsageError: Lists the bodies that there are.
    """
    from isaaclab.sensors import Camera  # loads simulation modules: not before Kit has started

    from isaaclab_datagen.assets.parents import check_parent

    for name, sensor in scene.sensors.items():
        if isinstance(sensor, Camera):
            check_parent(name, sensor.cfg.prim_path)


def _camera(args: argparse.Namespace, spec: rig.CameraSpec, robot: Robot | None) -> CameraCfg:
    with usage(" and ".join(f"--{option}" for option in spec.options), ValueError):
        if not spec.mounted:
            return rig.fixed(spec)
        if robot is None:
            raise UsageError(f"--cameras {spec.name}: hangs on the robot, and the task's scene has no articulation")
        return rig.mounted(spec, robot.prim_path, robot.ee_body, args.ee_axis or APPROACH)


def _give(camera: CameraCfg, data_types: Sequence[str]) -> None:
    """Have a camera give these data, segmentations as ids, of every step and from where it is then."""
    camera.update_period, camera.update_latest_camera_pose = 0.0, True
    new = [kind for kind in data_types if kind not in camera.data_types]
    camera.data_types = [*camera.data_types, *new]
    for kind in new:
        if kind.endswith("segmentation"):
            setattr(camera.renderer_cfg, f"colorize_{kind}", False)
