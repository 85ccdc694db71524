"""``scripts/evaluate.py --by action_delay``: what makes the table of falls, with the shipped walk, small and short."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
from isaaclab.cli import load_external_tasks

from isaaclab_datagen import registry

SCRIPT = str(Path(__file__).parents[2] / "scripts" / "evaluate.py")
TASK, EPISODES = "Tracking-Diffusion-G1", 8


@pytest.mark.sim
def test_every_delay_has_a_row_that_counts_its_episodes(monkeypatch, capsys):
    load_external_tasks()
    walk = next(path for path in registry.find(TASK).shipped_policy_paths if path.parent.name == "walk")
    words = ["--task", TASK, "--policy_paths", walk, "--episodes", EPISODES, "--num_envs", EPISODES, "--max_steps", 25]
    words += ["--action_delay_range", 0, 40, "--action_delay_step", 20, "--by", "action_delay", "--device", "cpu"]
    words += ["env.commands.motion.start_at_first_frame=True", "env.events.push_robot=null"]
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(SCRIPT, run_name="__main__")
    assert not ended.value.code
    told = capsys.readouterr().out
    rows = re.findall(r"^ (\d+) +(\d+) +([\d.]+) % +([\d.]+) to ([\d.]+) %", told, re.M)
    delays = {int(delay): int(count) for delay, count, *_ in rows}
    assert set(delays) == {0, 20, 40} and sum(delays.values()) == EPISODES
    assert all(rate == "100.0" and float(low) < 100 == float(high) for *_, rate, low, high in rows)
    assert f"walk, seed 1000, {EPISODES} environments: {EPISODES}/{EPISODES} = 100.0 %" in told
