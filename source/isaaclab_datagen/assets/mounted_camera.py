"""The sensor of :class:`isaaclab_datagen.assets.rig.MountedCameraCfg`. Loads USD: configurations name it by string."""

from __future__ import annotations

from isaaclab.sensors.camera import Camera
from isaaclab.sim.utils.queries import get_all_matching_child_prims, resolve_matching_prims_from_source
from pxr import UsdPhysics

from isaaclab_datagen.assets.bodies import only_match
from isaaclab_datagen.assets.rig import MountedCameraCfg


class MountedCamera(Camera):
    """A camera below a rigid body's prim.

    Isaac Lab takes a path below a prim that does not exist without a word and mounts the camera somewhere else, so the
    body is looked for on the stage, where the articulation stands already when sensors are made.
    """

    cfg: MountedCameraCfg

    def __init__(self, cfg: MountedCameraCfg) -> None:
        """Find the body, then be a camera below it.

        Raises:
            UsageError: If there is no such body; lists those that there are.
        """
        articulation, _, name = cfg.prim_path.rpartition("/")
        ((source, destination), *_) = resolve_matching_prims_from_source(articulation)
        root = str(source.GetPath())
        prims = get_all_matching_child_prims(root, lambda prim: prim.HasAPI(UsdPhysics.RigidBodyAPI))
        bodies = {prim.GetName(): str(prim.GetPath()) for prim in prims}
        body = bodies[only_match(cfg.body, list(bodies))]
        # the plan of clones reads both paths from the configuration when it is carried out
        cfg.prim_path = f"{destination}{body.removeprefix(root)}/{name}"
        assert cfg.spawn is not None  # a camera of the rig is made here
        cfg.spawn.spawn_path = f"{body}/{name}"
        super().__init__(cfg)
