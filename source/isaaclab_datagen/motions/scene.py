"""A motion on the robot's model, without dynamics: the robot is put into every frame, and a camera looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from isaaclab.assets import ArticulationCfg, AssetBaseCfg
from isaaclab.envs import ManagerBasedEnvCfg
from isaaclab.scene import InteractiveSceneCfg
from isaaclab.sensors import CameraCfg
from isaaclab.utils import configclass

from isaaclab_datagen.assets.cameras import fixed_camera, lens, set_resolution
from isaaclab_datagen.assets.g1 import G1_CFG
from isaaclab_datagen.assets.objects import ground, light
from isaaclab_datagen.assets.physics import HumanoidPhysicsCfg
from isaaclab_datagen.geometry.frames import look_at, quaternion
from isaaclab_datagen.motions.motion import Motion

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv

EYE, TARGET = (0.6, -1.7, 0.95), (0.0, 0.0, 0.68)
"""Where the camera stands and looks, from the robot's place on the ground [m]."""


@configclass
class MotionSceneCfg(InteractiveSceneCfg):
    """Robot, ground, light and a camera."""

    robot: ArticulationCfg = G1_CFG
    ground: AssetBaseCfg = ground(height=0.0)
    light: AssetBaseCfg = light()
    camera: CameraCfg = fixed_camera("Camera", EYE, quaternion(look_at(EYE, TARGET)), lens(18.0))


@configclass
class _Nothing:
    """No terms."""


@configclass
class MotionEnvCfg(ManagerBasedEnvCfg):
    """An environment to put a robot into poses."""

    scene: MotionSceneCfg = MotionSceneCfg(num_envs=1, env_spacing=2.5)
    observations: _Nothing = _Nothing()
    actions: _Nothing = _Nothing()
    resolution: tuple[int, int] = (480, 360)
    """Width and height of images [pixels]."""

    def __post_init__(self) -> None:
        """Rates and the backend."""
        self.decimation, self.sim.dt = 1, 0.02
        self.sim.physics = HumanoidPhysicsCfg().newton_mjwarp

    def validate_config(self) -> None:
        """Carry :attr:`resolution` to the camera."""
        set_resolution(self.scene, self.resolution)


def pictures(env: ManagerBasedEnv, motion: Motion, frames: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield an image (H, W, 3) of each of some frames; the camera goes with the robot along the ground.

    Args:
        env: Of a :class:`MotionEnvCfg`.
        motion: In the package's order.
        frames: Their numbers.
    """
    robot, camera = env.scene["robot"], env.scene["camera"]
    pose = np.concatenate([motion.body_pos_w[:, 0], motion.body_quat_w[:, 0]], axis=1)
    pose[:, :2] = 0.0
    for frame in frames:
        for values, write in (
            (pose[frame], lambda value: robot.write_root_link_pose_to_sim_index(root_pose=value)),
            (motion.joint_pos[frame], lambda value: robot.write_joint_position_to_sim_index(position=value)),
        ):
            write(torch.tensor(values[None], dtype=torch.float32, device=env.device))
        env.sim.forward()
        env.sim.render()
        camera.update(0.0, force_recompute=True)
        yield camera.data.output["rgb"].torch[0].cpu().numpy().copy()
