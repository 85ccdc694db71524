from __future__ import annotations

import numpy as np
import pytest

from isaaclab_datagen.datasets.states import StateLog


def rows(count):
    rng = np.random.default_rng(0)
    for row in range(count):
        values = {"joint_pos": rng.normal(size=9).astype(np.float32), "extrinsics/a": rng.normal(size=(4, 4))}
        yield values | {"step": np.asarray(row)} | ({"action": rng.normal(size=3)} if row < count - 1 else {})


@pytest.mark.parametrize("count", [2, 31, 32, 33, 64, 65, 200])
def test_columns_are_the_stacked_rows_wherever_they_were_kept(count, tmp_path):
    log = StateLog(tmp_path / "states.bin")
    for row in rows(count):
        log.append(row)
    columns = log.columns()
    for name in ("joint_pos", "extrinsics/a", "step", "action"):
        expected = np.stack([row[name] for row in rows(count) if name in row])
        np.testing.assert_array_equal(columns[name], expected, strict=True)
    assert len(log) == count == len(columns["action"]) + 1


def test_memory_does_not_grow_with_length(tmp_path):
    log = StateLog(tmp_path / "states.bin")
    for row in range(10_000):
        log.append({"x": np.full(100, row, np.float32)})
    assert (tmp_path / "states.bin").stat().st_size > 0.99 * 10_000 * 400
    assert sum(column.nbytes for column in log._columns.values()) < 20_000


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({"x": np.zeros(4), "y": np.zeros(1)}, "x is"),
        ({"x": np.zeros(3, np.float32), "y": np.zeros(1)}, "x is"),
        ({"x": np.zeros(3), "z": np.zeros(1)}, "z is"),
        ({"x": np.zeros(1), "y": np.zeros(1)}, "x is"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(second, reason, tmp_path):
    log = StateLog(tmp_path / "states.bin")
    log.append({"x": np.zeros(3), "y": np.zeros(1)})
    with pytest.raises(ValueError, match=reason):
        log.append(second)


def test_nothing_follows_the_last_row(tmp_path):
    log = StateLog(tmp_path / "states.bin")
    log.append({"x": np.zeros(3), "action": np.zeros(1)})
    log.append({"x": np.zeros(3)})
    with pytest.raises(ValueError, match="last one"):
        log.append({"x": np.zeros(3), "action": np.zeros(1)})
