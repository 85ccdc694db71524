"""The loop survives a kill between and within any phases, and never uses what another run left."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from isaaclab_datagen.cli import iterating
from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.evaluation.iteration import Loop, LoopConfig


class Killed(Exception):
    pass


class Processes:
    """Phases that write what the real ones write; the n-th one is killed before or after it has written."""

    def __init__(self, killed_at=None, late=False, rates=lambda name, seed: 2):
        self.phases, self.killed_at, self.late, self.rates = [], killed_at, late, rates

    def __call__(self, phase):
        number = len(self.phases)
        self.phases.append(phase)
        if number == self.killed_at and not self.late:
            raise Killed
        words = dict(
            word.removeprefix("--").split("=", 1) for word in phase.words if word.startswith("--") and "=" in word
        )
        if phase.script == "learn.py":
            (Path(words["out"]) / "done").parent.mkdir(parents=True, exist_ok=True)
        else:
            for name in "AB":
                out = Path(words[f"out_{name}"])
                assert not out.exists()
                out.mkdir(parents=True)
            report = {f"{n}_successes": self.rates(n, int(words["seed"])) for n in "AB"}
            report |= {f"{n}_success_rate": 0.5 for n in "AB"} | {f"{n}_interval": [0.4, 0.6] for n in "AB"}
            report |= {"consecutive_success": {"mean": 1.5}, "seed": int(words["seed"])}
            if number == self.killed_at:
                raise Killed  # between the datasets' appearance and the report's
            Path(words["report"]).write_text(json.dumps(report))
        if number == self.killed_at:
            raise Killed


@pytest.fixture
def config(tmp_path):
    return LoopConfig("runs/a", "runs/b", "data/a", "data/b", str(tmp_path / "loop"), max_iterations=2)


def run(config, processes, devices=(), alternate=()):
    loop = Loop(config, processes, {"learn.py": ("--amp",), "alternate.py": alternate}, devices)
    try:
        return loop.run()
    finally:
        loop.close()


def names(processes):
    return [phase.name for phase in processes.phases]


WHOLE = ["iter1.alternate", "iter1.finetune_A", "iter1.finetune_B"]
WHOLE += ["iter2.alternate", "iter2.finetune_A", "iter2.finetune_B", "iter3.alternate"]


def test_phases_come_in_order_and_data_grow(config):
    processes = Processes()
    assert run(config, processes) == "2 iterations are done"
    assert names(processes) == WHOLE
    words = processes.phases[4].words
    assert f"--finetune={config.out_dir}/iter_001/policy_A" in words
    at = words.index("--rollout_data")
    assert words[at + 1 : at + 3] == (
        f"{config.out_dir}/iter_001/rollout_A_2100",
        f"{config.out_dir}/iter_002/rollout_A_2200",
    )
    assert words[words.index("--original_data") + 1] == "data/a"
    assert words[-1] == "--amp"
    assert "--policy_A=runs/a" in processes.phases[0].words
    assert f"--policy_A={config.out_dir}/iter_002/policy_A" in processes.phases[6].words


def test_two_devices_finetune_at_the_same_time(config):
    both = threading.Barrier(2, timeout=10)

    class Together(Processes):
        def __call__(self, phase):
            if phase.script == "learn.py":
                both.wait()
            super().__call__(phase)

    processes = Together()
    assert run(config, processes, ("cuda:0", "cuda:1")) == "2 iterations are done"
    assert sorted(names(processes)) == sorted(WHOLE)
    for phase in processes.phases:
        if phase.script == "learn.py":
            assert f"--device=cuda:{'AB'.index(phase.name[-1])}" in phase.words


def test_both_policies_may_be_finetuned_on_one_device(capsys):
    parse = iterating.build_parser().parse_args
    assert parse(["--config", "c", "--learn_devices", "cuda:0,cuda:0"]).learn_devices == ("cuda:0", "cuda:0")
    for wrong in ("cuda:0,", "cuda:0,cuda:1,cuda:2"):
        with pytest.raises(UsageError, match=f"'{wrong}' is not a device, or two"):
            parse(["--config", "c", "--learn_devices", wrong])


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("killed_at", range(len(WHOLE)))
def test_a_kill_costs_the_phase_that_ran(config, killed_at, late):
    first = Processes(killed_at, late)
    with pytest.raises(Killed):
        run(config, first)
    second = Processes()
    run(config, second)
    assert names(first)[:killed_at] + names(second) == WHOLE
    third = Processes()
    run(config, third)
    assert third.phases == []


def test_an_alternation_without_success_is_tried_with_another_seed_then_given_up(config, capsys):
    processes = Processes(rates=lambda name, seed: 0)
    with pytest.raises(RunError, match="stopped in iteration 1: no leg succeeded with 3 seeds"):
        run(config, processes)
    assert names(processes) == ["iter1.alternate"] * 3
    assert len({word for phase in processes.phases for word in phase.words if word.startswith("--seed")}) == 3
    assert "another seed is tried" in capsys.readouterr().out


def test_what_was_found_with_other_variables_or_weights_is_not_used(config, tmp_path):
    weights = tmp_path / "a" / "model.safetensors"
    weights.parent.mkdir()
    for file in (weights, weights.with_name("config.json")):
        file.write_text("{}")
    config = replace(config, policy_a_dir=str(weights.parent))
    steps = ("--inference_steps", "20")
    other = {"height_threshold": 0.05}
    for change, extra in (({}, ()), (other, ()), (other, steps), ({**other, "attempts": 1}, steps)):
        failing = Processes(rates=lambda name, seed: 0)
        with pytest.raises(RunError, match="no leg succeeded"):
            run(replace(config, **change), failing, alternate=extra)
        assert names(failing) == ([] if "attempts" in change else ["iter1.alternate"] * 3)
    weights.write_text("{ }")
    again = Processes()
    run(config, again)
    assert names(again) == WHOLE


def test_a_task_without_success_keeps_its_policy(config):
    processes = Processes(rates=lambda name, seed: 0 if name == "B" and seed < 2200 else 3)
    run(config, processes)
    assert "iter1.finetune_B" not in names(processes)
    second = next(phase for phase in processes.phases if phase.name == "iter2.alternate")
    assert "--policy_B=runs/b" in second.words
    learned = next(phase for phase in processes.phases if phase.name == "iter2.finetune_B")
    assert not any("iter_001/rollout_B" in word for word in learned.words)


def test_more_iterations_go_on_other_variables_do_not(config):
    run(config, Processes())
    more = Processes()
    run(replace(config, max_iterations=3), more)
    assert names(more) == ["iter3.finetune_A", "iter3.finetune_B", "iter4.alternate"]
    with pytest.raises(UsageError, match="horizon is 400 there, 300 here"):
        Loop(replace(config, horizon=300), Processes(), {})


def test_a_broken_state_is_said(config):
    Path(config.out_dir).mkdir()
    (Path(config.out_dir) / "state.json").write_text("{")
    with pytest.raises(RunError, match="state.json"):
        Loop(config, Processes(), {})


def runs(process: int) -> bool:
    """Whether it has not ended; Z is one whose status nobody has asked for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell a process of its parent's end")
def test_a_phase_ends_with_the_loop(tmp_path):
    (tmp_path / "phase.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
    code = (
        "from pathlib import Path; from isaaclab_datagen.cli.iterating import runner;"
        "from isaaclab_datagen.evaluation.iteration import Phase;"
        f"runner(Path({str(tmp_path)!r}))(Phase('it', 'phase.py', ()))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as loop:
        assert loop.stdout.readline().startswith("it: phase.py")
        phase = int(loop.stdout.readline())
        loop.kill()
    patience = time.monotonic() + 5
    while runs(phase):
        assert time.monotonic() < patience, "the phase outlives the loop"
        time.sleep(0.02)


def test_the_documents_variables_are_read(tmp_path):
    path = tmp_path / "loop.conf"
    path.write_text(
        "# Configuration\nMAX_ITERATIONS=10           # at most\nHEIGHT_THRESHOLD=0.15\n"
        'POLICY_A_DIR="runs/diffusion_A_circle"\nPOLICY_B_DIR="runs/b"\nDATA_A="data/A_circle"\nDATA_B=data/B\n'
    )
    config = iterating.read_config(path)
    assert (config.max_iterations, config.height_threshold) == (10, 0.15)
    assert config.policy_a_dir == "runs/diffusion_A_circle"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("HORIZN=3", "no variable HORIZN, did you mean HORIZON"),
        ("HORIZON=soon", "HORIZON=soon: must be a whole number above 0"),
        ("HEIGHT_THRESHOLD=-1", "must be a number above 0"),
        ("MAX_CYCLES 50", "write NAME=VALUE"),
        ("SEED=-1", "must be a whole number not below 0"),
        ("GOAL_X=nan", "GOAL_X=nan: must be a number"),
        ('OUT_DIR="runs', "No closing quotation"),
        ('POLICY_A_DIR=""', "POLICY_A_DIR=: must be a path"),
        ("HORIZON=400", "lacks DATA_A, DATA_B, POLICY_A_DIR, POLICY_B_DIR"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, line, message):
    path = tmp_path / "loop.conf"
    path.write_text(line + "\n")
    with pytest.raises(UsageError, match=message):
        iterating.read_config(path)


def test_the_picture_is_drawn(config, tmp_path):
    loop = Loop(config, Processes(), {})
    loop.run()
    loop.close()
    iterating.draw(loop.results(), tmp_path / "progress.png")
    assert (tmp_path / "progress.png").stat().st_size > 5000
    assert "50.0 %" in iterating.table(loop.results())
