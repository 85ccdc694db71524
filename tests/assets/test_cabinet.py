"""The cabinet's USD: as its generator writes it, and fit for a Panda's hand."""

from __future__ import annotations

import pytest
from pxr import Gf, Usd, UsdGeom, UsdPhysics

from isaaclab_datagen.assets import cabinet, cabinet_usd

GRIPPER = 0.08
"""Opening of the Panda's hand [m]."""
FINGER = 0.016
"""How far the fingers reach beyond the middle of the bar, and their tips' thickness, with some room [m]."""


@pytest.fixture(scope="module")
def stage() -> Usd.Stage:
    return Usd.Stage.Open(str(cabinet.USD_PATH))


def body_range(stage: Usd.Stage, path: str) -> Gf.Range3d:
    """Extent of what is seen of a prim, in the cabinet's frame."""
    cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"])
    return cache.ComputeWorldBound(stage.GetPrimAtPath(path)).ComputeAlignedRange()


def test_the_shipped_file_is_what_the_generator_writes(tmp_path):
    cabinet_usd.write(tmp_path / "cabinet.usda")
    assert (tmp_path / "cabinet.usda").read_bytes() == cabinet.USD_PATH.read_bytes()


@pytest.mark.parametrize("drawer", cabinet.DRAWERS)
def test_a_drawer_slides_out_of_the_front_within_its_limits(stage, drawer):
    joint = UsdPhysics.PrismaticJoint(stage.GetPrimAtPath(f"/Cabinet/joints/drawer_{drawer}_joint"))
    assert (joint.GetAxisAttr().Get(), joint.GetLowerLimitAttr().Get()) == ("X", 0.0)
    assert joint.GetUpperLimitAttr().Get() == pytest.approx(cabinet.TRAVEL)
    assert 0.35 <= cabinet.TRAVEL <= 0.4
    assert body_range(stage, f"/Cabinet/drawer_{drawer}").GetMin()[0] < -cabinet.TRAVEL  # still in the carcass


@pytest.mark.parametrize("drawer", cabinet.DRAWERS)
def test_a_handle_has_a_bar_that_a_hand_can_hold_and_room_behind_it(stage, drawer):
    bar = body_range(stage, f"/Cabinet/drawer_handle_{drawer}/bar")
    front = body_range(stage, f"/Cabinet/drawer_{drawer}/front")
    size = bar.GetSize()
    assert size[0] == pytest.approx(cabinet.BAR) and size[2] == pytest.approx(cabinet.BAR)
    assert size[2] < GRIPPER / 2 and size[1] > 0.1
    assert bar.GetMin()[0] - front.GetMax()[0] > 2 * FINGER
    middle = bar.GetMidpoint()
    assert tuple(middle) == pytest.approx((cabinet.HANDLE_REACH, 0.0, cabinet.HANDLE_HEIGHT[drawer]))
    assert front.GetMin()[2] + GRIPPER < middle[2] < front.GetMax()[2] - GRIPPER


def test_bodies_have_mass_and_inertia_and_few_colliders(stage):
    bodies = [prim for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.RigidBodyAPI)]
    assert len(bodies) == 1 + 2 * len(cabinet.DRAWERS)
    for prim in bodies:
        mass = UsdPhysics.MassAPI(prim)
        x, y, z = mass.GetDiagonalInertiaAttr().Get()
        assert mass.GetMassAttr().Get() > 0
        assert min(x, y, z) > 0 and x < y + z and y < x + z and z < x + y
        assert len([box for box in prim.GetChildren() if box.HasAPI(UsdPhysics.CollisionAPI)]) == 1


def test_drawers_do_not_meet_and_lie_in_the_carcass(stage):
    carcass = body_range(stage, "/Cabinet/cabinet")
    ranges = [body_range(stage, f"/Cabinet/drawer_{drawer}") for drawer in cabinet.DRAWERS]
    assert Gf.Range3d.GetIntersection(*ranges).IsEmpty()
    for found in ranges:
        assert carcass.GetMin()[1] < found.GetMin()[1] and found.GetMax()[1] < carcass.GetMax()[1]
        assert carcass.GetMin()[2] < found.GetMin()[2] and found.GetMax()[2] < carcass.GetMax()[2]
