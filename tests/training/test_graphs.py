"""CUDA graphs compute what the networks compute without them."""

from __future__ import annotations

import pytest

pytest.importorskip("lerobot")

import torch

if not torch.cuda.is_available():
    pytest.skip("needs a GPU", allow_module_level=True)

from dataclasses import replace

from learning import TINY, dataset

from isaaclab_datagen.training import graphs, loop
from isaaclab_datagen.training.options import TrainOptions


@pytest.mark.parametrize("separate", ["true", "false"])
@pytest.mark.parametrize("amp", [False, True])
def test_losses_are_those_without_graphs(tmp_path, monkeypatch, separate, amp):
    policy = {**TINY, "use_separate_rgb_encoder_per_camera": separate}
    common = {"data": (dataset(tmp_path / "data"),), "steps": 6, "batch_size": 4, "log_freq": 1, "device": "cuda"}
    options = TrainOptions(out=tmp_path / "with", policy=policy, amp=amp, **common)
    found = []
    monkeypatch.setattr(loop.Progress, "log", lambda self, step, values: found.append(values["loss"]))
    loop.train(options)
    with_graphs, found[:] = list(found), []
    monkeypatch.setattr(graphs, "record", lambda *args: None)
    loop.train(replace(options, out=tmp_path / "without"))
    assert len(found) == 6
    torch.testing.assert_close(with_graphs, found, rtol=0.02 if amp else 1e-3, atol=1e-4)


def test_losses_are_those_without_fused_kernels(tmp_path, monkeypatch):
    common = {"data": (dataset(tmp_path / "data"),), "steps": 6, "batch_size": 4, "log_freq": 1, "device": "cuda"}
    options = TrainOptions(out=tmp_path / "with", policy=TINY, compile=True, noise_draws=2, **common)
    found = []
    monkeypatch.setattr(loop.Progress, "log", lambda self, step, values: found.append(values["loss"]))
    loop.train(options)
    fused, found[:] = list(found), []
    loop.train(replace(options, out=tmp_path / "without", compile=False))
    torch.testing.assert_close(fused, found, rtol=1e-2, atol=1e-4)
