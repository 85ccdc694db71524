"""One policy update on the CPU, and the network that it saved is found and played."""

import subprocess
import sys
from pathlib import Path

import pytest

from isaaclab_datagen.experts import layouts

ROOT = Path(__file__).parents[2]
TASK = "Lift-Custom-IK"


def run(cwd: Path, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    return start(cwd, sys.executable, str(ROOT / "scripts" / script), *words)


def start(cwd: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, "--task", TASK], cwd=cwd, capture_output=True, text=True, timeout=400)


@pytest.mark.sim
def test_a_trained_network_is_played(tmp_path):
    """Trained by Isaac Lab's own command, then a little further by ours; played by ``isaaclab -p``, with a viewer."""
    short = ["--device", "cpu", "--num_envs", "2", "--max_iterations", "1", "agent.num_steps_per_env=4"]
    isaaclab = str(Path(sys.executable).with_name("isaaclab"))
    begun = start(tmp_path, isaaclab, "train", "--rl_library", "rsl_rl", *short)
    assert begun.returncode == 0, begun.stderr[-2000:]
    trained = run(tmp_path, "train.py", *short, "--checkpoint", "latest")
    assert trained.returncode == 0, trained.stderr[-2000:]
    saved = list(tmp_path.glob("logs/rsl_rl/lift_custom_ik/*/model_*.pt"))
    assert len(saved) > 1
    told = [layouts.joint_names(path).get("robot") for path in saved]
    assert told.count([*(f"panda_joint{n}" for n in range(1, 8)), "panda_finger_joint1", "panda_finger_joint2"]) > 0
    shown = ["--num_envs", "2", "--duration", "0.1", "--seed", "1", "--viz", "viser"]
    played = start(tmp_path, isaaclab, "-p", str(ROOT / "scripts" / "play.py"), *shown)
    assert played.returncode == 0, played.stderr[-2000:]
    assert "model_0.pt (newest local run)" in played.stdout
    assert "episodes ended" in played.stdout


@pytest.mark.parametrize("script", ["train.py", "play.py"])
def test_a_usage_error_is_one_line_and_status_2(tmp_path, script):
    ended = run(tmp_path, script, "--num_envs", "0")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("error: argument --num_envs: '0'")
    assert "Traceback" not in ended.stderr
