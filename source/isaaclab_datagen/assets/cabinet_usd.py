"""Writes the cabinet's USD: ``python -m isaaclab_datagen.assets.cabinet_usd``. Loads USD: configurations must not.

Its frame stands on the ground in the middle of the carcass's front, x out of the front, z up. Colliders are boxes, and
only those that a hand can touch: one for the carcass, the fronts, the bars. Drawers would lie within the carcass's box,
but the bodies of one articulation do not collide with each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, UsdSemantics

from isaaclab_datagen.assets.cabinet import BAR, DRAWERS, HANDLE_HEIGHT, HANDLE_REACH, TRAVEL, USD_PATH

Vector = tuple[float, float, float]

WIDTH, DEPTH, HEIGHT, WALL = 0.5, 0.45, 0.86, 0.02
"""Carcass and thickness of its boards [m]."""

FRONT = (0.02, 0.48, 0.36)
"""Thickness, width and height of a drawer's front [m]."""

FRONT_CENTRE = {"top": 0.67, "bottom": 0.30}
"""Height of the fronts' centres over the ground [m]."""

BIN = (0.40, 0.44, 0.20)
"""Depth, width and height of a drawer behind its front [m]."""

BAR_LENGTH, POST_DISTANCE, POST = 0.16, 0.14, 0.008
"""Length of a handle's bar, distance of its two posts, and their thickness [m]."""

MASSES = {"cabinet": 25.0, "drawer": 2.5, "handle": 0.2}
"""[kg]"""

COLORS = {"cabinet": (0.86, 0.84, 0.80), "drawer": (0.45, 0.60, 0.72), "handle": (0.90, 0.55, 0.10)}
"""Carcass, drawers and handles are told apart in pictures."""


@dataclass(frozen=True)
class Box:
    """A box of a body, in the body's frame [m]."""

    name: str
    centre: Vector
    size: Vector
    collides: bool = False
    """A collider is not seen, as Newton hides those of a body that has other shapes."""


@dataclass(frozen=True)
class Body:
    """A rigid body made of boxes. ``kind`` chooses mass, colour and semantic class."""

    name: str
    kind: str
    origin: Vector
    """In the cabinet's frame [m]."""
    hull: Box
    """Box whose inertia it has."""
    boxes: tuple[Box, ...]


def bodies() -> list[Body]:
    """Return the carcass, then drawer and handle of each drawer."""
    hull = Box("hull", (-DEPTH / 2, 0.0, HEIGHT / 2), (DEPTH, WIDTH, HEIGHT), collides=True)
    found = [Body("cabinet", "cabinet", (0.0, 0.0, 0.0), hull, (hull, *_carcass()))]
    for name in DRAWERS:
        z, bar = FRONT_CENTRE[name], HANDLE_HEIGHT[name]
        box = Box("hull", (-BIN[0] / 2, 0.0, 0.0), (BIN[0] + FRONT[0], FRONT[1], BIN[2]))
        found.append(Body(f"drawer_{name}", "drawer", (0.0, 0.0, z), box, tuple(_drawer())))
        handle = tuple(_handle())
        found.append(Body(f"drawer_handle_{name}", "handle", (HANDLE_REACH, 0.0, bar), handle[0], handle))
    return found


def _carcass() -> Iterable[Box]:
    for name, side in (("left", 1), ("right", -1)):
        yield Box(name, (-DEPTH / 2, side * (WIDTH - WALL) / 2, HEIGHT / 2), (DEPTH, WALL, HEIGHT))
    inner = WIDTH - 2 * WALL
    yield Box("back", (-DEPTH + WALL / 2, 0.0, HEIGHT / 2), (WALL, inner, HEIGHT))
    yield Box("cover", (-DEPTH / 2, 0.0, HEIGHT - WALL / 4), (DEPTH, inner, WALL / 2))
    yield Box("plinth", (-DEPTH / 2, 0.0, 0.06), (DEPTH, inner, 0.12))


def _drawer() -> Iterable[Box]:
    depth, width, height = BIN
    wall, bottom = WALL / 2, -FRONT[2] / 2 + 0.03
    yield Box("front_collider", (FRONT[0] / 2, 0.0, 0.0), FRONT, collides=True)
    yield Box("front", (FRONT[0] / 2, 0.0, 0.0), FRONT)
    yield Box("floor", (-depth / 2, 0.0, bottom + wall / 2), (depth, width, wall))
    yield Box("back", (-depth + wall / 2, 0.0, bottom + height / 2), (wall, width, height))
    for name, side in (("left", 1), ("right", -1)):
        yield Box(name, (-depth / 2, side * (width - wall) / 2, bottom + height / 2), (depth, wall, height))


def _handle() -> Iterable[Box]:
    yield Box("bar_collider", (0.0, 0.0, 0.0), (BAR, BAR_LENGTH, BAR), collides=True)
    yield Box("bar", (0.0, 0.0, 0.0), (BAR, BAR_LENGTH, BAR))
    length = HANDLE_REACH - FRONT[0] - BAR / 2
    for name, side in (("left", 1), ("right", -1)):
        centre = (-(BAR + length) / 2, side * POST_DISTANCE / 2, 0.0)
        yield Box(f"post_{name}", centre, (length, POST, POST))


def build() -> Usd.Stage:
    """Return the cabinet as a stage in memory."""
    stage: Usd.Stage = Usd.Stage.CreateInMemory("cabinet.usda")
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    root = UsdGeom.Xform.Define(stage, "/Cabinet").GetPrim()
    stage.SetDefaultPrim(root)
    UsdPhysics.ArticulationRootAPI.Apply(root)
    made = {body.name: body for body in bodies()}
    for body in made.values():
        _define(stage, body)
    fixed = UsdPhysics.FixedJoint.Define(stage, "/Cabinet/joints/root_joint")
    fixed.CreateBody1Rel().SetTargets([Sdf.Path("/Cabinet/cabinet")])
    for name in DRAWERS:
        drawer, handle = made[f"drawer_{name}"], made[f"drawer_handle_{name}"]
        slide = UsdPhysics.PrismaticJoint.Define(stage, f"/Cabinet/joints/drawer_{name}_joint")
        slide.CreateAxisAttr("X")
        slide.CreateLowerLimitAttr(0.0)
        slide.CreateUpperLimitAttr(TRAVEL)
        _connect(slide, made["cabinet"], drawer)
        _connect(UsdPhysics.FixedJoint.Define(stage, f"/Cabinet/joints/drawer_handle_{name}_joint"), drawer, handle)
    return stage


def _define(stage: Usd.Stage, body: Body) -> None:
    """Add a body and its boxes."""
    xform = UsdGeom.Xform.Define(stage, f"/Cabinet/{body.name}")
    xform.AddTranslateOp().Set(Gf.Vec3d(*body.origin))
    prim = xform.GetPrim()
    UsdPhysics.RigidBodyAPI.Apply(prim)
    UsdSemantics.LabelsAPI.Apply(prim, "class").CreateLabelsAttr([body.kind])
    x, y, z = body.hull.size
    mass = MASSES[body.kind]
    api = UsdPhysics.MassAPI.Apply(prim)
    api.CreateMassAttr(mass)
    api.CreateCenterOfMassAttr(Gf.Vec3f(*body.hull.centre))
    api.CreateDiagonalInertiaAttr(mass / 12 * Gf.Vec3f(y * y + z * z, x * x + z * z, x * x + y * y))
    api.CreatePrincipalAxesAttr(Gf.Quatf(1.0))
    for box in body.boxes:
        cube = UsdGeom.Cube.Define(stage, f"/Cabinet/{body.name}/{box.name}")
        cube.CreateSizeAttr(1.0)
        cube.CreateExtentAttr([Gf.Vec3f(-0.5), Gf.Vec3f(0.5)])
        cube.AddTranslateOp().Set(Gf.Vec3d(*box.centre))
        cube.AddScaleOp().Set(Gf.Vec3f(*box.size))
        cube.CreateDisplayColorAttr([Gf.Vec3f(*COLORS[body.kind])])
        if box.collides:
            cube.CreatePurposeAttr(UsdGeom.Tokens.guide)
            UsdPhysics.CollisionAPI.Apply(cube.GetPrim())


def _connect(joint: UsdPhysics.Joint, parent: Body, child: Body) -> None:
    """Join two bodies at the child's origin."""
    joint.CreateBody0Rel().SetTargets([Sdf.Path(f"/Cabinet/{parent.name}")])
    joint.CreateBody1Rel().SetTargets([Sdf.Path(f"/Cabinet/{child.name}")])
    joint.CreateLocalPos0Attr(Gf.Vec3f(*child.origin) - Gf.Vec3f(*parent.origin))
    joint.CreateLocalPos1Attr(Gf.Vec3f(0.0))


def text() -> str:
    """Return the cabinet as USD text."""
    stage = build()
    return stage.GetRootLayer().ExportToString()


def write(path: Path = USD_PATH) -> None:
    """Write the cabinet's USD to ``path``."""
    path.write_text(text())


if __name__ == "__main__":
    write()
