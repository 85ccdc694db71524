"""Cameras fixed in an environment, and what films it."""

from __future__ import annotations

from isaaclab.envs.utils.video_recorder_cfg import VideoRecorderCfg
from isaaclab.sensors import CameraCfg
from isaaclab.sim import PinholeCameraCfg
from isaaclab.utils import configclass
from isaaclab_tasks.utils import PresetCfg
from isaaclab_tasks.utils.hydra import preset
from isaaclab_tasks.utils.presets import MultiBackendRendererCfg

APERTURE = 20.955
"""Horizontal aperture of Isaac Lab's default pinhole [mm]."""


@configclass
class FixedCameraCfg(CameraCfg):
    """A camera that stands still: its pose is found once."""

    class_type: type | str = "{DIR}.fixed_camera:FixedCamera"


def fixed_camera(
    name: str, pos: tuple[float, float, float], rot: tuple[float, float, float, float], lens: PinholeCameraCfg
) -> FixedCameraCfg:
    """A colour camera that stands still in its environment.

    Args:
        name: Name of its prim.
        pos: Position in the environment's frame [m].
        rot: Rotation (x, y, z, w) of its optical frame (ROS axes: x right, y down, z forward).
        lens: Focal length and aperture [mm].
    """
    return FixedCameraCfg(
        prim_path=f"{{ENV_REGEX_NS}}/{name}",
        offset=CameraCfg.OffsetCfg(pos=pos, rot=rot, convention="ros"),
        spawn=lens,
        renderer_cfg=MultiBackendRendererCfg(),
        data_types=["rgb"],
        update_period=0.0,
        update_latest_camera_pose=True,
        width=320,
        height=240,
    )


def lens(focal_length: float, aperture: float = APERTURE) -> PinholeCameraCfg:
    """A pinhole of ``focal_length`` [mm] and horizontal ``aperture`` [mm], clipped at 0.01 and 10 m."""
    return PinholeCameraCfg(focal_length=focal_length, horizontal_aperture=aperture, clipping_range=(0.01, 10.0))


def filmed_by(name: str, interval: int = 2000) -> PresetCfg:
    """Recorders of an environment's ``video_recorders``: none, and with ``presets=video`` one that films.

    Args:
        name: A camera of the scene.
        interval: Steps from the start of one clip to that of the next.
    """
    return preset(default=[], video=[VideoRecorderCfg(source=f"sensor:{name}", video_interval=interval)])


def set_resolution(scene: object, resolution: tuple[int, int]) -> None:
    """Give every camera of a scene configuration the same size.

    Args:
        scene: The scene's configuration.
        resolution: Width and height [pixels].

    Raises:
        ValueError: If it is not two whole numbers above 0.
    """
    if len(resolution) != 2 or any(size < 1 or size != int(size) for size in resolution):
        raise ValueError(f"camera_resolution is {[*resolution]}: has to be width and height, whole numbers above 0")
    width, height = (int(size) for size in resolution)
    for value in vars(scene).values():
        if isinstance(value, CameraCfg):
            value.width, value.height = width, height
