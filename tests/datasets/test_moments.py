"""Moments stay within their episodes."""

from __future__ import annotations

import numpy as np
import pytest

from isaaclab_datagen.datasets.moments import Moments

LENGTHS = [5, 1, 12, 30]


@pytest.mark.parametrize(("n_obs", "horizon", "drop"), [(2, 16, 7), (1, 4, 0), (4, 8, 3)])
def test_windows_stay_within_their_episodes_and_repeat_the_ends(n_obs, horizon, drop):
    windows = Moments.of(LENGTHS, n_obs, horizon, drop)
    assert len(windows) == sum(max(1, length - drop) for length in LENGTHS)
    chosen = np.arange(len(windows))
    episode = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    observed, (predicted, padded) = windows.observed(chosen), windows.predicted(chosen)
    assert (observed.shape, predicted.shape) == ((len(windows), n_obs), (len(windows), horizon))
    for frames in (observed, predicted):
        assert (episode[frames] == episode[windows.now][:, None]).all()
        assert (np.diff(frames, axis=1) >= 0).all()
    assert (observed[:, -1] == windows.now).all()
    assert (predicted[:, n_obs - 1] == windows.now).all()
    assert not padded[:, n_obs - 1].any()
    wanted = windows.now[:, None] + np.arange(1 - n_obs, 1 - n_obs + horizon)
    assert (padded == (predicted != wanted)).all()
