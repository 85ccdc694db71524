"""Whether a camera hangs on what it is said to hang on. Loads USD: not before Kit has started."""

from __future__ import annotations

from isaaclab.sim.utils.queries import find_first_matching_prim, get_all_matching_child_prims
from pxr import UsdPhysics

from isaaclab_datagen.errors import UsageError


def check_parent(name: str, prim_path: str) -> None:
    """Refuse a camera below a prim that was not there.

    Isaac Lab makes what is missing on the way to a camera, without a word: prims without a type. The camera then hangs
    on whatever is above them.

    Args:
        name: What the camera is called.
        prim_path: Where it is: an expression that matches it in every environment.

    Raises:
        UsageError: Lists the bodies that there are.
    """
    camera = find_first_matching_prim(prim_path)
    parent = camera.GetParent() if camera else None
    if parent is None or parent.GetTypeName() or parent.GetAppliedSchemas():
        return
    above = parent
    while above and not above.GetTypeName():
        above = above.GetParent()
    bodies = get_all_matching_child_prims(str(above.GetPath()), lambda prim: prim.HasAPI(UsdPhysics.RigidBodyAPI))
    raise UsageError(
        f"camera {name!r} would hang on {parent.GetPath()}, which is not there: choose one of "
        f"{', '.join(str(body.GetPath()) for body in bodies) or 'no bodies'}"
    )
