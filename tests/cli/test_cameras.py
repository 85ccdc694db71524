"""Cameras are chosen by name, of those that the scene has."""

import pytest
from isaaclab.cli import load_external_tasks

from isaaclab_datagen import registry
from isaaclab_datagen.cli import cameras
from isaaclab_datagen.cli.overrides import resolve
from isaaclab_datagen.errors import UsageError

load_external_tasks()


@pytest.mark.parametrize("task", registry.all_tasks().values(), ids=lambda task: task.id)
def test_cameras_of_a_task(task):
    env_cfg, _ = resolve(task.id, None, [])
    assert cameras.choose(None, task.cameras, env_cfg) == task.cameras
    for name in task.cameras:
        assert cameras.choose((name,), (), env_cfg) == (name,)
    with pytest.raises(UsageError, match="--cameras nowhere: not in the scene, choose from"):
        cameras.choose(("nowhere",), task.cameras, env_cfg)
