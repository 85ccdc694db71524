"""The planner plans what LeRobot itself would do, environment by environment."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lerobot")

import torch
from learning import TINY
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy
from lerobot.policies.factory import make_pre_post_processors

from isaaclab_datagen.datasets import features, ranges
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.policies import checkpoints
from isaaclab_datagen.policies.diffusion import config as configuration
from isaaclab_datagen.policies.diffusion.planner import DiffusionPlanner
from isaaclab_datagen.policies.signature import Signature
from isaaclab_datagen.rollout.wrappers import Chunks

CAMERAS = ("table", "wrist")
N = 3


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A policy that was not trained, with a quaternion in its actions, saved as a checkpoint."""
    folder = tmp_path_factory.mktemp("run") / "checkpoints" / "000007" / "pretrained_model"
    spec = features.choose({"ee_pose": 7, "gripper_width": 1}, [], include_object=False)
    spec = features.with_references(spec, {"ee_pose": np.tile([0, 0, 0, 1, 0, 0, 0], (2, 1))})
    signature = Signature(spec, CAMERAS, (24, 32), 8, 3, (0.0, 1.0, 0.0, 0.0))
    torch.manual_seed(0)
    config = configuration.make(signature, TINY, "cpu")
    rng = np.random.default_rng(0)
    found = {
        key: ranges.of_images(rng.integers(0, 255, (4, 24, 32, 3), np.uint8))
        for key in configuration.image_keys(signature)
    }
    found |= {"observation.state": ranges.of_rows(rng.normal(size=(9, 8)))}
    found |= {"action": ranges.of_rows(rng.normal(size=(9, 8)))}
    tensors = {key: {name: torch.from_numpy(v) for name, v in value.items()} for key, value in found.items()}
    DiffusionPolicy(config).save_pretrained(folder)
    for processor in make_pre_post_processors(config, dataset_stats=tensors):
        processor.save_pretrained(folder)
    signature.save(folder)
    return folder


def frame(seed):
    rng = np.random.default_rng(seed)
    found = {f"images/{camera}": torch.from_numpy(rng.integers(0, 255, (N, 24, 32, 3), np.uint8)) for camera in CAMERAS}
    pose = rng.normal(size=(N, 7)).astype(np.float32)
    pose[:, 3:] = (1, 0, 0, 0)
    return {
        **found,
        "ee_pose": torch.from_numpy(pose),
        "gripper_width": torch.from_numpy(rng.random((N, 1), np.float32)),
    }


def test_it_acts_as_lerobots_own_select_action(model):
    planner = DiffusionPlanner(model, "cpu", seed=3)
    frames = [frame(step) for step in range(9)]
    now = iter(frames)
    actor = Chunks(planner, lambda: current, N, "cpu")
    policy = DiffusionPolicy.from_pretrained(model)
    before, after = make_pre_post_processors(policy.config, str(model))
    noises = torch.Generator().manual_seed(3)
    for step, current in enumerate(now):
        item = {f"observation.images.{c}": current[f"images/{c}"].movedim(-1, -3) / 255 for c in CAMERAS}
        item["observation.state"] = torch.cat([current["ee_pose"], current["gripper_width"]], -1)
        noise = torch.randn(N, 8, 8, generator=noises) if step % 4 == 0 else None
        expected = after(policy.select_action(before(item), noise=noise))
        expected[:, 3:7] /= expected[:, 3:7].norm(dim=-1, keepdim=True)
        torch.testing.assert_close(actor.act({}), expected)


def test_the_quaternion_of_an_action_has_length_one(model):
    planner = DiffusionPlanner(model, "cpu")
    history = {name: torch.stack([rows, rows], dim=1) for name, rows in planner.prepare(frame(0)).items()}
    plans = planner.plan(history)
    assert plans.shape == (N, 4, 8)
    torch.testing.assert_close(plans[..., 3:7].norm(dim=-1), torch.ones(N, 4))


def test_the_sign_of_a_measured_quaternion_does_not_matter(model):
    planner, one = DiffusionPlanner(model, "cpu"), frame(0)
    other = {**one, "ee_pose": one["ee_pose"] * torch.tensor([1.0, 1, 1, -1, -1, -1, -1])}
    torch.testing.assert_close(planner.prepare(one)["observation.state"], planner.prepare(other)["observation.state"])


def test_a_run_a_checkpoint_or_its_model_is_the_same_policy(model):
    run = model.parents[2]
    (run / "checkpoints" / "last").symlink_to("000007")
    for path in (run, run / "checkpoints", model.parent, run / "checkpoints" / "last", model):
        assert checkpoints.resolve(path) == model.resolve()
    assert checkpoints.step_of(model) == 7
    with pytest.raises(UsageError, match="is no policy"):
        checkpoints.resolve(run.parent)


def test_a_policy_of_another_program_is_refused(model, tmp_path):
    with pytest.raises(UsageError, match="was not trained by learn.py"):
        Signature.load(tmp_path)
