"""What every registration promises, held for whatever is registered."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from isaaclab.cli import load_external_tasks
from isaaclab.managers import TerminationTermCfg
from isaaclab.sensors import CameraCfg
from isaaclab.utils import validate
from isaaclab_tasks.utils import load_cfg_from_registry
from isaaclab_tasks.utils.hydra import collect_presets

from isaaclab_datagen import registry
from isaaclab_datagen.assets import rig
from isaaclab_datagen.cli import overrides
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts import factory
from isaaclab_datagen.experts.checkpoints import Wish
from isaaclab_datagen.recorders import DatasetRecorderCfg

load_external_tasks()
TASKS = sorted(registry.all_tasks())
PRESETS = sorted(
    {
        (task, name)
        for task in TASKS
        for names in collect_presets(load_cfg_from_registry(task, "env_cfg_entry_point")).values()
        for name in names
        if name != "default"
    }
)

every_task = pytest.mark.parametrize("task", TASKS)


def configuration(task: str, *words: str, play_mode: bool = True) -> Any:
    cfg, _ = overrides.resolve(task, None, list(words), play_mode)
    validate(cfg)
    return cfg


def cameras(cfg: Any) -> dict[str, CameraCfg]:
    return {name: value for name, value in vars(cfg.scene).items() if isinstance(value, CameraCfg)}


def test_configurations_load_without_a_simulator():
    """Kit must be able to start after them: of USD and Omniverse nothing may be loaded."""
    code = """
import sys
from isaaclab.cli import load_external_tasks
load_external_tasks()
from isaaclab_datagen import registry
from isaaclab_datagen.cli import overrides
for task, info in registry.all_tasks().items():
    overrides.resolve(task, "rsl_rl_cfg_entry_point" if info.rsl_rl_cfg_entry_point else None, [], True)
    for entry in filter(None, [info.recorder_cfg_entry_point, *info.experts.values()]):
        registry.load(entry)()
    loaded = [name for name in ("omni", "carb", "isaacsim", "pxr") if name in sys.modules]
    print("loaded", task, *loaded)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr[-2000:]
    told = [line.split()[1:] for line in ended.stdout.splitlines() if line.startswith("loaded")]
    assert told == [[task] for task in registry.all_tasks()]


@every_task
@pytest.mark.parametrize("play_mode", [False, True])
def test_the_success_rule_is_a_termination_term(task, play_mode):
    info = registry.find(task)
    assert info.success_term is not None
    term = vars(configuration(task, play_mode=play_mode).terminations).get(info.success_term)
    assert isinstance(term, TerminationTermCfg)


@every_task
def test_its_experts_resolve(task):
    info = registry.find(task)
    assert info.default_expert is None or info.default_expert in factory.choices(info)
    for name in info.experts:
        expert = factory.choose(info, name, Wish(), None, None)
        assert (expert.name, callable(expert.cfg.class_type)) == (name, True)
        assert expert.settings


@every_task
def test_an_unknown_expert_is_refused_with_the_choices(task):
    info = registry.find(task)
    with pytest.raises(UsageError, match="no such expert: choose from") as caught:
        factory.choose(info, "nobody", Wish(), None, None)
    assert all(name in str(caught.value) for name in factory.choices(info))


@every_task
def test_its_cameras_are_in_the_scene_and_its_format_exists(task):
    info = registry.find(task)
    assert set(info.cameras) <= {*cameras(configuration(task)), *rig.names()}
    assert info.default_format is None or info.default_format in formats.names()


@every_task
def test_its_recorder_records_frames(task):
    entry = registry.find(task).recorder_cfg_entry_point
    assert entry is not None
    recorder = registry.load(entry)()
    assert isinstance(recorder, DatasetRecorderCfg)
    assert all(callable(channel.func) for channel in recorder.frames.channels.values() if channel)


@pytest.mark.parametrize(("task", "name"), PRESETS)
def test_every_preset_resolves(task, name):
    configuration(task, f"presets={name}")


@every_task
@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("physics=newton_mjwarp", "NewtonCfg"),
        ("physics=isaacsim_physx", "PhysxCfg"),
        ("physics=ovphysx", "OvPhysxCfg"),
        ("physics=physx", "PhysxAutoCfg"),
    ],
)
def test_physics_is_chosen_on_the_command_line(task, word, kind):
    assert type(configuration(task, word).sim.physics).__name__ == kind


@every_task
@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("renderer=newton_renderer", "NewtonWarpRendererCfg"),
        ("renderer=isaacsim_rtx", "IsaacRtxRendererCfg"),
        ("renderer=ovrtx", "OVRTXRendererCfg"),
    ],
)
def test_the_renderer_of_every_camera_is_chosen_on_the_command_line(task, word, kind):
    found = cameras(configuration(task, word)).values()
    assert {type(camera.renderer_cfg).__name__ for camera in found} == ({kind} if found else set())


@every_task
def test_without_a_word_nothing_needs_kit(task):
    cfg = configuration(task)
    assert type(cfg.sim.physics).__name__ == "NewtonCfg"
    assert {type(camera.renderer_cfg).__name__ for camera in cameras(cfg).values()} <= {"NewtonWarpRendererCfg"}


@every_task
def test_the_camera_resolution_reaches_every_camera(task):
    found = cameras(configuration(task, "env.camera_resolution=[160,120]"))
    assert {(camera.width, camera.height) for camera in found.values()} <= {(160, 120)}
    assert set(registry.find(task).cameras) <= {*found, *rig.names()}


@every_task
def test_mounted_and_fixed_cameras_follow_their_pose(task):
    """Otherwise a camera that moves keeps the pose of its last reset."""
    assert all(camera.update_latest_camera_pose for camera in cameras(configuration(task)).values())


@pytest.mark.parametrize("task", [task for task, name in PRESETS if name == "nucleus"])
def test_nvidias_assets_come_with_the_physics_that_is_chosen(task):
    for physics, variant in (("newton_mjwarp", "mujoco"), ("physx", "physx"), ("ovphysx", "physx")):
        spawn = configuration(task, "presets=nucleus", f"physics={physics}").scene.robot.spawn
        assert spawn.usd_path.startswith("http")
        assert spawn.variants["Physics"] == variant
    assert not configuration(task).scene.robot.spawn.usd_path.startswith("http")


@every_task
def test_starts_within_a_demonstration_are_states_of_assets_of_the_scene(task):
    event = vars(configuration(task, play_mode=False).events).get("reset")
    if event is None:
        pytest.skip("no episode of this task starts within a demonstration")
    assert event.params["probability"] > 0
    assert configuration(task).events.reset.params["probability"] == 0
    with np.load(event.params["demonstrations"]) as states:
        assert len({len(states[name]) for name in states}) == 1
        assert {name.partition("/")[0] for name in states} <= vars(configuration(task).scene).keys()
        assert {name.partition("/")[2] for name in states} <= {"joint_pos", "root_pose"}
