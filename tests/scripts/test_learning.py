"""The real scripts, small: policies of two steps are evaluated, act by turns, and are finetuned on what they did."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("lerobot")

import torch

from isaaclab_datagen.cli import actors, iterating, learning
from isaaclab_datagen.cli.errors import one_line
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.evaluation.iteration import LoopConfig
from isaaclab_datagen.policies.signature import Signature

pytestmark = [pytest.mark.sim, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
TASK = "PickPlace-Rev2Fwd"
SMALL = ["--camera_width=32", "--camera_height=32"]
TINY = ["--policy.down_dims=[16,32]", "--policy.n_groups=4", "--policy.use_separate_rgb_encoder_per_camera=false"]
TINY += ["--policy.num_inference_steps=2", "--steps=2", "--batch_size=2", "--device=cpu", "--keep_failures"]


def script(name, *words):
    command = [sys.executable, str(ROOT / "scripts" / name), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=500)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, collect):
    """Recordings of 12 steps of both directions (those of A are called so only), and a policy of each."""
    from isaaclab_datagen.training.loop import train

    folder = tmp_path_factory.mktemp("learning")
    collect(
        "--task",
        TASK,
        "--episodes",
        2,
        "--num_envs",
        2,
        "--max_steps",
        12,
        "--keep_failures",
        *SMALL,
        "--out",
        folder / "B",
    )
    shutil.copytree(folder / "B", folder / "A")
    manifest = json.loads((folder / "A" / "dataset.json").read_text())
    manifest["identity"]["env"]["direction"] = "A"
    (folder / "A" / "dataset.json").write_text(json.dumps(manifest))
    for name in "AB":
        words = [f"--dataset={folder / name}", f"--out={folder / f'policy_{name}'}", "--include_obj_pose", *TINY]
        train(learning.parse(learning.build_parser(), words))
    return folder


def test_a_policy_is_evaluated(folder):
    words = [
        "--task",
        TASK,
        "--policy",
        folder / "policy_A",
        "--episodes",
        2,
        "--num_envs",
        2,
        "--max_steps",
        9,
        *SMALL,
    ]
    ended = script(
        "evaluate.py", *words, "--out", folder / "evaluation", "--video", "--device", "cpu", "env.direction=A"
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "policy, seed 1000, 2 environments: 0/2 = 0.0 %" in ended.stdout
    found = json.loads((folder / "evaluation" / "evaluation.json").read_text())
    assert (found["episodes"], found["reasons"], found["seeds"]) == (2, {"time_out": 2}, [1000])
    assert found["stages"] == {"time_out": {"not_lifted": 2}}
    assert [(failure["slot"], failure["stage"]) for failure in found["failures"]] == [
        (0, "not_lifted"),
        (1, "not_lifted"),
    ]
    assert len(list((folder / "evaluation" / "failures").glob("*.mp4"))) == 2


def test_the_loop_goes_round_once(folder):
    """A cube that lies anywhere counts as carried here, so that policies that know nothing succeed, time and again."""
    config = folder / "loop.conf"
    config.write_text(
        f"MAX_ITERATIONS=1\nSTEPS_PER_ITER=1\nMAX_CYCLES=1\nHORIZON=25\nBATCH_SIZE=2\nHEIGHT_THRESHOLD=0.001\n"
        f"DISTANCE_THRESHOLD=5.0\nNUM_ENVS=1\nPOLICY_A_DIR={folder}/policy_A\nPOLICY_B_DIR={folder}/policy_B\n"
        f"DATA_A={folder}/A\nDATA_B={folder}/B\nOUT_DIR={folder}/loop\n"
    )
    words = ["--config", config, "--device", "cpu", "--alternate_args", " ".join(SMALL), "--learn_args=--keep_failures"]
    ended = script("iterate.py", *words)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-3000:]
    state = json.loads((folder / "loop" / "state.json").read_text())["done"]
    assert list(state) == ["iter1.alternate", "iter1.finetune_A", "iter1.finetune_B", "iter2.alternate"]
    assert state["iter1.alternate"]["consecutive_success"]["mean"] == 1.0
    for name in "AB":
        reader = formats.open_reader(Path(state["iter1.alternate"]["rollouts"][name]))
        (outcome,) = [reader.read(index).outcome for index in reader.indices]
        assert (outcome.success, outcome.stage) == (True, "done")
        assert reader.manifest.identity["env"]["direction"] == name
        first = reader.read(reader.indices[0], images=False).frames["command/carry"][:, 0]
        assert (first == "AB".index(name)).all()
        phases = json.loads((folder / "loop" / "iter_001" / f"policy_{name}" / "run.json").read_text())["phases"]
        assert [(phase["start"], phase["end"]) for phase in phases] == [(2, 3)]
        assert [entry["kind"] for entry in phases[0]["notes"]["data"]] == ["original", "rollout"]
    assert (folder / "loop" / "progress.png").is_file()
    again = script("iterate.py", *words)
    assert again.returncode == 0
    assert "alternate.py" not in again.stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policy_b_dir": "policy_A"}, "POLICY_B_DIR=.*policy_A is of direction A"),
        ({"data_a": "B"}, "DATA_A=.*B is of direction B"),
        ({"policy_a_dir": "nowhere"}, "nowhere is no policy"),
        ({"data_b": "nowhere"}, "no such folder"),
    ],
)
def test_a_loop_looks_at_policies_and_data_before_it_begins(folder, change, message):
    paths = {"policy_a_dir": "policy_A", "policy_b_dir": "policy_B", "data_a": "A", "data_b": "B"}
    iterating.check(LoopConfig(**{name: str(folder / path) for name, path in paths.items()}))
    with pytest.raises((UsageError, RunError), match=message):
        iterating.check(LoopConfig(**{name: str(folder / path) for name, path in {**paths, **change}.items()}))


def test_a_policy_of_the_other_direction_is_refused(folder):
    policy = actors.open_policy(folder / "policy_A", None)
    with pytest.raises(UsageError, match="trained for env.direction=A, the task is asked for B"):
        actors.check_direction(policy, SimpleNamespace(direction="B"))
    with pytest.raises(UsageError, match="trained for env.direction=A, env.chain=true asks for both"):
        actors.check_direction(policy, SimpleNamespace(direction="A", chain=True))


def test_a_policy_that_does_not_fit_is_refused_with_both_shapes(folder):
    policy = actors.open_policy(folder / "policy_A", None)
    cameras = {"table_camera": SimpleNamespace(cfg=SimpleNamespace(width=128, height=96))}
    source = SimpleNamespace(cameras=cameras, read=lambda images: {"ee_pose": torch.zeros(2, 6)})
    scene = SimpleNamespace(articulations={})
    term = SimpleNamespace(action_dim=7)
    manager = SimpleNamespace(total_action_dim=7, active_terms=["arm"], get_term=lambda name: term)
    cfg = SimpleNamespace(actions=SimpleNamespace(arm=SimpleNamespace(command_type="pose", use_relative_mode=True)))
    env = SimpleNamespace(action_manager=manager, scene=scene, spec=None, cfg=cfg)
    with pytest.raises(UsageError) as refused:
        actors.check_fits(policy, env, source)
    message = one_line(str(refused.value))
    for part in (
        "table_camera: 32x32 px in the policy, 128x96 px in the task",
        "it sees wrist_camera, the task has table_camera",
        "actions: 8 numbers of the policy, 7 of the task",
        "actions: a quaternion from number 3 on in the policy, None here",
        "state: ee_pose of 7 in the policy, (6,) in the task",
        "state: object_pose of 7 in the policy, absent in the task",
    ):
        assert part in message


def test_what_a_policy_sees_and_does_is_known(folder):
    signature = Signature.load(folder / "policy_B" / "checkpoints" / "last" / "pretrained_model")
    assert signature.cameras == ("table_camera", "wrist_camera")
    assert signature.state.names[-1] == "gripper_width"
    assert len(signature.state.names) == 15
    assert (signature.action_dim, signature.action_quaternion, signature.facts["direction"]) == (8, 3, "B")
