"""A training is what LeRobot can load, goes on where it was killed, and is finetuned without forgetting its ranges."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lerobot")

import torch
from learning import TINY, dataset
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy
from lerobot.policies.factory import make_pre_post_processors
from safetensors import torch as safetensors
from safetensors.torch import load_file

from isaaclab_datagen.datasets import files
from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.policies.diffusion import config as configuration
from isaaclab_datagen.policies.diffusion.planner import DiffusionPlanner
from isaaclab_datagen.policies.signature import Signature
from isaaclab_datagen.training import loop, runs
from isaaclab_datagen.training.options import TrainOptions

ROOT = Path(__file__).parents[2]
STATISTICS = "policy_preprocessor_step_3_normalizer_processor.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def trained(folder):
    """Options and last checkpoint of a run of four steps."""
    data = dataset(folder / "data", failures=1)
    options = TrainOptions(
        out=folder / "run", data=(data,), steps=4, batch_size=4, policy=TINY, save_freq=2, log_freq=1, device="cpu"
    )
    return options, loop.train(options)


def weights(checkpoint, name="pretrained_model"):
    return load_file(checkpoint / name / "model.safetensors")


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=0)


def test_lerobot_loads_what_was_trained(trained):
    options, last = trained
    model = last / "pretrained_model"
    policy = DiffusionPolicy.from_pretrained(model)
    before, after = make_pre_post_processors(policy.config, str(model))
    item = {f"observation.images.{camera}": torch.rand(3, 24, 32) for camera in ("overhead", "wrist")}
    action = after(policy.select_action(before({**item, "observation.state": torch.zeros(7)})))
    assert action.shape == (1, 7)
    assert action.isfinite().all()


def test_the_layout_is_lerobots(trained):
    options, last = trained
    assert last.is_symlink()
    assert os.readlink(last) == "000004"
    assert sorted(path.name for path in (options.out / "checkpoints").iterdir()) == ["000002", "000004", "last"]
    there = {path.name for path in (last / "pretrained_model").iterdir()}
    assert {"config.json", "model.safetensors", "train_config.json", "policy_preprocessor.json"} <= there
    assert {"optimizer_state.safetensors", "training_step.json", "scheduler_state.json"} <= {
        path.name for path in (last / "training_state").iterdir()
    }
    assert not (options.out / "checkpoints" / "000002" / "training_state").exists()
    assert (options.out / "loss.png").stat().st_size > 1000
    assert list((options.out / "tensorboard").iterdir())
    steps = [json.loads(line)["step"] for line in (options.out / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4]


def test_the_averaged_weights_are_the_ones_to_use(trained):
    _, last = trained
    averaged, raw = weights(last), weights(last, "training_state")
    assert any(not torch.equal(averaged[name], raw[name]) for name in averaged)


def test_failures_are_not_learned_from(trained):
    options, _ = trained
    notes = json.loads((options.out / "run.json").read_text())["phases"][0]["notes"]
    assert [(entry["episodes"], entry["kind"]) for entry in notes["data"]] == [(3, "original")]


def test_a_sample_is_learned_with_several_noises(trained, folder):
    options, _ = trained
    draws = replace(options, out=folder / "draws", cache=options.out / "cache", noise_draws=3, steps=1)
    once = replace(draws, out=folder / "once", noise_draws=1)
    losses = [json.loads((loop.train(o).parents[1] / "log.jsonl").read_text())["loss"] for o in (draws, once)]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.5)  # of the same network, on the same images


def test_the_same_command_again_has_nothing_to_do(trained):
    options, last = trained
    before = (last / "pretrained_model" / "model.safetensors").stat().st_mtime_ns
    loop.train(options)
    assert (last / "pretrained_model" / "model.safetensors").stat().st_mtime_ns == before


def test_a_training_that_was_stopped_ends_as_one_that_was_not(trained, folder, monkeypatch):
    options, last = trained
    stopped = replace(options, out=folder / "stopped", cache=options.out / "cache")
    step = loop._step

    def dies(*args):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(1)
        return step(*args)

    calls: list[int] = []
    monkeypatch.setattr(loop, "_step", dies)
    with pytest.raises(KeyboardInterrupt):
        loop.train(stopped)
    monkeypatch.undo()
    assert os.readlink(stopped.out / "checkpoints" / "last") == "000002"
    again = loop.train(stopped)
    assert_equal(weights(last), weights(again))
    assert_equal(weights(last, "training_state"), weights(again, "training_state"))


def test_exhausted_memory_names_the_batch_size(trained, folder, monkeypatch):
    def dies(*_):
        raise torch.AcceleratorError("CUDA error: out of memory")

    options, _ = trained
    monkeypatch.setattr(loop, "_train", dies)
    with pytest.raises(RunError, match="the memory of cpu is exhausted with --batch_size 4"):
        loop.train(replace(options, out=folder / "memory"))


@pytest.mark.parametrize(("number", "message"), [(0, "the loss is nan at step 2"), (1, "the gradient's norm is inf")])
def test_no_checkpoint_holds_what_is_not_finite(trained, folder, monkeypatch, number, message):
    def spoiled(*args):
        found = list(step(*args))
        found[number] = torch.tensor((np.nan, np.inf)[number])
        return found

    options, _ = trained
    step = loop._step
    monkeypatch.setattr(loop, "_step", spoiled)
    rare = replace(options, out=folder / f"spoiled_{number}", cache=options.out / "cache", log_freq=100)
    with pytest.raises(RunError, match=message):
        loop.train(rare)
    assert not (rare.out / "checkpoints").exists()


def test_two_trainings_do_not_run_in_one_folder(trained, monkeypatch):
    options, _ = trained
    monkeypatch.setattr(files, "_PATIENCE", 0.0)
    with runs.locked(options.out), pytest.raises(RunError, match="is being written by another process"):
        loop.train(options)
    loop.train(options)


def test_other_options_do_not_go_on_with_a_run(trained):
    options, _ = trained
    with pytest.raises(UsageError, match="finished training"):
        loop.train(replace(options, batch_size=5))
    run = runs.open_run(options)
    run.phase.end += 2  # as if it had been stopped
    run.save()
    try:
        with pytest.raises(UsageError, match="unfinished.*batch_size is 4 there, 5 here"):
            loop.train(replace(options, batch_size=5))
    finally:
        run.phase.end -= 2
        run.save()


@pytest.fixture(scope="module")
def finetuned(trained, folder):
    """Options and last checkpoint of a finetuning of two steps, with rollouts far from what was known."""
    options, last = trained
    rollouts = dataset(folder / "rollouts", episodes=2, failures=1, shift=3.0, seed=50)
    cameras = ("overhead", "wrist")  # the policy's: they may be said again
    finetuning = replace(
        options, out=folder / "fine", rollouts=(rollouts,), finetune=options.out, steps=2, cameras=cameras
    )
    return finetuning, loop.train(finetuning)


def test_a_finetuning_takes_additional_steps_and_keeps_the_ranges(trained, finetuned):
    (_, last), (options, fine) = trained, finetuned
    assert os.readlink(fine) == "000006"
    assert_equal(load_file(last / "pretrained_model" / STATISTICS), load_file(fine / "pretrained_model" / STATISTICS))
    assert Signature.load(fine / "pretrained_model") == Signature.load(last / "pretrained_model")
    notes = json.loads((options.out / "run.json").read_text())["phases"][0]["notes"]
    assert [(entry["episodes"], entry["kind"]) for entry in notes["data"]] == [(3, "original"), (2, "rollout")]
    assert any("observation.state ee_x" in line for line in notes["outside"])
    assert not any("action" in line for line in notes["outside"] if "observation" in line)


def test_a_run_is_finetuned_in_its_own_folder_too(trained, folder, capsys):
    options, _ = trained
    first = replace(options, out=folder / "own", steps=2, cache=options.out / "cache")
    loop.train(first)
    again = replace(first, finetune=first.out, steps=1)
    assert os.readlink(loop.train(again)) == "000003"
    assert os.readlink(loop.train(again)) == "000003"
    assert capsys.readouterr().out.count("training on cpu\n") == 2  # the last call had nothing to do
    phases = json.loads((first.out / "run.json").read_text())["phases"]
    assert [(phase["start"], phase["end"]) for phase in phases] == [(0, 2), (2, 3)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"include_obj_pose": True}, "does not know the object's pose"),
        ({"policy": {**TINY, "horizon": "16"}}, "horizon is 8"),
        ({"finetune": Path("nowhere")}, "nowhere is no policy"),
        ({"cameras": ("nope",)}, "--cameras nope: the policy that is finetuned sees overhead,wrist"),
        ({"cameras": ("wrist", "overhead")}, "--cameras wrist,overhead"),
    ],
)
def test_a_finetuning_that_cannot_be_is_refused(trained, folder, change, message):
    options, _ = trained
    wanted = replace(options, **{"out": folder / "refused", "finetune": options.out, **change})
    with pytest.raises(UsageError, match=message):
        loop.train(wanted)


def without(*keys):
    """A JSON file without one of its entries, which lies under some keys."""

    def drop(data):
        saved = json.loads(data)
        inner = saved
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]
        return json.dumps(saved).encode()

    return drop


def other(old, new):
    """A text file with something else in it."""

    def change(data):
        assert old in data.decode()
        return data.decode().replace(old, new).encode()

    return change


def truncated(data):
    return data[: len(data) * 9 // 10]


def lacking_a_tensor(data):
    tensors = safetensors.load(data)
    del tensors["diffusion.unet.final_conv.1.bias"]
    return safetensors.save(tensors)


def resized(key, shape):
    def change(data):
        config = json.loads(data)
        next(part for part in (config["input_features"], config["output_features"]) if key in part)[key]["shape"] = (
            shape
        )
        return json.dumps(config).encode()

    return change


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("model.safetensors", truncated, "model.safetensors cannot be read.*SafetensorError"),
        ("model.safetensors", lacking_a_tensor, "model.safetensors cannot be read.*Missing key"),
        ("config.json", truncated, "config.json cannot be read.*JSONDecodeError"),
        ("config.json", without("type"), "config.json cannot be read.*Missing 'type'"),
        ("config.json", other('"n_groups": 4', '"n_groups": 5'), "config.json cannot be read.*must be divisible"),
        ("config.json", other('"n_groups": 4', '"n_grupos": 4'), "config.json cannot be read.*n_grupos"),
        (
            "config.json",
            other('"kernel_size": 5', '"kernel_size": 3'),
            "model.safetensors cannot be read.*size mismatch",
        ),
        (
            "config.json",
            resized("observation.state", [9]),
            r"config.json and isaaclab_datagen.json differ.*\(observation.state \(9,\) and \(7,\)\)",
        ),
        ("config.json", resized("action", [8]), r"differ.*\(action \(8,\) and \(7,\)\)"),
        ("config.json", resized("observation.images.wrist", [3, 32, 24]), r"wrist \(3, 32, 24\) and \(3, 24, 32\)"),
        ("config.json", without("input_features", "observation.images.wrist"), r"wrist absent and \(3, 24, 32\)"),
        ("isaaclab_datagen.json", truncated, "isaaclab_datagen.json cannot be read.*JSONDecodeError"),
        ("isaaclab_datagen.json", without("state"), "isaaclab_datagen.json cannot be read.*KeyError: 'state'"),
        ("isaaclab_datagen.json", without("action_dim"), "isaaclab_datagen.json cannot be read.*'action_dim'"),
        ("policy_preprocessor.json", None, "policy_preprocessor.json cannot be read.*No such file"),
        ("policy_postprocessor.json", truncated, "policy_postprocessor.json cannot be read.*JSONDecodeError"),
        ("policy_preprocessor.json", without("steps"), "cannot be read.*'policy_preprocessor.json' is not a valid"),
        (STATISTICS, truncated, f"{STATISTICS} cannot be read.*SafetensorError"),
        (STATISTICS, None, f"cannot be read.*{STATISTICS}"),
    ],
)
@pytest.mark.parametrize("use", ["acting", "finetuning"])
def test_a_damaged_policy_is_told_by_its_file(trained, tmp_path, file, damage, message, use):
    options, last = trained
    model = tmp_path / "pretrained_model"
    shutil.copytree(last / "pretrained_model", model, copy_function=os.link)
    data = (model / file).read_bytes()
    (model / file).unlink()
    if damage is not None:
        (model / file).write_bytes(damage(data))
    with pytest.raises(RunError, match=message):
        if use == "acting":
            DiffusionPlanner(model, "cpu")
        else:
            loop.train(replace(options, out=tmp_path / "fine", finetune=model, policy={}, cache=options.out / "cache"))


def test_a_finetuning_may_have_another_learning_rate(trained, folder):
    options, last = trained
    changes = []
    for rate in ("1e-6", "1e-4"):
        policy = {**TINY, "optimizer_lr": rate, "scheduler_warmup_steps": "0"}
        wanted = replace(
            options, out=folder / rate, finetune=options.out, rollouts=options.data, steps=1, policy=policy
        )
        model = loop.train(wanted) / "pretrained_model"
        assert json.loads((model / "config.json").read_text())["optimizer_lr"] == float(rate)
        before, after = weights(last), weights(model.parent)
        changes.append(max(float((after[name] - before[name]).abs().max()) for name in before))
    assert changes[0] == pytest.approx(1e-6, rel=0.1)  # Adam's first step
    assert changes[1] == pytest.approx(1e-4, rel=0.1)


def test_data_of_the_other_direction_or_task_are_refused(trained, folder):
    options, _ = trained
    other = dataset(folder / "other", task="Other-Task")
    with pytest.raises(UsageError, match="task Lift-Custom-IK.*Other-Task"):
        loop.train(replace(options, out=folder / "a", data=(*options.data, other)))
    wrong = dataset(folder / "wrong", direction="A")
    with pytest.raises(UsageError, match="direction None of the policy, A of the data"):
        loop.train(replace(options, out=folder / "b", data=(wrong,), finetune=options.out))


def test_nothing_to_learn_from_is_said(trained, folder):
    options, _ = trained
    failed = dataset(folder / "failed", episodes=0, failures=2)
    with pytest.raises(RunError, match="no successful episode.*--keep_failures"):
        loop.train(replace(options, out=folder / "c", data=(failed,)))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("horizn", "8", "no such field, choose from horizon"),
        ("horizon", "soon", "must be like 64"),
        ("horizon", "7", "integer multiple"),
        ("n_action_steps", "8", "at most horizon"),
        ("crop_shape", "[99, 99]", "should fit within"),
        ("n_obs_steps", "0", r"^--policy.n_obs_steps=0: must be a number, at least 1"),
        ("num_inference_steps", "0", r"^--policy.num_inference_steps=0: must be"),
        ("horizon", "", r"^--policy.horizon=None: must be like"),
        ("optimizer_lr", "-1", r"^--policy.optimizer_lr=-1: must be a number, at least 0"),
        ("optimizer_lr", ".nan", r"^--policy.optimizer_lr=nan: must be a number"),
        ("down_dims", "[15, 30]", r"--policy.down_dims=\[15, 30\].*: num_channels .* must be divisible"),
        ("vision_backbone", "resnet99", "--policy.vision_backbone=resnet99: .*no attribute 'resnet99'"),
        ("optimizer_betas", "[2, 3]", r"--policy.optimizer_betas=\[2, 3\]: Invalid beta"),
        ("resize_shape", "[24, 32]", r"^--policy.crop_shape=\[20, 28\]: it becomes .* all the same"),
        ("use_amp", "true", "--policy.use_amp: no such field"),
        ("scheduler_name", "nope", "--policy.scheduler_name=nope: 'nope' is not a valid"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(trained, folder, field, value, message):
    options, _ = trained
    wanted = replace(options, out=folder / "d", policy={**TINY, field: value}, cache=options.out / "cache")
    with pytest.raises(UsageError, match=message):
        loop.train(wanted)


def test_what_was_not_asked_for_is_no_users_fault():
    with pytest.raises(ValueError, match="of the program"), configuration.refusing({}):
        raise ValueError("of the program")


def test_samples_are_drawn_from_both_sides_equally_often(trained, folder, finetuned):
    from isaaclab_datagen.training import corpus
    from isaaclab_datagen.training.batches import Batches

    options, fine = finetuned
    data = corpus.load(options, Signature.load(fine / "pretrained_model"))
    windows = data.windows(2, 8, 3)
    batches = Batches(data, windows, ("a", "b"), torch.device("cpu"), on_device=False)
    chosen = batches.draw((0, 1, 0), 4000, 0.5)
    share = (windows.now[chosen] >= data.original_frames).mean()
    assert abs(share - 0.5) < 0.03
    assert (batches.draw((0, 1, 0), 4000, 0.5) == chosen).all()
    assert not (batches.draw((0, 2, 0), 4000, 0.5) == chosen).all()
    batch = batches.gather(chosen[:6])
    frame = windows.now[chosen[0]]
    first = len(data.arrays[0].images)
    image = data.arrays[0].images[frame] if frame < first else data.arrays[1].images[frame - first]
    np.testing.assert_allclose(batch["b"][0, -1].numpy(), image[1].transpose(2, 0, 1) / 255, atol=1e-6)
    np.testing.assert_array_equal(batch["observation.state"][0, -1].numpy(), data.states[frame])
    np.testing.assert_array_equal(batch["action"][0, 1].numpy(), data.actions[frame])
    held = Batches(data, windows, ("a", "b"), torch.device("cpu"), on_device=True).gather(chosen)
    for name, values in batches.gather(chosen).items():
        assert torch.equal(values, held[name]), name


@pytest.mark.stress
def test_killed_anywhere_it_goes_on(trained, folder):
    options, last = trained
    words = [
        f"--dataset={options.data[0]}",
        f"--out={folder / 'killed'}",
        "--steps=4",
        "--batch_size=4",
        "--save_freq=2",
    ]
    words += ["--log_freq=1", "--device=cpu", *(f"--policy.{name}={value}" for name, value in TINY.items())]
    command = [sys.executable, str(ROOT / "scripts" / "learn.py"), *words]
    for seconds in (8, 12, 16):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subprocess.run(command).returncode == 0
    assert_equal(weights(last), weights(folder / "killed" / "checkpoints" / "last"))


@pytest.mark.parametrize("text", ["2e-4", "2.0e-4", "0.0002"])
def test_a_number_may_be_written_as_one_likes(text):
    assert configuration.parse({"optimizer_lr": text}) == {"optimizer_lr": 2e-4}


@pytest.mark.stress
@pytest.mark.parametrize(
    ("name", "launch"),
    [
        ("torchrun", "torch.distributed.run --nproc_per_node=2 --master_port=29513"),
        ("accelerate", "accelerate.commands.launch --multi_gpu --num_processes=2 --main_process_port=29514"),
    ],
)
def test_two_processes_train_one_policy(trained, folder, name, launch):
    options, _ = trained
    words = [f"--dataset={options.data[0]}", f"--out={folder / name}", "--steps=2", "--batch_size=2", "--device=cpu"]
    words += [f"--policy.{field}={value}" for field, value in TINY.items()]
    command = [sys.executable, "-m", *launch.split(), str(ROOT / "scripts" / "learn.py"), *words]
    assert subprocess.run(command).returncode == 0
    state = json.loads((folder / name / "checkpoints/last/training_state/training_step.json").read_text())
    assert state == {"step": 2, "num_processes": 2, "batch_size": 2}
