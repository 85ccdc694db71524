"""``scripts/collect.py`` with the real simulator."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from collecting import COLLECT
from documented import ATTRIBUTES, CHANNELS, KEYS, PIXELS, check_channels, check_keys

from isaaclab_datagen.assets.urdf import convert
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.datasets.episode_files import states_of
from isaaclab_datagen.datasets.video import probe
from isaaclab_datagen.geometry.cameras import project

pytestmark = pytest.mark.sim
FIXTURES = Path(__file__).parents[1] / "fixtures"


def before(folder: str) -> dict[str, str]:
    """An environment in which a folder of the fixtures comes first on Python's path."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(FIXTURES / folder), os.environ.get("PYTHONPATH")]))}


WITH_PROJECT, WITHOUT_LEARN = before("pushing_project"), before("core_only")


def test_the_same_seed_gives_the_same_files_in_another_process(collect, collected, collected_by, tmp_path):
    """One in which there is nothing of the extra ``learn``."""
    collect(*collected_by, "--out", tmp_path, env=WITHOUT_LEARN)
    data = {".png", ".npz", ".pkl"}
    files = sorted(path.relative_to(collected) for path in collected.rglob("*") if path.suffix in data)
    assert len(files) == 2 * (21 + 2)
    for file in files:
        assert (collected / file).read_bytes() == (tmp_path / file).read_bytes(), file


def test_what_was_recorded_is_told(collected):
    reader = formats.open_reader(collected)
    assert [reader.problems(index) for index in reader.indices] == [[], []]
    for episode in reader:
        assert (episode.num_steps, len(episode.frames["joint_pos"])) == (20, 21)
        assert (episode.outcome.reason, episode.outcome.success) == ("time_out", False)
        facts = episode.metadata
        assert facts["step_dt"] == pytest.approx(0.02)
        assert len(facts["joint_names"]["robot"]) == episode.frames["joint_pos"].shape[1]
        assert facts["camera_resolution"] == [320, 240]
        assert (facts["seed"], facts["expert"], facts["quaternion_order"]) == (5, "state_machine", "xyzw")
    starts = [episode.frames["object_pose"][0] for episode in reader]
    assert np.abs(starts[0] - starts[1]).max() > 0.01


def test_a_project_of_somebody_else_is_recorded(collect, tmp_path):
    """Found by its entry point; it brings its own task and imports recorder, camera and MDP terms from here."""
    words = ["--task", "Other-Push", "--expert", "random", "--keep_failures", "--episodes", 6, "--num_envs", 2]
    collect(*words, "--seed", 1, "--out", tmp_path, env=WITH_PROJECT)
    reader = formats.open_reader(tmp_path)
    assert [reader.problems(index) for index in reader.indices] == [[]] * 6
    assert {episode.outcome.reason for episode in reader} == {"pushed_far", "time_out"}
    for episode in reader:
        frames = episode.frames
        assert len(frames["push_direction"]) == len(frames["images/side_camera"]) == episode.num_steps + 1
        assert np.array_equal(frames["observations/policy/block"], frames["object_pose"])
        away = np.linalg.norm(frames["object_pose"][:, :2] - [0.5, 0.0], axis=1) > 0.045
        assert away.tolist() == [False] * episode.num_steps + [episode.outcome.success]
        pixels, _ = project(
            frames["object_pose"][-1, :3],
            np.array(episode.metadata["intrinsics"]),
            frames["extrinsics/side_camera"][-1],
        )
        red, green, blue = frames["images/side_camera"][-1][int(pixels[1]), int(pixels[0])].astype(int)
        assert green > 1.5 * max(red, blue)


def test_a_task_that_knows_nothing_of_recording_gets_the_rig_and_keeps_its_secret(collect, tmp_path):
    """Somebody's own arm: no cameras, no recorder, no success rule. Two rounds in three environments."""
    words = ["--task", "Other-Wave", "--expert", "random", "--format", "vpl", "--num_envs", 3]
    words += ["--num_episodes", 2, "--width", 64, "--height", 48, "--language", "wave", "--seed", 1, "--out", tmp_path]
    said = collect(*words, env=WITH_PROJECT)
    assert "success unknown of 6: time_out 6" in said
    reader = formats.open_reader(tmp_path)
    assert reader.indices == list(range(6))
    assert reader.cameras == ["overview", "wrist", "top"]
    facts = reader.manifest.provenance
    assert (facts["robot"], facts["ee_body"], facts["language"], facts["env_spacing"]) == (
        "panda",
        "panda_hand",
        "wave",
        5.0,
    )
    starts = set()
    for index, episode in zip(reader.indices, reader, strict=True):
        assert reader.problems(index) == []
        assert (episode.outcome.success, episode.outcome.reason, episode.num_steps) == (None, "time_out", 6)
        assert episode.outcome.env_index == index % 3
        assert episode.outcome.extra == {"round": index // 3, "session": 0, "seed": 1}
        frames = episode.frames
        assert frames["joint_pos"].shape == frames["joint_vel"].shape == (7, 9)
        assert frames["ee_pose"].shape == (7, 7)
        assert np.array_equal(frames["observations/policy"][:, 9:], frames["joint_vel"])
        moved = frames["ee_pose"][-1, :3] - frames["ee_pose"][0, :3]
        carried = frames["extrinsics/wrist"][-1, :3, 3] - frames["extrinsics/wrist"][0, :3, 3]
        assert 0.001 < np.linalg.norm(moved) < 0.3
        assert np.linalg.norm(moved - carried) < 0.1
        starts.add(episode.actions.tobytes())
    assert len(starts) == 6


def test_the_guides_command_writes_what_the_documentation_says(guided):
    (root,) = guided.iterdir()
    assert re.fullmatch(r"Open-Drawer-Custom_sim_franka_\d{8}_\d{6}", root.name)
    files = sorted(root.glob("episode_*/episode_*.h5"))
    assert [file.stem for file in files] == [f"episode_00{number}" for number in range(4)]
    hands = []
    for path in files:
        with h5py.File(path) as file:
            cameras = list(file.attrs["camera_names"])
            sizes = {"T": 30, "F": 30, "N": 3, "H": 240, "W": 320, "A": 8, "J": 9, "O": file["proprio"].shape[1]}
            check_keys(file, sizes, KEYS.keys() - PIXELS)
            assert set(file.attrs) >= ATTRIBUTES
            hands.append(file["ee_position"][0])
            assert (np.abs(file["timestamps"][:] - np.arange(30) / 60) < 1e-6).all()
            moved = np.ptp(file["extrinsics"][:, :, :3, 3], axis=0).max(axis=-1)
            assert [name for name, way in zip(cameras, moved, strict=True) if way > 1e-4] == ["wrist"]
            for number in range(len(cameras)):
                assert probe(path.parent / f"camera_{number}" / f"{path.stem}.mp4").frames == 30
    assert np.ptp(hands, axis=0).max() < 0.3  # in the environment's frame, though environments are 5 m apart


def test_60_frames_of_three_cameras_are_small(guided):
    """Twice what 30 frames take: at most 15 MB, and at most 1 MB with ``--color none``."""
    for path in guided.glob("*/episode_*/episode_*.h5"):
        with h5py.File(path) as file:
            color = file["color"].id.get_storage_size()
        total = sum(part.stat().st_size for part in path.parent.rglob("*") if part.is_file())
        assert 2 * total < 15e6
        assert 2 * (total - color) < 1e6


def test_everything_that_is_asked_for_is_written_as_the_documentation_says(collect, tmp_path):
    """The drawer with all data types, images of every third frame."""
    words = ["--task", "Open-Drawer-Custom", "--expert", "rl", "--num_envs", 1, "--episodes", 1, "--max_steps", 7]
    words += ["--data_types", "depth,semantic_segmentation,instance_segmentation", "--video_interval", 3]
    collect(*words, "--enable_wrist_camera", "--width", 64, "--height", 48, "--out", tmp_path)
    (path,) = tmp_path.glob("*/episode_000/episode_000.h5")
    with h5py.File(path) as file:
        sizes = {"T": 7, "F": 3, "N": 2, "H": 48, "W": 64, "A": 8, "J": 9, "O": 37, "D": 37, "P": 9}
        check_keys(file, sizes, set(KEYS))
        assert set(file.attrs) >= ATTRIBUTES
        assert file["frame_index"][:].tolist() == [0, 3, 6]
        assert (file.attrs["num_steps"], file.attrs["num_frames"], file.attrs["fps"]) == (7, 3, 20.0)
        channels = {name: values.shape for name, values in states_of(file).items()}
        check_channels(channels, sizes, own := {"drawer_pos", "handle_pose"})
        kinds = {name.partition("/")[0] for name in CHANNELS} - {"action", "command", *formats.load("vpl").STREAMS}
        assert {name.partition("/")[0] for name in channels} == kinds | own
        labels = {name: json.loads(file[name].attrs["labels"]) for name in PIXELS - {"depth"}}
        for name, meaning in labels.items():
            assert {str(number) for number in np.unique(file[name])} <= meaning.keys(), name
        assert {"class": "handle"} in labels["segmentation"].values()
        assert "/World/envs/env_0/Cabinet/drawer_top" in labels["instance_segmentation"].values()
        assert 1.0 < np.median(file["depth"][:, 0]) < 6.0


FILMED = [
    "--task",
    "Other-Wave-Filmed",
    "--expert",
    "random",
    "--format",
    "vpl",
    "--num_envs",
    "1",
    "--num_episodes",
    "1",
]


def test_a_tasks_own_camera_is_seen_from_where_it_is_in_every_step(collect, tmp_path):
    """Isaac Lab would leave its pose where it was at the reset, and its image ten times a second."""
    collect(
        *FILMED, "--cameras", "palm_camera,wrist", "--width", 96, "--height", 72, "--out", tmp_path, env=WITH_PROJECT
    )
    (episode,) = formats.open_reader(tmp_path)
    ways = [
        np.diff(episode.frames[f"extrinsics/{name}"][:, :3, 3], axis=0).sum(axis=0) for name in ("palm_camera", "wrist")
    ]
    assert np.linalg.norm(ways[0]) > 0.001
    assert np.linalg.norm(ways[0] - ways[1]) < 0.2 * np.linalg.norm(ways[1])
    images = episode.frames["images/palm_camera"]
    assert len({image.tobytes() for image in images}) == len(images) == 7


def test_a_camera_below_a_prim_that_is_not_there_is_refused_with_the_bodies(tmp_path):
    """Isaac Lab itself would mount it somewhere else."""
    command = [*COLLECT, *FILMED, "--device", "cpu", "--cameras", "palm_camera", "--out", str(tmp_path)]
    command.append("env.scene.palm_camera.prim_path='{ENV_REGEX_NS}/Robot/panda_hnd/Palm'")
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **WITH_PROJECT})
    assert ended.returncode == 2, ended.stderr[-2000:]
    line = next(line for line in ended.stderr.splitlines() if line.startswith("error: "))
    assert "camera 'palm_camera' would hang on" in line and "Robot/panda_hnd, which is not there" in line
    assert "panda_link8/panda_hand" in line


def test_an_end_effector_that_is_asked_for_is_recorded_of_our_own_tasks_too(collect, tmp_path):
    words = ["--task", "Lift-Custom-IK", "--cameras", "wrist", "--format", "vpl", "--num_envs", 1, "--episodes", 1]
    collect(
        *words,
        "--max_steps",
        4,
        "--camera_width",
        32,
        "--camera_height",
        24,
        "--ee_body",
        "panda_link7",
        "--out",
        tmp_path,
    )
    reader = formats.open_reader(tmp_path)
    facts = reader.manifest.provenance
    assert (facts["ee_body"], facts["ee_offset"]) == ("panda_link7", [0.0, 0.0, 0.0])
    frames = reader.read(0).frames
    eye = frames["extrinsics/wrist"][:, :3, 3] - frames["ee_pose"][:, :3]  # of the rig: 8 cm up, 5 cm behind
    np.testing.assert_allclose(np.linalg.norm(eye, axis=1), np.hypot(0.08, 0.05), atol=1e-5)


def test_an_end_effector_that_is_not_there_is_refused_with_the_bodies(tmp_path):
    """Isaac Lab itself would mount the wrist camera somewhere else."""
    command = [*COLLECT, "--task", "Other-Wave", "--expert", "zero", "--format", "avdc", "--keep_failures"]
    command += ["--episodes", "1", "--num_envs", "1", "--device", "cpu", "--out", str(tmp_path), "--ee_body", "hnd"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **WITH_PROJECT})
    assert ended.returncode == 2, ended.stderr[-2000:]
    line = next(line for line in ended.stderr.splitlines() if line.startswith("error: "))
    assert "--ee_body hnd: there is no such body" in line
    assert "panda_hand" in line and "panda_leftfinger" in line
    assert not list(tmp_path.glob("metaworld_dataset/*/*/*"))


def test_a_task_of_isaac_lab_is_recorded_with_local_files(collect, tmp_path):
    """As docs/cameras.md says: the robot's file is a local one, and what nobody has locally is left out.

    By a network that has learned from one update there.
    """
    panda = convert("panda_description/urdf/panda.urdf")
    here = ["--task", "Isaac-Reach-Franka", "--num_envs", "2", f"env.scene.robot.spawn.usd_path={panda}"]
    here += ["env.scene.robot.spawn.variants=null", "env.scene.ground=null", "env.commands.ee_pose.debug_vis=False"]
    train = [sys.executable, str(Path(COLLECT[1]).with_name("train.py")), *here, "--device", "cpu"]
    subprocess.run(
        [*train, "--max_iterations", "1", "agent.num_steps_per_env=4"], cwd=tmp_path, timeout=300, check=True
    )
    (network,) = tmp_path.glob("logs/rsl_rl/*/*/model_*.pt")
    out = tmp_path / "out"
    words = ["--expert", "rl", "--checkpoint", network, "--format", "vpl", "--num_episodes", 1, "--max_steps", 4]
    collect(*here, *words, "--width", 64, "--height", 48, "--out", out)
    reader = formats.open_reader(out)
    assert reader.manifest.identity["expert"] == "rl"
    assert reader.cameras == ["overview", "wrist", "top"]
    for episode in reader:
        assert (episode.outcome.success, episode.outcome.reason, episode.num_steps) == (False, "time_out", 4)
        for camera in reader.cameras:
            images = episode.frames[f"images/{camera}"]
            assert (images[0] != images[-1]).any(), camera
            assert len(np.unique(images[0])) > 20, camera
