"""Merging of a URDF's fixed joints: what is rigidly attached becomes part of the body that carries it."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

import numpy as np
from scipy.spatial.transform import Rotation

Element = ElementTree.Element


def merge_fixed_joints(robot: Element) -> None:
    """Merge the child of every fixed joint into its parent, in place.

    Visuals and colliders move with their poses; mass, centre of mass and inertia add up.

    Args:
        robot: Root element of a URDF whose fixed children have no moving children.
    """
    links = {link.attrib["name"]: link for link in robot.findall("link")}
    moving = {_end(joint, "parent") for joint in robot.findall("joint") if joint.get("type") != "fixed"}
    for joint in [joint for joint in robot.findall("joint") if joint.get("type") == "fixed"]:
        parent, child = links[_end(joint, "parent")], links[_end(joint, "child")]
        assert child.attrib["name"] not in moving, f"{child.attrib['name']} carries moving links"
        placed = pose(joint)
        for shape in [*child.findall("visual"), *child.findall("collision")]:
            set_pose(shape, placed @ pose(shape))
            parent.append(shape)
        bodies = [_inertia(parent, np.eye(4)), _inertia(child, placed)]
        _set_inertia(parent, [body for body in bodies if body is not None])
        robot.remove(joint)
        robot.remove(child)


def pose(element: Element) -> np.ndarray:
    """Return an element's ``origin`` as a 4 x 4 matrix."""
    made = np.eye(4)
    origin = element.find("origin")
    if origin is not None:
        made[:3, :3] = Rotation.from_euler("xyz", _numbers(origin.get("rpy", "0 0 0"))).as_matrix()
        made[:3, 3] = _numbers(origin.get("xyz", "0 0 0"))
    return made


def set_pose(element: Element, matrix: np.ndarray) -> None:
    """Write a 4 x 4 matrix as an element's ``origin``."""
    origin = element.find("origin")
    if origin is None:
        origin = ElementTree.SubElement(element, "origin")
    origin.set("xyz", _text(matrix[:3, 3]))
    origin.set("rpy", _text(Rotation.from_matrix(matrix[:3, :3]).as_euler("xyz")))


def _inertia(link: Element, placed: np.ndarray) -> tuple[float, np.ndarray, np.ndarray] | None:
    """Mass, centre of mass and inertia about it of a link, in the frame that ``placed`` leads to; None without."""
    found = link.find("inertial")
    if found is None:
        return None
    mass, tensor = found.find("mass"), found.find("inertia")
    assert mass is not None and tensor is not None
    xx, xy, xz, yy, yz, zz = (float(tensor.attrib[f"i{name}"]) for name in ("xx", "xy", "xz", "yy", "yz", "zz"))
    turned = placed @ pose(found)
    inertia = turned[:3, :3] @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ turned[:3, :3].T
    return float(mass.attrib["value"]), turned[:3, 3], inertia


def _set_inertia(link: Element, bodies: Iterable[tuple[float, np.ndarray, np.ndarray]]) -> None:
    """Give a link the inertia of several bodies in its frame (parallel axis theorem)."""
    bodies = list(bodies)
    if not bodies:
        return
    mass = sum(body[0] for body in bodies)
    centre = sum((body[0] * body[1] for body in bodies), np.zeros(3)) / mass
    total = np.zeros((3, 3))
    for part, at, inertia in bodies:
        arm = at - centre
        total += inertia + part * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    for old in link.findall("inertial"):
        link.remove(old)
    made = ElementTree.SubElement(link, "inertial")
    ElementTree.SubElement(made, "origin", {"xyz": _text(centre), "rpy": "0 0 0"})
    ElementTree.SubElement(made, "mass", {"value": repr(float(mass))})
    entries = {
        name: (i, j) for i, a in enumerate("xyz") for j, b in enumerate("xyz") if i <= j for name in [f"i{a}{b}"]
    }
    ElementTree.SubElement(made, "inertia", {name: repr(float(total[at])) for name, at in entries.items()})


def _end(joint: Element, name: str) -> str:
    end = joint.find(name)
    assert end is not None
    return end.attrib["link"]


def _numbers(text: str) -> np.ndarray:
    return np.array([float(word) for word in text.split()])


def _text(values: np.ndarray) -> str:
    return " ".join(repr(float(value)) for value in values)
