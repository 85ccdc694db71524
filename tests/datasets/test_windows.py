"""Windows against slices written out by hand, and the statistics of what they hold."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from dataset_fakes import FAILURE, SUCCESS
from robot_fakes import BODIES, JOINTS, robot_dataset
from torch.utils.data import DataLoader

from isaaclab_datagen.datasets import statistics, trajectories
from isaaclab_datagen.datasets.statistics import Normaliser
from isaaclab_datagen.datasets.windows import WindowDataset, WindowShape, whole
from isaaclab_datagen.errors import RunError, UsageError
from isaaclab_datagen.geometry import state_layouts

LENGTHS = (30, 3, 41)
SHAPE = WindowShape(2, 4)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return robot_dataset(tmp_path_factory.mktemp("robot"), LENGTHS, (SUCCESS, FAILURE, FAILURE))


def windows(reader, name="body_pos", shape=SHAPE, **wanted) -> WindowDataset:
    return WindowDataset(trajectories.load(reader, **wanted), state_layouts.layout(name, BODIES, JOINTS), shape)


def test_500_steps_with_a_history_of_2_and_a_horizon_of_4_are_494_windows(tmp_path):
    found = windows(robot_dataset(tmp_path, (500,)))
    assert len(found) == 494
    shapes = {name: tuple(values.shape) for name, values in found.batch(range(494)).items()}
    assert shapes == {
        "history_states": (494, 3, 189),
        "history_actions": (494, 2, 29),
        "future_states": (494, 4, 189),
        "future_actions": (494, 5, 29),
    }


@pytest.mark.parametrize(("history", "horizon"), [(0, 1), (2, 4), (4, 16), (7, 3)])
def test_windows_are_slices_of_their_own_episode(reader, history, horizon):
    """Every window of every episode, cut out by hand."""
    found, number = windows(reader, shape=WindowShape(history, horizon)), 0
    layout = state_layouts.body_pos(BODIES)
    for place, index in enumerate(reader.indices):
        episode = reader.read(index)
        channels = {name: torch.from_numpy(values) for name, values in episode.frames.items()}
        states, actions = layout(trajectories.world_state(channels)), torch.from_numpy(episode.actions)
        for t in range(history, episode.num_steps - horizon):
            window = found[number]
            torch.testing.assert_close(window["history_states"], states[t - history : t + 1])
            assert torch.equal(window["history_actions"], actions[t - history : t])
            torch.testing.assert_close(window["future_states"], states[t + 1 : t + horizon + 1])
            assert torch.equal(window["future_actions"], actions[t : t + horizon + 1])
            assert found.episodes[number] == place
            number += 1
    assert number == len(found) == sum(max(0, length - history - horizon) for length in LENGTHS)


@pytest.mark.parametrize("name", ["body_pos_relative", "joint_rot"])
def test_the_papers_layouts_are_seen_from_the_current_step_of_each_window(reader, name):
    found, layout = windows(reader, name), state_layouts.layout(name, BODIES, JOINTS)
    loaded = trajectories.load(reader)
    for number in (0, 5, len(found) - 1):
        first = int(found.firsts[number])
        cut = loaded.states.map(lambda values, a=first: values[a : a + SHAPE.steps])
        expected = layout(cut, cut.map(lambda values: values[SHAPE.history : SHAPE.history + 1]))
        window = found[number]
        torch.testing.assert_close(torch.cat([window["history_states"], window["future_states"]]), expected)
        assert window["history_states"][-1, :2].abs().max() == 0


def test_batches_data_loaders_and_copies_give_the_same(reader):
    found = windows(reader, "body_pos_relative")
    one = found.batch([3, 1, 40])
    loader = DataLoader(pickle.loads(pickle.dumps(found)), batch_sampler=[[3, 1, 40]], collate_fn=whole)
    (other,) = loader
    for name, values in one.items():
        assert torch.equal(values, other[name])
        assert torch.equal(values[1], found[1][name])


def test_episodes_are_chosen_by_their_outcome(reader):
    loaded = trajectories.load(reader, keep=lambda outcome: outcome.success is True)
    assert (loaded.indices, loaded.lengths.tolist()) == ([0], [30])
    with pytest.raises(RunError, match="no episode of the wanted kind"):
        trajectories.load(reader, keep=lambda outcome: False)


def test_windows_longer_than_every_trajectory_are_refused(reader):
    with pytest.raises(UsageError, match="need trajectories of 42 actions or more; the longest of 3 has 41"):
        windows(reader, shape=WindowShape(1, 40))
    assert len(windows(reader, shape=WindowShape(1, 39))) == 1


@pytest.mark.parametrize("values", [(-1, 4), (2, 0)])
def test_no_history_below_0_and_no_horizon_below_1(values):
    with pytest.raises(UsageError, match="at least 0 and 1"):
        WindowShape(*values)


def test_a_broken_file_among_good_ones_is_named_or_left_out(tmp_path):
    reader = robot_dataset(tmp_path, LENGTHS)
    broken = reader.path(1)
    broken.write_bytes(broken.read_bytes()[:3000])
    with pytest.raises(RunError, match="000001.h5.*skip_broken"):
        trajectories.load(reader)
    loaded = trajectories.load(reader, skip_broken=True)
    assert loaded.indices == [0, 2]
    assert "000001.h5" in loaded.skipped[0]


def test_statistics_are_those_of_all_that_windows_hold(reader):
    found = windows(reader, "body_pos_relative")
    batch = found.batch(range(len(found)))
    for name, computed in statistics.of_windows(found).items():
        values = torch.cat([batch[f"history_{name}"], batch[f"future_{name}"]], dim=1).flatten(0, 1).double().numpy()
        np.testing.assert_allclose(computed.mean, values.mean(0), atol=1e-5)
        np.testing.assert_allclose(computed.std, values.std(0), atol=1e-5)
        np.testing.assert_array_equal(computed.low, values.min(0))
        np.testing.assert_array_equal(computed.high, values.max(0))
        again = statistics.from_dict(computed.to_dict())
        assert torch.equal(again.std, computed.std)


def test_of_many_windows_some_are_drawn_the_same_each_time(reader):
    found = windows(reader)
    first, second = (statistics.of_windows(found, at_most=10)["states"].mean for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, statistics.of_windows(found)["states"].mean)


@pytest.mark.parametrize("kind", ["mean_std", "min_max"])
def test_normalising_is_undone_and_dead_numbers_stay_finite(reader, kind):
    found = windows(reader)
    states = found.batch(range(len(found)))["history_states"]
    normaliser = Normaliser.of(statistics.of_windows(found)["states"], kind)
    scaled = normaliser.normalise(states)
    assert scaled.isfinite().all()
    torch.testing.assert_close(normaliser.restore(scaled), states, atol=1e-5, rtol=1e-5)
    dead = found.layout.slices["body_positions"].start
    assert scaled[..., dead : dead + 3].abs().max() < 1e-6  # the root, seen from itself
    if kind == "min_max":
        assert scaled.abs().max() <= 1 + 1e-5


def test_an_unknown_normalisation_is_refused(reader):
    with pytest.raises(UsageError, match="choose from mean_std, min_max"):
        Normaliser.of(statistics.of_windows(windows(reader))["states"], "gaussian")  # type: ignore[arg-type]
