"""The G1's model made fit for walking: fixed links merged, colliders of few primitives, a base that floats.

The package's model collides with meshes of up to 19,000 triangles. Spheres and capsules take their place: four spheres
under each foot, as in the package, and capsules that were fitted by hand to the meshes' extents elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from isaaclab_datagen.assets.urdf_merge import merge_fixed_joints, set_pose

Vector = tuple[float, float, float]

CAPSULES: dict[str, list[tuple[Vector, Vector, float]]] = {
    "pelvis": [((0.0, -0.03, -0.09), (0.0, 0.03, -0.09), 0.06)],
    "torso_link": [
        ((0.005, -0.05, 0.07), (0.005, 0.05, 0.07), 0.05),
        ((0.005, -0.045, 0.22), (0.005, 0.045, 0.22), 0.06),
        ((0.005, 0.0, 0.38), (0.005, 0.0, 0.42), 0.065),
    ],
    "left_hip_yaw_link": [((-0.01, 0.0, -0.03), (-0.07, 0.002, -0.15), 0.05)],
    "left_knee_link": [((0.01, 0.0, -0.02), (0.0, 0.0, -0.26), 0.04)],
    "left_shoulder_yaw_link": [((0.0, 0.0, 0.0), (0.01, 0.0, -0.075), 0.034)],
    "left_elbow_link": [((0.0, 0.0, -0.01), (0.09, 0.002, -0.01), 0.03)],
    "left_wrist_yaw_link": [((0.0, 0.0, 0.0), (0.12, 0.0, 0.0), 0.035)],
}
"""Colliders as the ends of a capsule's axis and its radius, in the body's frame [m]. Right is left mirrored."""

FOOT = "ankle_roll_link"
"""End of the feet's names: they keep the package's four spheres."""


def prepare(source: Path, target: Path) -> None:
    """Write the URDF that is converted.

    Args:
        source: The package's URDF.
        target: File to write.
    """
    tree = ElementTree.parse(source)
    robot = tree.getroot()
    merge_fixed_joints(robot)
    for link in robot.findall("link"):
        name = link.attrib["name"]
        if not name.endswith(FOOT):
            for shape in link.findall("collision"):
                link.remove(shape)
        for start, end, radius in capsules(name):
            link.append(_capsule(start, end, radius))
    # file names of the package are found from its root, which the target does not lie in
    package = source.parents[3]
    for mesh in robot.iter("mesh"):
        mesh.set("filename", str(package / mesh.attrib["filename"].removeprefix("package://example-robot-data/")))
    tree.write(target)


def finish(usd: Path) -> None:
    """Free the base of a converted model, and give its cylinders round ends.

    Args:
        usd: The converted model, edited in place.
    """
    from pxr import Usd, UsdGeom  # only when there is something to convert

    stage = Usd.Stage.Open(str(usd))
    for prim in stage.Traverse():
        if prim.GetName() == "root_joint":
            prim.SetActive(False)
        if prim.IsA(UsdGeom.Cylinder):
            prim.SetTypeName("Capsule")
    stage.Save()


def capsules(link: str) -> list[tuple[Vector, Vector, float]]:
    """Return a link's capsules: the ends of their axes and their radii [m]."""
    if link.startswith("right_"):
        mirrored = CAPSULES.get(f"left_{link.removeprefix('right_')}", [])
        return [((a[0], -a[1], a[2]), (b[0], -b[1], b[2]), radius) for a, b, radius in mirrored]
    return CAPSULES.get(link, [])


def _capsule(start: Vector, end: Vector, radius: float) -> ElementTree.Element:
    """A collider of URDF's only round kind, a cylinder along z; :func:`finish` makes a capsule of it."""
    axis = np.array(end) - np.array(start)
    length = float(np.linalg.norm(axis))
    z = axis / length
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [1.0, 0.0, 0.0], z)
    x /= np.linalg.norm(x)
    placed = np.eye(4)
    placed[:3, :3] = np.stack([x, np.cross(z, x), z], axis=1)
    placed[:3, 3] = (np.array(start) + np.array(end)) / 2
    shape = ElementTree.Element("collision")
    set_pose(shape, placed)
    geometry = ElementTree.SubElement(shape, "geometry")
    ElementTree.SubElement(geometry, "cylinder", {"radius": repr(radius), "length": repr(length)})
    return shape
