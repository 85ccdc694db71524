"""Cameras are chosen by name, of those that the scene has and of the rig, and put where the options say."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import numpy as np
import pytest
from isaaclab.cli import load_external_tasks
from isaaclab.sensors import CameraCfg
from isaaclab.utils.math import matrix_from_quat
from torch import tensor

from isaaclab_datagen import registry
from isaaclab_datagen.assets import rig
from isaaclab_datagen.cli import cameras, configuring, options
from isaaclab_datagen.cli.overrides import resolve
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.geometry.cameras import project

load_external_tasks()
TASKS = registry.all_tasks()
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
with_a_robot = pytest.mark.parametrize("task", list(TASKS)[:1])


def parsed(task: str, *words: str) -> Namespace:
    return options.collect_parser().parse_args(["--task", task, "--episodes", "1", *words])


def configured(task: str, *words: str, overrides: tuple[str, ...] = ()) -> Any:
    env_cfg, _ = resolve(task, None, overrides)
    configuring.configure(parsed(task, *words), overrides, registry.find(task), env_cfg)
    return env_cfg


def calibration(camera: CameraCfg) -> tuple[np.ndarray, np.ndarray]:
    """Intrinsics, and extrinsics in the frame that the camera is placed in."""
    assert camera.offset.convention == "ros"
    focal = camera.width * camera.spawn.focal_length / camera.spawn.horizontal_aperture
    extrinsics = np.eye(4)
    extrinsics[:3, :3] = matrix_from_quat(tensor([camera.offset.rot], dtype=float))[0].numpy()
    extrinsics[:3, 3] = camera.offset.pos
    return np.array([[focal, 0, camera.width / 2], [0, focal, camera.height / 2], [0, 0, 1]]), extrinsics


@every_task
def test_cameras_of_a_task(task):
    env_cfg, _ = resolve(task.id, None, [])
    assert cameras.choose(None, task.cameras, env_cfg) == (task.cameras or rig.names())
    for name in (*task.cameras, *rig.names()):
        assert cameras.choose((name,), (), env_cfg) == (name,)
    with pytest.raises(
        UsageError, match="--cameras nowhere: neither in the scene nor in the rig, choose from"
    ) as caught:
        cameras.choose(("nowhere",), task.cameras, env_cfg)
    assert all(name in str(caught.value) for name in (*cameras.of_scene(env_cfg), *rig.names()))


@every_task
def test_a_task_that_names_none_gets_the_whole_rig(task):
    env_cfg, _ = resolve(task.id, None, [])
    assert cameras.choose(None, (), env_cfg) == ("overview", "wrist", "top")


@with_a_robot
def test_any_order_of_the_tasks_own_and_the_rigs(task):
    own = next(iter(cameras.of_scene(resolve(task, None, [])[0])), None)
    order = [*filter(None, ["top", own, "wrist"])]
    env_cfg = configured(task, "--cameras", ",".join(order), "--width", "100", "--height", "80")
    assert env_cfg.recorders.frames.cameras == order
    scene = cameras.of_scene(env_cfg)
    assert scene.keys() == set(order)
    assert {(camera.width, camera.height) for camera in scene.values()} == {(100, 80)}


@with_a_robot
@pytest.mark.parametrize(
    ("name", "eye", "target"), [("overview", (-2.0, 0.5, 2.1), (0.4, 0, 0.5)), ("top", (0, 0, 3), (0.4, 0, 0.5))]
)
def test_fixed_cameras_stand_and_look_as_the_documents_say(task, name, eye, target):
    camera = cameras.of_scene(configured(task, "--cameras", name))[name]
    intrinsics, extrinsics = calibration(camera)
    assert camera.prim_path == f"{{ENV_REGEX_NS}}/{name}"
    assert np.allclose(extrinsics[:3, 3], eye)
    pixels, _ = project(np.array(target), intrinsics, extrinsics)
    assert np.allclose(pixels, [160, 120], atol=1e-3)


@with_a_robot
def test_the_wrist_camera_is_placed_in_the_gripper_frame(task):
    """On the hand, whose z the fingers point along; the hand's x is up."""
    camera = cameras.of_scene(configured(task, "--cameras", "wrist"))["wrist"]
    intrinsics, extrinsics = calibration(camera)
    assert camera.prim_path.endswith("/Robot/wrist")
    assert np.allclose(extrinsics[:3, 3], (0.08, 0.0, -0.05))
    pixels, _ = project(np.array([[0.0, 0.0, 0.25], [0.02, 0.0, 0.25]]), intrinsics, extrinsics)
    assert np.allclose(pixels[0], [160, 120], atol=1e-3)
    assert pixels[1][1] < 119


@with_a_robot
def test_options_move_the_cameras(task):
    words = ["--overview_cam_offset", "-1", "0", "1", "--overview_tgt_offset", "0", "0", "0.2"]
    words += ["--wrist_cam_offset", "-0.1", "0", "0.05", "--wrist_cam_look_offset", "0.3", "0", "0", "--ee_axis", "x"]
    env_cfg = configured(task, "--cameras", "overview,wrist", *words, "--ee_body", "some_body", "--env_spacing", "7.5")
    scene = cameras.of_scene(env_cfg)
    assert np.allclose(scene["overview"].offset.pos, (-1, 0, 1))
    assert np.allclose(scene["wrist"].offset.pos, (-0.1, 0, 0.05))
    assert scene["wrist"].body == "some_body"
    assert env_cfg.scene.env_spacing == 7.5
    pixels, _ = project(np.array([0, 0, 0.2]), *calibration(scene["overview"]))
    assert np.allclose(pixels, [160, 120], atol=1e-3)


@with_a_robot
def test_a_fourth_camera_is_one_entry(task, monkeypatch):
    side = rig.CameraSpec("side", (0.4, -2.0, 0.5), (0.4, 0.0, 0.5), 24.0, (0.1, 1e4))
    monkeypatch.setattr(rig, "RIG", (*rig.RIG, side))
    env_cfg = configured(task, "--cameras", "side,top", "--side_cam_offset", "0.4", "-1", "0.5")
    assert env_cfg.recorders.frames.cameras == ["side", "top"]
    assert np.allclose(env_cfg.scene.side.offset.pos, (0.4, -1, 0.5))


@with_a_robot
def test_a_camera_that_looks_at_its_own_place_is_refused(task):
    with pytest.raises(UsageError, match="--top_cam_offset and --top_tgt_offset: .* that is where it stands"):
        configured(task, "--cameras", "top", "--top_tgt_offset", "0", "0", "3")


@with_a_robot
def test_a_name_that_the_scene_gives_to_something_else_is_refused(task):
    env_cfg, _ = resolve(task, None, [])
    env_cfg.scene.top = env_cfg.scene.robot
    with pytest.raises(UsageError, match="--cameras top: .* no camera"):
        cameras.choose(("top",), (), env_cfg)


@with_a_robot
@pytest.mark.parametrize(("words", "kind"), [((), "NewtonWarpRendererCfg"), (("renderer=ovrtx",), "OVRTXRendererCfg")])
def test_the_rig_is_rendered_as_the_command_line_says(task, words, kind):
    env_cfg = configured(task, "--cameras", "overview", overrides=words)
    assert type(env_cfg.scene.overview.renderer_cfg).__name__ == kind


@with_a_robot
def test_every_recorded_camera_gives_the_data_types_that_are_asked_for(task):
    own = next(iter(cameras.of_scene(resolve(task, None, [])[0])), "top")
    kinds = ["rgb", "depth", "instance_segmentation"]
    env_cfg = configured(task, "--cameras", f"{own},wrist", "--data_types", "instance_segmentation,depth")
    assert sorted(env_cfg.recorders.frames.data_types) == sorted(kinds)
    for name in (own, "wrist"):
        camera = cameras.of_scene(env_cfg)[name]
        assert set(camera.data_types) == set(kinds)
        assert not camera.renderer_cfg.colorize_instance_segmentation


@pytest.mark.parametrize("text", ["rgb,rgb", "normals", ""])
def test_data_types_that_are_not_recorded_are_refused(text):
    with pytest.raises(UsageError, match="--data_types"):
        parsed("any", "--data_types", text)
