"""Bodies by name, and semantic tags for whatever lacks them."""

import pytest
from isaaclab.assets import AssetBaseCfg, RigidObjectCollectionCfg
from isaaclab.sim import CuboidCfg

from isaaclab_datagen.assets import objects, rig
from isaaclab_datagen.assets.bodies import HAND, only_match
from isaaclab_datagen.errors import UsageError

PANDA = [*(f"panda_link{number}" for number in range(8)), "panda_hand", "panda_leftfinger", "panda_rightfinger"]


@pytest.mark.parametrize(
    ("expression", "body"), [(HAND, "panda_hand"), ("panda_link7", "panda_link7"), (".*left.*", "panda_leftfinger")]
)
def test_a_body_by_name_or_expression(expression, body):
    assert only_match(expression, PANDA) == body


def test_a_name_is_never_taken_for_an_expression():
    assert only_match("a.b", ["axb", "a.b"]) == "a.b"


@pytest.mark.parametrize(
    ("expression", "part"), [("hand", "there is no such body"), (".*finger", "2 bodies match (panda_leftfinger, ")]
)
def test_a_body_that_is_not_the_only_one_is_refused_with_all(expression, part):
    with pytest.raises(UsageError) as caught:
        only_match(expression, PANDA)
    assert f"--ee_body {expression}: {part}" in str(caught.value)
    assert all(name in str(caught.value) for name in PANDA)


class Scene:
    def __init__(self) -> None:
        plain = AssetBaseCfg(prim_path="{ENV_REGEX_NS}/Plain", spawn=CuboidCfg(size=(1.0, 1.0, 1.0)))
        self.num_envs, self.table, self.light, self.plain = 3, objects.table(), objects.light(), plain
        cubes = {name: objects.cube(f"{{ENV_REGEX_NS}}/{name}") for name in ("a", "b")}
        for cube in cubes.values():
            cube.spawn.semantic_tags = None
        self.cubes = RigidObjectCollectionCfg(rigid_objects=cubes)


def test_only_what_has_no_semantic_tag_gets_one():
    scene = Scene()
    assert rig.add_semantic_tags(scene) == ["plain", "cubes"]
    assert scene.plain.spawn.semantic_tags == [("class", "plain")]
    assert {tuple(cube.spawn.semantic_tags) for cube in scene.cubes.rigid_objects.values()} == {(("class", "cubes"),)}
    assert scene.table.spawn.semantic_tags == [("class", "table")]
    assert scene.light.spawn.semantic_tags is None
    assert rig.add_semantic_tags(scene) == []
