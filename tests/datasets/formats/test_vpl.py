"""The vpl layout as docs/formats.md has it, read by plain h5py and PyAV, and what is peculiar to it."""

from __future__ import annotations

import argparse
import json
import re
from fractions import Fraction

import av
import h5py
import numpy as np
import pytest
from dataset_fakes import CAMERAS, FACTS, FAILURE, SUCCESS, open_writer, random_frames, write_episode
from documented import ATTRIBUTES, KEYS, check_keys

from isaaclab_datagen.datasets import formats, inspection
from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.errors import RunError, UsageError

STEPS, HEIGHT, WIDTH = 7, 24, 32
SIZES = {"T": STEPS, "N": 2, "H": HEIGHT, "W": WIDTH, "A": 7, "O": 36, "J": 9}


def smooth(frames):
    """Images that a video keeps recognisable: a gradient that moves, and is of another colour for each camera."""
    y, x = np.mgrid[0 : frames[0]["images/wrist"].shape[0], 0 : frames[0]["images/wrist"].shape[1]]
    for number, frame in enumerate(frames):
        for camera, shift in zip(CAMERAS, (20, 120), strict=True):
            values = (4 * x[..., None] + 3 * y[..., None] + 10 * number + [shift, 0, 2 * shift]) // 3
            frame[f"images/{camera}"] = values.astype(np.uint8)
    return frames


def add_pixels(frames):
    rng = np.random.default_rng(1)
    for frame in frames:
        for camera in CAMERAS:
            size = frame[f"images/{camera}"].shape[:2]
            frame[f"depth/{camera}"] = rng.random(size, np.float32)
            frame[f"semantic_segmentation/{camera}"] = rng.integers(0, 5, size, np.int32)
            frame[f"instance_segmentation/{camera}"] = rng.integers(0, 5, size, np.int32)
    return frames


def record(out, steps=STEPS, size=(HEIGHT, WIDTH), outcome=SUCCESS, pixels=False, **given):
    frames = smooth(random_frames(np.random.default_rng(0), steps, size=size))
    for frame in frames:
        frame |= {name: frame[name].astype(np.float32) for name in frame if name.startswith("extrinsics/")}
    writer = open_writer(out, "vpl", given=given)
    write_episode(writer, 0, add_pixels(frames) if pixels else frames, outcome)
    writer.close()
    return writer.root / "episode_000" / "episode_000.h5", frames


def column(frames, name, steps):
    return np.stack([frame[name] for frame in frames[:steps]])


@pytest.mark.parametrize("interval", [1, 3])
def test_every_key_has_the_documented_shape_type_unit_and_frame(interval, tmp_path):
    path, _ = record(tmp_path, pixels=True, video_interval=interval)
    sizes = {**SIZES, "F": len(range(0, STEPS, interval))}
    assert len(KEYS) == 14
    with h5py.File(path) as file:
        check_keys(file, sizes, set(KEYS))


@pytest.mark.parametrize("interval", [1, 2, 3, 50])
def test_rows_hold_what_action_t_was_chosen_in_and_final_what_came_of_it(interval, tmp_path):
    path, frames = record(tmp_path, pixels=True, video_interval=interval)
    stored = range(0, STEPS, interval)
    with h5py.File(path) as file:
        assert file["frame_index"][()].tolist() == list(stored)
        for key, channel in {
            "joint_pos": "joint_pos",
            "joint_vel": "joint_vel",
            "proprio": "observations/policy",
        }.items():
            np.testing.assert_array_equal(file[key], column(frames, channel, STEPS))
            np.testing.assert_array_equal(file[f"final/{key}"], frames[-1][channel])
        np.testing.assert_array_equal(file["action"], column(frames, "action", STEPS))
        np.testing.assert_array_equal(file["ee_position"], column(frames, "ee_pose", STEPS)[:, :3])
        np.testing.assert_array_equal(file["ee_rotation"], column(frames, "ee_pose", STEPS)[:, 3:])
        np.testing.assert_allclose(file["timestamps"], 0.02 * np.arange(STEPS))
        assert file["final/timestamps"][()] == pytest.approx(0.02 * STEPS)
        kinds = {
            "images": "color",
            "depth": "depth",
            "semantic_segmentation": "segmentation",
            "extrinsics": "extrinsics",
        }
        for kind, key in kinds.items():
            for number, camera in enumerate(CAMERAS):
                expected = [frames[step][f"{kind}/{camera}"] for step in stored]
                np.testing.assert_array_equal(file[key][:, number], expected)
                np.testing.assert_array_equal(file[f"final/{key}"][number], frames[-1][f"{kind}/{camera}"])
        np.testing.assert_array_equal(file["intrinsics"], [FACTS["intrinsics"][camera] for camera in CAMERAS])
        for channel in set(frames[0]) - {"action"}:
            if not channel.startswith(("images/", "depth/", "semantic", "instance")):
                rows = [frame[channel] for frame in frames if channel in frame]
                np.testing.assert_array_equal(file[f"states/{channel}"], rows)


def test_every_documented_attribute_is_there_and_true(tmp_path):
    outcome = Outcome(False, "time_out", False, 3, {"round": 2, "seed": 11, "mass": [0.5]})
    path, _ = record(tmp_path, outcome=outcome, video_interval=2)
    with h5py.File(path) as file:
        attributes = {name: value.tolist() if hasattr(value, "tolist") else value for name, value in file.attrs.items()}
        assert file["ee_rotation"].attrs["order"] == "xyzw"
        assert file["extrinsics"].attrs["maps"].startswith("camera's optical frame")
        assert list(file["proprio"].attrs["channels"]) == ["observations/policy"]
    assert set(attributes) == ATTRIBUTES | {"round"}
    assert attributes == {
        **{
            "success": False,
            "success_known": True,
            "terminated": False,
            "termination_reason": "time_out",
            "env_idx": 3,
        },
        **{"seed": 11, "round": 2, "num_steps": STEPS, "num_frames": 4, "fps": 25.0, "step_dt": 0.02},
        **{
            "video_size": [WIDTH, HEIGHT],
            "task": "Lift-Custom-IK",
            "robot": "franka",
            "language": "",
            "camera_names": list(CAMERAS),
        },
        **{"joint_names": FACTS["joint_names"]["robot"], "extra": json.dumps(outcome.extra)},
    }
    assert formats.open_reader(tmp_path)[0].outcome == outcome


@pytest.mark.parametrize("success", [True, False, None])
def test_what_is_not_known_is_never_a_success(success, tmp_path):
    path, _ = record(tmp_path, outcome=Outcome(success, "time_out", False))
    with h5py.File(path) as file:
        assert bool(file.attrs["success"]) is (success is True)
        assert bool(file.attrs["success_known"]) is (success is not None)
    assert formats.open_reader(tmp_path)[0].outcome.success is success


@pytest.mark.parametrize(("size", "stored"), [((24, 32), (24, 32)), ((23, 33), (24, 34))])
@pytest.mark.parametrize("interval", [1, 3])
def test_videos_show_the_stored_frames_in_real_time(interval, size, stored, tmp_path):
    path, frames = record(tmp_path, steps=25, size=size, video_interval=interval)
    expected = [frames[step] for step in range(0, 25, interval)]
    for number, camera in enumerate(CAMERAS):
        with av.open(str(path.parent / f"camera_{number}" / "episode_000.mp4")) as container:
            stream = container.streams.video[0]
            images = [image.to_ndarray(format="rgb24") for image in container.decode(stream)]
            assert (stream.height, stream.width) == stored
            with h5py.File(path) as file:
                assert file.attrs["video_size"].tolist() == [stream.width, stream.height]
            assert stream.average_rate == Fraction(50, interval)
            assert stream.codec_context.pix_fmt == "yuv420p"
        assert len(images) == len(expected)
        for image, frame in zip(images, expected, strict=True):
            difference = image[: size[0], : size[1]].astype(int) - frame[f"images/{camera}"]
            assert np.abs(difference).mean() < 4


@pytest.mark.parametrize("size", [(24, 32), (23, 33)])
def test_without_color_images_come_from_the_video_and_the_last_one_is_exact(size, tmp_path):
    path, frames = record(tmp_path, steps=25, size=size, color="none", pixels=True)
    with h5py.File(path) as file:
        assert "color" not in file
        assert "depth" in file
    reader = formats.open_reader(tmp_path)
    wanted = [24, 0, 13, 14, 25, 3, 3]
    for step, image in zip(wanted, reader.images(0, "wrist", wanted), strict=True):
        assert image.shape == (*size, 3)
        assert np.abs(image.astype(int) - frames[step]["images/wrist"]).mean() < 4
    np.testing.assert_array_equal(next(iter(reader.images(0, "wrist", [25]))), frames[25]["images/wrist"])
    assert inspection.inspect(reader).problems == []


def test_frames_that_are_not_stored_are_named(tmp_path):
    record(tmp_path, video_interval=3, pixels=True)
    reader = formats.open_reader(tmp_path)
    assert list(reader.stored(0)) == [0, 3, 6, 7]
    assert reader[0].frames["images/wrist"].shape == (4, HEIGHT, WIDTH, 3)
    assert reader[0].frames["depth/wrist"].shape == (4, HEIGHT, WIDTH)
    assert reader[0].frames["extrinsics/wrist"].shape == (8, 4, 4)
    with pytest.raises(RunError, match="frame 4 is not stored"):
        list(reader.images(0, "wrist", [4]))
    assert inspection.inspect(reader).problems == []


def test_the_folder_has_task_robot_and_time_and_the_manifest_counts(tmp_path):
    writer = open_writer(tmp_path, "vpl", task="pkg:Open-Drawer-Custom")
    assert re.fullmatch(r"Open-Drawer-Custom_sim_franka_\d{8}_\d{6}", writer.root.name)
    for index, steps in ((4, 3), (2, 5)):
        write_episode(writer, index, random_frames(np.random.default_rng(index), steps), FAILURE)
    writer.close()
    metadata = json.loads((writer.root / "metadata.json").read_text())
    assert (metadata["num_episodes"], metadata["num_timesteps"], metadata["episodes"]) == (2, [5, 3], [2, 4])
    assert metadata["provenance"]["robot"] == "franka"


def test_the_numbers_are_right_again_after_a_kill(tmp_path):
    writer = open_writer(tmp_path, "vpl")
    for index in range(3):
        write_episode(writer, index, random_frames(np.random.default_rng(index), index + 1))
    writer.open(3)
    writer.lock.release()  # as a kill does
    assert json.loads((writer.root / "metadata.json").read_text())["num_episodes"] < 3
    again = open_writer(tmp_path, "vpl")
    assert again.root == writer.root
    assert again.manifest.contents["num_timesteps"] == [1, 2, 3]
    assert not (again.root / ".staging").exists()
    again.close()


def test_a_folder_that_a_kill_left_without_a_manifest_is_taken_over(tmp_path):
    unborn = tmp_path / "Lift-Custom-IK_sim_franka_20250101_000000"
    unborn.mkdir()
    (unborn / ".lock").touch()
    writer = open_writer(tmp_path, "vpl")
    assert writer.root == unborn
    writer.close()


def test_other_tasks_robots_and_strangers_lie_beside_each_other(tmp_path):
    stranger = tmp_path / "Lift-Custom-IK_sim_franka_20250101_000000"
    (stranger / "episode_000").mkdir(parents=True)
    roots = set()
    for task in ("Lift-Custom-IK", "Open-Drawer-Custom"):
        writer = open_writer(tmp_path, "vpl", task=task)
        write_episode(writer, 0, random_frames(np.random.default_rng(0)))
        writer.close()
        roots.add(writer.root)
    assert len(roots | {stranger}) == 3
    assert len(formats.load("vpl").find(tmp_path)) == 2


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"video_interval": 0}, "--video_interval 0"),
        ({"video_interval": -2}, "--video_interval -2"),
        ({"fps": 0.0}, "--fps 0"),
        ({"fps": -30.0}, "--fps -30"),
        ({"fps": float("nan")}, "--fps nan"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_made(given, reason, tmp_path):
    with pytest.raises(UsageError, match=reason):
        open_writer(tmp_path / "out", "vpl", given=given)
    assert not (tmp_path / "out").exists()


def test_no_camera_is_refused(tmp_path):
    with pytest.raises(UsageError, match="needs a camera"):
        open_writer(tmp_path, "vpl", cameras=())


def other_size(frame):
    frame["images/wrist"] = np.zeros((8, 8, 3), np.uint8)


def without(name):
    return lambda frame: frame.pop(name)


def with_one_more(name):
    return lambda frame: frame.update({name: np.zeros((8, 8), np.float32)})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_size, "sizes must agree: overhead 32x24, wrist 8x8"),
        (without("joint_vel"), "needs joint_vel"),
        (without("ee_pose"), "needs ee_pose"),
        (without("observations/policy"), "needs observations/<group>"),
        (without("images/wrist"), "needs images/wrist"),
        (without("extrinsics/wrist"), "needs extrinsics/wrist"),
        (with_one_more("depth/wrist"), "needs depth/overhead"),
        (with_one_more("images/surprise"), "cannot store images/surprise"),
    ],
)
def test_frames_that_do_not_fit_are_refused_by_name(change, reason, tmp_path):
    writer = open_writer(tmp_path, "vpl")
    frame = random_frames(np.random.default_rng(0))[0]
    change(frame)
    sink = writer.open(0)
    with pytest.raises(RunError, match=reason):
        sink.append(frame)
    sink.discard()
    writer.close()


def test_flat_groups_are_joined_where_there_is_no_policy_group(tmp_path):
    frames = random_frames(np.random.default_rng(0), 2)
    for frame in frames:
        frame["observations/b"] = frame.pop("observations/policy")
        frame["observations/a"] = np.full(2, 3, np.float32)
        frame["observations/image"] = np.zeros((4, 4, 3), np.float32)
    writer = open_writer(tmp_path, "vpl")
    write_episode(writer, 0, frames)
    writer.close()
    with h5py.File(writer.root / "episode_000" / "episode_000.h5") as file:
        assert list(file["proprio"].attrs["channels"]) == ["observations/a", "observations/b"]
        np.testing.assert_array_equal(file["proprio"][1], np.r_[[3, 3], frames[1]["observations/b"]])


def fewer_frames(path):
    film = path.parent / "camera_1" / "episode_000.mp4"
    film.unlink()
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=50, options={"tune": "zerolatency"})
        stream.height, stream.width = HEIGHT, WIDTH
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8), "rgb24")))
        container.mux(stream.encode())


def no_video(path):
    (path.parent / "camera_0" / "episode_000.mp4").unlink()


def other_joints(path):
    with h5py.File(path, "r+") as file:
        file["joint_pos"][2] += 1


def other_goal(path):
    with h5py.File(path, "r+") as file:
        file["final/joint_pos"][2] += 1


def no_actions(path):
    with h5py.File(path, "r+") as file:
        del file["action"]


def fewer_images(path):
    with h5py.File(path, "r+") as file:
        file["color"].resize(3, axis=0)


def broken_image(path):
    with h5py.File(path, "r+") as file:
        place = file["color"].id.get_chunk_info(5)
    data = bytearray(path.read_bytes())
    data[place.byte_offset + 40 : place.byte_offset + 60] = bytes(20)
    path.write_bytes(data)


def stored_otherwise(path):
    with h5py.File(path, "r+") as file:
        images = file["color"][()]
        del file["color"]
        file["color"] = images


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (fewer_frames, "frames=1"),
        (no_video, "camera_0/episode_000.mp4"),
        (other_joints, "joint_pos does not agree"),
        (other_goal, "joint_pos does not agree"),
        (no_actions, "action"),
        (fewer_images, "color"),
        (broken_image, "cannot be read"),
        (stored_otherwise, "color is not stored as"),
    ],
)
def test_damage_is_found(damage, reason, tmp_path):
    path, _ = record(tmp_path)
    damage(path)
    problems = inspection.inspect(formats.open_reader(tmp_path)).problems
    assert any(reason in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"near": [320, 240], "far": [160, 120]}, "of one size: near 320x240, far 160x120"),
        ({"near": [20000, 240]}, "not 20000x240"),
    ],
)
def test_sizes_that_it_cannot_hold_are_refused_before_anything_is_made(tmp_path, sizes, said):
    facts = {"step_dt": 0.02, "camera_sizes": sizes}
    chosen = argparse.Namespace(fps=None, video_interval=1, color="lossless")
    with pytest.raises(UsageError, match=said):
        formats.load("vpl").open_writer(tmp_path / "new", chosen, {"task": "T", "cameras": list(sizes)}, facts)
    assert not list(tmp_path.iterdir())
