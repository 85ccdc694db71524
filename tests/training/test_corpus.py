"""What is learned from: exports of LeRobot's format are the datasets that they were made of."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("lerobot")

from dataset_fakes import options as format_options
from learning import TINY, dataset

from isaaclab_datagen.datasets import conversion, formats
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.policies.signature import Signature
from isaaclab_datagen.training import corpus, loop
from isaaclab_datagen.training.options import TrainOptions


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(scope="module")
def source(folder):
    return dataset(folder / "data")


def exported(source, out, **given):
    reader = formats.open_reader(source)
    return conversion.convert(reader, "lerobot", out, format_options("lerobot", **given), keep_failures=False).root


@pytest.fixture(scope="module")
def exports(source, folder):
    """Without the object's pose, and with it."""
    return [exported(source, folder / f"export_{given}", include_obj_pose=given) for given in (False, True)]


def asked(folder, *data, **given):
    return TrainOptions(
        out=folder / "run", data=data, steps=2, batch_size=4, policy=TINY, log_freq=1, device="cpu", **given
    )


@pytest.mark.parametrize("include", [False, True])
def test_a_policy_learns_from_an_export_what_it_learns_from_the_source(include, source, exports, tmp_path):
    signatures = []
    for number, data in enumerate((source, exports[include])):
        model = loop.train(asked(tmp_path / str(number), data, include_obj_pose=include)) / "pretrained_model"
        signatures.append(Signature.load(model))
    assert signatures[0] == signatures[1]
    assert signatures[1].state.knows_object is include


def test_states_are_the_same_numbers_whatever_the_order(source, exports, tmp_path):
    one, other = (corpus.load(asked(tmp_path, *data), None) for data in ((source, exports[0]), (exports[0], source)))
    half = one.num_frames // 2
    for data in (one, other):
        np.testing.assert_allclose(data.states[:half], data.states[half:], rtol=1e-6)
    assert one.signature == other.signature


def test_the_signs_of_an_exports_quaternions_are_the_policys(source, exports, tmp_path):
    known = corpus.load(asked(tmp_path, source), None).signature
    first, *others = known.state.parts
    assert first.reference is not None
    turned = replace(known.state, parts=(replace(first, reference=tuple(-x for x in first.reference)), *others))
    states = [corpus.load(asked(tmp_path, data), replace(known, state=turned)).states for data in (source, exports[0])]
    np.testing.assert_allclose(*states, rtol=1e-6)
    assert (states[0][:, 3] == -1).all()


def test_states_of_something_else_are_refused(source, exports, tmp_path):
    with pytest.raises(UsageError, match="--include_obj_pose: the states of .*export_False.* convert.py --incl"):
        corpus.load(asked(tmp_path, exports[0], include_obj_pose=True), None)
    with pytest.raises(UsageError, match="export_True.* holds states of .*object_x.*; wanted are ee_x"):
        corpus.load(asked(tmp_path, source, exports[1]), None)


def test_a_foreign_lerobot_dataset_has_the_state_that_it_has(source, tmp_path):
    data = exported(source, tmp_path / "foreign")
    (data / "isaaclab_datagen.json").unlink()
    model = loop.train(asked(tmp_path, data)) / "pretrained_model"
    assert json.loads((model / "isaaclab_datagen.json").read_text())["state"][0]["channel"] == "observation.state"


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """Options of a training of two steps that was stopped after its first one, and its data."""
    data = dataset(tmp_path / "data", episodes=4)
    options = asked(tmp_path, data, save_freq=1)
    stop_at(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        loop.train(options)
    monkeypatch.undo()
    return options


def stop_at(number, monkeypatch):
    step, calls = loop._step, []

    def dies(*args):
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(loop, "_step", dies)


def remove(data, *numbers):
    for number in numbers:
        shutil.rmtree(next(path for path in data.rglob(f"*{number:03d}") if path.is_dir()))


def noted(options):
    return json.loads((options.out / "run.json").read_text())["phases"][-1]["notes"]["data"][0]["episodes"]


def test_a_training_does_not_go_on_with_other_data(stopped):
    remove(stopped.data[0], 1, 3)
    said = r"data has 2 episodes of 26 frames to learn from, 4 of 54 when the training in .*run began"
    with pytest.raises(UsageError, match=said):
        loop.train(stopped)


def test_with_the_same_data_it_does_and_says_when_nothing_is_left(stopped, capsys):
    loop.train(stopped)
    assert "nothing left to do" not in capsys.readouterr().out
    remove(stopped.data[0], 1)
    loop.train(stopped)
    assert f"nothing left to do: {stopped.out} is trained to step 2" in capsys.readouterr().out
    assert noted(stopped) == 4


def test_a_training_that_learned_nothing_yet_begins_with_what_is_there(tmp_path, monkeypatch):
    options = asked(tmp_path, dataset(tmp_path / "data", episodes=4))
    stop_at(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        loop.train(options)
    monkeypatch.undo()
    assert noted(options) == 4
    remove(options.data[0], 1)
    loop.train(options)
    assert noted(options) == 3
