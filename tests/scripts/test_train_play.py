"""One policy update on the CPU, and the network that it saved is found and played."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TASK = "Lift-Custom-IK"


def run(cwd: Path, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / script), "--task", TASK, *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=400)


@pytest.mark.sim
def test_a_trained_network_is_played(tmp_path):
    trained = run(tmp_path, "train.py", "--num_envs", "2", "--max_iterations", "1", "agent.num_steps_per_env=4")
    assert trained.returncode == 0, trained.stderr[-2000:]
    played = run(tmp_path, "play.py", "--num_envs", "2", "--duration", "0.1", "--seed", "1")
    assert played.returncode == 0, played.stderr[-2000:]
    assert "model_0.pt (newest local run)" in played.stdout
    assert "episodes ended" in played.stdout


@pytest.mark.parametrize("script", ["train.py", "play.py"])
def test_a_usage_error_is_one_line_and_status_2(tmp_path, script):
    ended = run(tmp_path, script, "--num_envs", "0")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("error: argument --num_envs: '0'")
    assert "Traceback" not in ended.stderr
