"""What is said of episodes: of any type, with one copy from the device."""

import torch

from isaaclab_datagen.recorders.facts import Named, of_episodes


def test_every_value_is_the_one_of_its_environment_and_of_its_type():
    values = torch.tensor([0.1, 1 / 3, 1e-8, 7.0])
    facts = {
        "fell": torch.tensor([True, False, True, False]),
        "length": torch.tensor([2**53, 1, -5, 0]),
        "delay": values,
        "motion": Named(torch.tensor([1, 0, 1, 0]), ["walk", "squat"]),
        "told": [None, {"a": 1}, "b", 2.5],
    }
    assert of_episodes(facts, [2, 0]) == [
        {"fell": True, "length": -5, "delay": values[2].item(), "motion": "squat", "told": "b"},
        {"fell": True, "length": 2**53, "delay": values[0].item(), "motion": "squat", "told": None},
    ]
    kinds = [type(value) for value in of_episodes(facts, [1])[0].values()]
    assert kinds == [bool, int, float, str, dict]
    assert of_episodes({}, [0, 1]) == [{}, {}]


def test_a_device_is_waited_for_once(monkeypatch):
    copies, cpu = [], torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: copies.append(self.shape) or cpu(self))
    named = Named(torch.tensor([0, 0]), ["walk"])
    of_episodes({"a": torch.tensor([1, 2]), "b": torch.tensor([True, False]), "c": named}, [0, 1])
    assert copies == [(3, 2)]
