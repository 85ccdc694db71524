"""The sensor of :class:`isaaclab_datagen.assets.cameras.FixedCameraCfg`. Loads USD: named by string elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import warp as wp
from isaaclab.sensors.camera import Camera, CameraData

from isaaclab_datagen.assets.cameras import FixedCameraCfg

_SET = 0
"""What Isaac Lab's camera says when somebody has set its pose; other numbers count images, or begin to."""


class FixedCamera(Camera):
    """A camera that stands still, and sleeps until its first image is asked for.

    Isaac Lab's looks for its pose before every image and, though nobody may ever read one, at every reset of any
    environment: of thousands that train, some are reset in every step. This one's is found once, and whenever it is
    set.
    """

    cfg: FixedCameraCfg
    _awake = _placed = False

    @property
    def data(self) -> CameraData:
        """Images and poses, as Isaac Lab's camera has them."""
        self._awake = True
        return super().data

    def update(self, dt: float, force_recompute: bool = False) -> None:
        """Let time go on [s]."""
        if self._awake or force_recompute:
            super().update(dt, force_recompute)

    def reset(self, env_ids: Sequence[int] | slice | None = None, env_mask: wp.array | None = None) -> None:
        """Forget the images of some environments."""
        if self._awake:
            super().reset(env_ids, env_mask)

    def _initialize_impl(self) -> None:
        self._awake = self._placed = False
        super()._initialize_impl()

    def _update_poses(
        self, env_ids: Sequence[int] | wp.array | None = None, env_mask: wp.array | None = None, frame_op: int = _SET
    ) -> None:
        if frame_op == _SET:
            super()._update_poses(env_ids, env_mask, frame_op)
            return
        if not self._placed:
            super()._update_poses()
            self._placed = True
        ids = None if env_mask is not None else self._resolve_env_ids_wp(env_ids)
        self._update_camera_state(env_ids=ids, env_mask=env_mask, frame_op=frame_op)
