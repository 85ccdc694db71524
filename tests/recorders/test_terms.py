"""Every frame is of one instant, that of its action: held on the simulator, with everything moving between steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from dataset_fakes import FolderWriter, Saved
from disturbed_lift import (
    CAMERAS,
    CATCH,
    DATA_TYPES,
    DROP,
    DROPS,
    STEPS,
    SUCCEEDS,
    TASK,
    TIMES_OUT,
    WRIST_EYE,
    WRIST_TARGET,
    Watcher,
    configuration,
)
from isaaclab.utils.math import matrix_from_quat
from simulated import environment

from isaaclab_datagen.assets.objects import CUBE_SIZE
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.geometry.cameras import point_cloud
from isaaclab_datagen.geometry.frames import look_at
from isaaclab_datagen.recorders.streams import streams
from isaaclab_datagen.rollout.loop import rollout
from isaaclab_datagen.rollout.plans import CollectionPlan

pytestmark = pytest.mark.sim

PER_ENV = 3
"""Episodes that each environment records at least."""
TOLERANCES = {"images": 2.0, "depth": 1e-3, "semantic_segmentation": 0.0, "instance_segmentation": 0.0}
"""How far a pixel may be from the one that is rendered anew: levels, m, ids."""


def record(env: Any, folder: Path, target: int, drive: Any) -> tuple[dict[int, Saved], CollectionPlan]:
    """Record what ``drive(plan)`` does."""
    from isaaclab_datagen.recorders import terms
    from isaaclab_datagen.recorders.stream import EpisodeStream

    writer, plan = FolderWriter(folder), CollectionPlan(target, keep_failures=True)
    with (
        RecordingSession(writer, env.num_envs) as session,
        closing(EpisodeStream(plan, env.num_envs, session)) as stream,
    ):
        recorder = terms.find(env)
        recorder.bind(stream)
        try:
            drive(plan)
        finally:
            recorder.bind(None)
    return writer.episodes, plan


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The environment, what was recorded in it, and what the actor saw meanwhile."""
    from isaaclab_datagen.recorders import terms

    with environment(TASK, configuration()) as env:
        watcher = Watcher(env)
        folder, target = tmp_path_factory.mktemp("episodes"), PER_ENV * env.num_envs
        # rendered before the actor is asked; below, without an early start, just before the step
        start = terms.find(env).start_frame
        saved, plan = record(
            env, folder, target, lambda plan: rollout(env, watcher, lambda: plan.done, before_act=start)
        )
        source = terms.find(env).source
        yield SimpleNamespace(
            env=env,
            watcher=watcher,
            saved=saved,
            plan=plan,
            episodes=by_slot(saved, env.num_envs),
            intrinsics={name: np.array(matrix) for name, matrix in source.intrinsics().items()},
            labels=source.segmentation_labels(),
        )


def by_slot(saved: Mapping[int, Saved], slots: int) -> list[list[Any]]:
    """Slot to its episodes, in order: outcome and frames."""
    found = [(saved[index].outcome, saved[index].frames) for index in sorted(saved)]
    return [[episode for episode in found if episode[0].env_index == slot] for slot in range(slots)]


def pairs(run: SimpleNamespace) -> Iterator[tuple[list[Any], list[Any]]]:
    """Each recorded episode's frames, with the steps that the actor saw."""
    for slot, episodes in enumerate(run.episodes):
        for (_, frames), steps in zip(episodes, run.watcher.episodes[slot], strict=False):
            yield frames, steps


def test_every_environment_recorded_whole_episodes(run):
    assert min(len(episodes) for episodes in run.episodes) >= 2
    assert sorted(run.saved) == list(range(PER_ENV * run.env.num_envs))
    for frames, steps in pairs(run):
        assert len(frames) == len(steps) + 1
        assert ["action" in frame for frame in frames] == [True] * len(steps) + [False]


def test_frames_hold_exactly_what_the_actor_saw_and_did(run):
    for frames, steps in pairs(run):
        for frame, step in zip(frames, steps, strict=False):
            for name, value in step.items():
                assert frame[name].dtype == value.dtype
                assert np.array_equal(frame[name], value), name


def test_the_disturbances_came_between_the_steps(run):
    """Otherwise the tests of this file would show nothing."""
    frames = run.episodes[TIMES_OUT][0][1]
    cube = np.array([frame["object_pose"][:2] for frame in frames])
    joints = np.array([frame["joint_pos"][:7] for frame in frames])
    goals = np.array([frame["goal"] for frame in frames])
    jumps = np.flatnonzero(np.abs(np.diff(joints, axis=0)).max(axis=1) > 0.15) + 1
    assert set(range(3, STEPS, 4)) <= set(jumps.tolist())
    assert (np.linalg.norm(np.diff(cube, axis=0), axis=1) > 0.03).any()
    for camera in CAMERAS:
        images = [frames[t][f"images/{camera}"].astype(int) for t in (2, 3)]
        assert (np.abs(images[1] - images[0]) > 2).any(axis=-1).mean() > 0.02, camera
    assert 5 <= (np.linalg.norm(np.diff(goals, axis=0), axis=1) > 0.01).sum() < STEPS


def test_observations_goal_and_state_are_of_one_instant_in_every_frame(run):
    """Also in the last frame, which no actor sees."""
    default = run.env.scene["robot"].data.default_joint_pos.torch.numpy()
    for slot, episodes in enumerate(run.episodes):
        for _, frames in episodes:
            for frame in frames:
                policy = frame["observations/policy"]
                assert np.allclose(policy[:9], frame["joint_pos"] - default[slot], atol=1e-6)
                assert np.array_equal(policy[18:21], frame["object_pose"][:3])
                assert np.array_equal(policy[21:24], frame["goal"])
                assert np.allclose(frame["command/object_pose"][:3], frame["goal"], atol=1e-6)
                assert np.array_equal(frame["scene/articulation/robot/joint_position"], frame["joint_pos"])


def test_the_wrist_camera_sits_where_the_hand_is(run):
    """The gripper's x is the hand's z, its z the hand's x."""
    gripper = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
    eye, target = gripper @ WRIST_EYE, gripper @ WRIST_TARGET
    mount = np.eye(4)
    mount[:3, :3], mount[:3, 3] = look_at(eye, target, up=(1.0, 0.0, 0.0)), eye
    for frame in all_frames(run):
        hand = np.eye(4)
        hand[:3, :3], hand[:3, 3] = matrix_from_quat(torch.tensor(frame["hand_pose"][3:])), frame["hand_pose"][:3]
        assert np.abs(frame["extrinsics/wrist"] - hand @ mount).max() < 1e-4


def test_depth_and_segmentation_are_of_the_things_that_are_there(run):
    """Points of the table's pixels lie on it, those of the cube's pixels on the cube."""
    assert set(run.labels) == {"semantic_segmentation", "instance_segmentation"}
    ids = {label["class"]: int(number) for number, label in run.labels["semantic_segmentation"].items()}
    assert {"robot", "cube", "table", "ground"} <= ids.keys()
    seen = 0
    for frame in all_frames(run):
        for camera in CAMERAS:
            depth, classes = frame[f"depth/{camera}"], frame[f"semantic_segmentation/{camera}"]
            points, mask = point_cloud(depth, run.intrinsics[camera], frame[f"extrinsics/{camera}"])
            table, cube = (points[classes[mask] == ids[name]] for name in ("table", "cube"))
            assert np.abs(table[:, 2]).max(initial=0.0) < 0.051  # its edges are 5 cm high
            if len(table) > 50:
                assert np.median(table[:, 2]) == pytest.approx(0.0, abs=1e-3)
            away = np.linalg.norm(cube - frame["object_pose"][:3], axis=1)
            assert (away < CUBE_SIZE * 0.87).all() and (away > CUBE_SIZE * 0.49).all()
            seen += len(cube)
    assert seen > 1000


def test_every_image_is_the_one_that_its_state_gives(run):
    """Also the first one after an automatic reset, and the last one before it."""
    for number in range(2):
        episodes = [slot[number][1] for slot in run.episodes]
        for t in range(max(map(len, episodes))):
            assert_as_rendered(run.env, [frames[min(t, len(frames) - 1)] for frames in episodes])


def test_images_are_right_where_nobody_reads_a_pose(run, monkeypatch, tmp_path):
    """Reading a body's pose brings the kinematics up to date. Here nothing recorded, observed or commanded does."""
    from isaaclab_datagen.recorders import terms

    env = run.env
    monkeypatch.setattr(terms.find(env).cfg, "channels", {})
    monkeypatch.setitem(env.event_manager.get_term_cfg("decide").params, "catch", False)
    # inverse kinematics reads the hand's pose before the recorder's turn; joint actions would not
    monkeypatch.setattr(env.action_manager.get_term("arm_action"), "process_actions", lambda actions: None)
    still = SimpleNamespace(reset=lambda env_ids: None, act=lambda observations: torch.zeros(env.num_envs, 7))
    saved, _ = record(env, tmp_path, 2 * env.num_envs, lambda plan: rollout(env, still, lambda: plan.done))
    for episodes in zip(*by_slot(saved, env.num_envs), strict=False):
        for t in (0, 1, 2, 3, 7, -1):
            assert_as_rendered(env, [frames[t] for _, frames in episodes])


def assert_as_rendered(env: Any, frames: list[dict[str, np.ndarray]]) -> None:
    """Hold images and hand poses of one frame in each environment against those of its state, restored."""
    for name, values in rendered(env, frames).items():
        for slot, (frame, value) in enumerate(zip(frames, values, strict=True)):
            kind = name.partition("/")[0]
            if kind in TOLERANCES:
                difference = np.abs(frame[name].astype(float) - value) > TOLERANCES[kind]
                wrong = difference.reshape(*difference.shape[:2], -1).any(axis=-1).mean()
                assert wrong < 0.002, f"{name} of environment {slot}: {100 * wrong:.1f} % of the pixels differ"
            elif name in frame:
                assert np.abs(frame[name] - value).max() < 1e-5, f"{name} of environment {slot}"


def rendered(env: Any, frames: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Restore one frame in each environment; then images and hand poses anew."""
    state: dict[str, Any] = {}
    for name in frames[0]:
        if name.startswith("scene/"):
            _, kind, asset, quantity = name.split("/")
            values = torch.from_numpy(np.stack([frame[name] for frame in frames]))
            state.setdefault(kind, {}).setdefault(asset, {})[quantity] = values
    with torch.inference_mode():
        env.scene.reset_to(state, is_relative=True)
        env.sim.forward()
        cameras = {name: env.scene.sensors[name] for name in CAMERAS}
        for camera in cameras.values():
            camera.update(0.0)
        hand = env.scene["robot"].body_names.index("panda_hand")
        pose = env.scene["robot"].data.body_link_pose_w.torch[:, hand].clone()
        pose[:, :3] -= env.scene.env_origins
        batches = [streams(name, camera.data.output, DATA_TYPES) for name, camera in cameras.items()]
        images = {name: data.numpy() for batch in batches for name, data in batch.items()}
        return {**images, "hand_pose": pose.numpy()}


def all_frames(run: SimpleNamespace) -> Iterator[dict[str, np.ndarray]]:
    for saved in run.saved.values():
        yield from saved.frames


@pytest.mark.parametrize(
    ("slot", "reason", "success", "terminated", "lengths"),
    [
        (SUCCEEDS, "success", True, True, range(CATCH + 10, STEPS + 1)),
        (TIMES_OUT, "time_out", False, False, [STEPS]),
        (DROPS, "object_dropped", False, True, [DROP + 1]),
    ],
)
def test_an_episode_says_how_it_ended(run, slot, reason, success, terminated, lengths):
    for outcome, frames in run.episodes[slot]:
        assert (outcome.reason, outcome.success, outcome.terminated) == (reason, success, terminated)
        assert len(frames) - 1 in lengths
    assert run.plan.tally.reasons[reason] == len(run.episodes[slot])


def test_the_last_frame_shows_why_an_episode_ended(run):
    for _, frames in run.episodes[DROPS]:
        assert [bool(frame["object_pose"][2] < -0.05) for frame in frames[-3:]] == [False, True, True]
    for _, frames in run.episodes[SUCCEEDS]:
        distances = [np.linalg.norm(frame["object_pose"][:3] - frame["goal"]) for frame in frames[-10:]]
        assert max(distances) < 0.05


def test_resets_by_hand_cut_episodes_and_count_no_empty_one(run, tmp_path):
    """The last frame is of the moment of the reset, though a teleport came after the last step."""
    env = run.env
    watcher = Watcher(env)

    def drive(plan: CollectionPlan) -> None:
        with torch.inference_mode():
            env.reset()
            env.reset()
            for steps in (3, 0, 5):
                observations, _ = env.reset()
                watcher.reset(torch.arange(env.num_envs))
                for _ in range(steps):
                    observations = env.step(watcher.act(observations))[0]
            env.reset(env_ids=torch.tensor([1]))
            plan.target = plan.kept
            env.reset()

    saved, plan = record(env, tmp_path, 100, drive)
    assert sorted(saved) == list(range(6))
    assert plan.tally.reasons == {"reset": 6}
    assert sorted(len(episode.frames) for episode in saved.values()) == [4] * 3 + [6] * 3
    for slot, episodes in enumerate(by_slot(saved, env.num_envs)):
        for (outcome, frames), steps in zip(episodes, [s for s in watcher.episodes[slot] if s], strict=True):
            assert (outcome.reason, outcome.success, outcome.terminated) == ("reset", False, False)
            assert all(
                np.array_equal(frame["observations/policy"], step["observations/policy"])
                for frame, step in zip(frames, steps, strict=False)
            )
    last = [
        next(episode.frames for episode in saved.values() if episode.outcome.env_index == slot)[-1] for slot in range(3)
    ]
    assert_as_rendered(env, last)


def test_a_group_of_observations_is_computed_when_it_is_asked_for_and_once():
    from isaaclab_datagen.recorders.terms import Asked

    computed = []

    def compute_group(name: str, update_history: bool) -> int:
        computed.append((name, update_history))
        return len(computed)

    groups: Any = SimpleNamespace(active_terms={"policy": ["a"], "critic": ["a", "b"]}, compute_group=compute_group)
    observations = Asked(groups)
    assert list(observations) == ["policy", "critic"] and len(observations) == 2 and computed == []
    assert observations["critic"] == observations["critic"] == 1
    assert computed == [("critic", True)]
