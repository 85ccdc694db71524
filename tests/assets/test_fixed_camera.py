"""A fixed camera sees what it should, from when it is first asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from isaaclab.cli import load_external_tasks
from simulated import environment

from isaaclab_datagen.cli import overrides
from isaaclab_datagen.cli.configuring import keep_cameras

pytestmark = pytest.mark.sim
TASK, NUM_ENVS, NAME = "Lift-Custom-IK", 2, "overhead_camera"


@pytest.fixture(scope="module")
def env() -> Iterator[Any]:
    load_external_tasks()
    cfg, _ = overrides.resolve(TASK, None, ["env.camera_resolution=[32,24]"], play_mode=True)
    keep_cameras(cfg, [NAME])
    cfg.sim.device, cfg.scene.num_envs, cfg.seed = "cpu", NUM_ENVS, 0
    with environment(TASK, cfg) as made:
        yield made


def test_a_camera_that_wakes_late_sees_what_there_is(env):
    camera, still = env.scene.sensors[NAME], torch.zeros(NUM_ENVS, 7)
    place = env.scene.env_origins + torch.tensor(camera.cfg.offset.pos)
    with torch.inference_mode():
        env.reset()
        env.step(still)
        assert camera.frame.torch.tolist() == [0, 0]  # asleep
        first = camera.data.output["rgb"].torch.clone()
        torch.testing.assert_close(camera.data.pos_w.torch, place)
        assert (first.float().std(dim=(1, 2, 3)) > 5).all()
        assert camera.frame.torch.tolist() == [1, 1]
        cube = env.scene["object"]
        pose = cube.data.root_link_pose_w.torch.clone()
        pose[0, 2] += 0.3
        cube.write_root_pose_to_sim_index(root_pose=pose)
        env.step(still)
        second = camera.data.output["rgb"].torch.clone()
        change = (second.int() - first.int()).abs().amax(dim=(1, 2, 3))
        assert change[0] > 50
        assert change[0] > 2 * change[1]
        env.scene.reset(torch.tensor([0], dtype=torch.int32))
        assert camera.frame.torch.tolist() == [0, 2]
        camera.set_world_poses(positions=place + torch.tensor([0.0, 0.0, 1.0]))
        env.step(still)
        assert (camera.data.output["rgb"].torch.int() - second.int()).abs().amax() > 50
        torch.testing.assert_close(camera.data.pos_w.torch, place + torch.tensor([0.0, 0.0, 1.0]))
