"""From the easy task's demonstrations to the hard one's: recorded, reversed, acted out, and kept, by the scripts."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from isaaclab_datagen.cli import launch, replaying
from isaaclab_datagen.datasets import formats, inspection
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts.pick_place import RETURN
from isaaclab_datagen.geometry.cameras import project

RIM = np.array([[0.042 * np.cos(angle), 0.042 * np.sin(angle), -0.021] for angle in np.arange(0.0, 2 * np.pi, 0.2)])
"""Points near a disc's rim, from where a cube lies on it [m]."""
pytestmark = [pytest.mark.sim, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]


def run(script: str, *words: object) -> str:
    command = [sys.executable, str(ROOT / "scripts" / script), *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=400, env=dict(os.environ))
    assert ended.returncode == 0, f"status {ended.returncode}: {ended.stdout[-500:]}{ended.stderr[-3000:]}"
    return ended.stdout


@pytest.fixture(scope="module")
def data(collect, tmp_path_factory) -> Path:
    """``B``, recorded; ``A``, reversed; ``kept``, what of it succeeds when it is acted out."""
    folder = tmp_path_factory.mktemp("rev2fwd")
    size = ["--camera_width", 48, "--camera_height", 48]
    collect("--task", "PickPlace-Rev2Fwd", "--episodes", 2, "--num_envs", 2, *size, "--out", folder / "B")
    run("convert.py", folder / "B", folder / "A", "--reverse")
    (folder / "said").write_text(run("replay.py", folder / "A", "--filter", folder / "kept", "--device", "cpu"))
    return folder


def test_every_reversed_episode_succeeds_in_the_simulation_and_is_kept(data):
    assert "2 of 2 episodes are kept" in (data / "said").read_text()
    assert "2 of 2 recorded successes succeed again" in (data / "said").read_text()
    kept, source = formats.open_reader(data / "kept"), formats.open_reader(data / "A")
    assert kept.indices == source.indices
    assert inspection.inspect(kept, frozen_frames=1000).problems == []
    assert kept.manifest.identity["env"]["direction"] == "A"
    np.testing.assert_array_equal(kept[0].actions, source[0].actions)


def test_a_demonstration_comes_back_to_where_it_began_and_ends_there(data):
    for episode in formats.open_reader(data / "B"):
        tip, phase = episode.frames["ee_pose"][:, :3], episode.frames["phase"]
        turn = 2 * np.arccos(np.abs(np.sum(episode.frames["ee_pose"][[0, -1], 3:].prod(axis=0))).clip(max=1))
        assert turn < 0.01
        assert np.linalg.norm(tip[-1] - tip[0]) < 0.001
        assert np.linalg.norm(tip[-3] - tip[0]) > 0.001  # nothing follows
        assert (np.diff(phase) >= 0).all()
        assert set(phase.tolist()) == {*range(RETURN + 1)}
        start, end = episode.frames["object_pose"][[0, -1], :2]
        np.testing.assert_allclose(start, [0.5, 0.0], atol=1e-3)
        np.testing.assert_allclose(end, episode.frames["place_pose"][0, :2], atol=0.02)
        assert (episode.frames["target_pose"] == episode.frames["place_pose"]).all()


def test_both_discs_are_seen_where_they_are(data):
    """The green one around a cube or without it, the red one before the cube is on it, by the table camera."""
    for name in ("B", "A"):
        reader = formats.open_reader(data / name)
        intrinsics = np.array(reader.manifest.provenance["intrinsics"]["table_camera"])
        for episode in reader:
            empty = 0 if name == "B" else -1
            for what, frame, channel in (("goal_pose", 0, 1), ("goal_pose", -1, 1), ("place_pose", empty, 0)):
                extrinsics = episode.frames["extrinsics/table_camera"][frame]
                pixels, _ = project(episode.frames[what][frame, :3] + RIM, intrinsics, extrinsics)
                column, row = np.floor(pixels).astype(int).T
                colors = episode.frames["images/table_camera"][frame][row, column].astype(int)
                others = np.delete(colors, channel, axis=-1).max(axis=-1)
                assert (colors[:, channel] > others + 30).mean() > 0.5, (name, episode.outcome, what, colors.tolist())


def test_a_sent_pose_is_the_measured_one_two_frames_later(data):
    """The lag that ``--lead`` stands for; otherwise reversed labels would run before the arm, or behind it."""
    for episode in formats.open_reader(data / "B"):
        sent, tip = episode.actions[:-4, :3], episode.frames["ee_pose"][:, :3]
        errors = [np.abs(sent - tip[lead : lead + len(sent)]).mean() for lead in range(5)]
        assert int(np.argmin(errors)) == 2
        assert errors[2] < 1e-3


def test_a_dataset_is_not_reversed_twice(data):
    command = [sys.executable, str(ROOT / "scripts" / "convert.py"), str(data / "A"), str(data / "B2"), "--reverse"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 2
    assert "reversed already" in ended.stderr
    assert not (data / "B2").exists()


@pytest.mark.parametrize(
    ("words", "how"),
    [
        ([], ("next_pose", 2, True)),
        (["--lead", "1"], ("next_pose", 1, True)),
        (["--no_trim"], ("next_pose", 2, False)),
        (["--labels", "segment_goal", "--lead", "3", "--no_trim"], ("segment_goal", 3, False)),
    ],
)
def test_episodes_are_reversed_as_asked_for(data, tmp_path, words, how):
    run("convert.py", data / "B", tmp_path / "A", "--reverse", *words)
    told = formats.open_reader(tmp_path / "A").manifest.identity["reversed"]
    assert (told["labels"], told["lead"], told["trim"]) == how


def test_a_demonstration_is_replayed_with_its_way_back(data, capsys):
    for name, overrides in (("B", ["env.return_to_rest=true"]), ("A", ["env.return_to_rest=false"])):
        facts = replaying.recorded(formats.open_reader(data / name))
        assert facts["overrides"][-1:] == overrides
        cfg = configured(data / name, facts, "--deterministic")
        assert cfg.sim.physics.deterministic
        assert (cfg.terminations.success.params["rest_distance"] is None) == (name == "A")
        assert name == "A" or "rest" not in capsys.readouterr().err


def configured(folder, facts, *words):
    parser = runpy.run_path(str(ROOT / "scripts" / "replay.py"))["build_parser"]()
    parser.set_defaults(task=facts["task"], device="cpu")
    args, overrides = launch.parse(parser, [str(folder), *words])
    return replaying.configure(args, overrides, facts)


def test_what_happened_by_chance_does_not_happen_again_in_a_replay(data):
    facts = replaying.recorded(formats.open_reader(data / "A"))
    facts["overrides"] = [*facts["overrides"], "env.slipped_share=0.3", "env.moved_share=0.3"]
    cfg = configured(data / "A", facts)
    assert cfg.events.slip.params["share"] == cfg.commands.carry.moved_share == 0.0


def test_what_is_kept_needs_a_place_before_anything_is_replayed(data, monkeypatch):
    words = ["replay.py", str(data / "A"), "--filter", str(data / "kept")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(UsageError, match="already. Give another folder"):
        runpy.run_path(str(ROOT / "scripts" / "replay.py"))["main"]()
