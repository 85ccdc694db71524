"""What is learned from: exports of LeRobot's format are the datasets that they were made of."""

from __future__ import annotations

import json
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
