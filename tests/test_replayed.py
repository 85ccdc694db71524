"""What a GPU replays is what the function returns, for any number of rows."""

from __future__ import annotations

import pytest
import torch

if not torch.cuda.is_available():
    pytest.skip("needs a GPU", allow_module_level=True)

from isaaclab_datagen.replayed import Replayed


def test_replayed_values_are_the_functions():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(5, 32), torch.nn.Mish(), torch.nn.Linear(32, 3)).cuda()

    def function(x, y):
        return net(x) * y

    replayed = Replayed(function)
    for count in (1, 3, 4, 7, 3, 1):
        x, y = torch.randn(count, 5, device="cuda"), torch.randn(count, 1, device="cuda")
        with torch.no_grad():
            torch.testing.assert_close(replayed(x, y), function(x, y))
    assert sorted(replayed._recorded) == [1, 4, 8]


def test_what_is_recorded_in_inference_mode_is_replayed_outside_of_it():
    replayed = Replayed(lambda x: 2 * x)
    x = torch.randn(4, 2, device="cuda")
    with torch.inference_mode():
        replayed(x)
    torch.testing.assert_close(replayed(x + 1), 2 * (x + 1))
