"""Noises: each sample's actions stand beside what was found in its own images."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("lerobot")

import torch

from isaaclab_datagen.training import draws


def test_actions_and_what_was_seen_stay_together():
    model = SimpleNamespace(_prepare_global_conditioning=lambda batch: batch["seen"])
    draws.take_over(SimpleNamespace(diffusion=model), 3)
    samples = torch.arange(4.0)[:, None]
    padded = samples[:, 0] > 2
    batch = draws.repeated({"seen": samples, "action": 10 * samples, "action_is_pad": padded}, 3)
    assert len(batch["seen"]) == 4  # encoded once
    torch.testing.assert_close(batch["action"], 10 * model._prepare_global_conditioning(batch))
    assert batch["action_is_pad"].tolist() == [number > 8 for number in range(12)]
