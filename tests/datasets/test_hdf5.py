from __future__ import annotations

import pickle

import h5py
import numpy as np
import pytest

from isaaclab_datagen.datasets import hdf5
from isaaclab_datagen.errors import RunError

KINDS = [np.uint8, np.float32, np.int32, np.float64]


def rows(count, kind, parts=3, shape=(5, 7)):
    return np.random.default_rng(0).integers(0, 200, (count, parts, *shape)).astype(kind)


def write(path, values):
    with h5py.File(path, "w") as file:
        stack = hdf5.Stack(file, "values", list(values[0]))
        for row in values:
            stack.append([hdf5.deflated(part) for part in row])
        stack.finish()
        hdf5.write_parts(file, "last", [hdf5.deflated(part) for part in values[-1]], values.shape[2:], values.dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_plain_h5py_reads_what_was_compressed_outside_of_it(count, kind, tmp_path):
    values = rows(count, kind)
    write(tmp_path / "a.h5", values)
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["values"][()], values, strict=True)
        np.testing.assert_array_equal(file["last"][()], values[-1], strict=True)
        assert file["values"].compression == "gzip"


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_read_alone_also_in_another_process(kind, tmp_path):
    values = rows(70, kind)
    write(tmp_path / "a.h5", values)
    with hdf5.opened(tmp_path / "a.h5") as file:
        found = pickle.loads(pickle.dumps((hdf5.find_parts(file["values"], 2), hdf5.find_parts(file["last"], 1))))
    for row, part in ((0, 0), (69, 2), (33, 1)):
        np.testing.assert_array_equal(found[0].read(row, part), values[row, part], strict=True)
    np.testing.assert_array_equal(found[1].read(2), values[-1, 2], strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_parts_that_hdf5_compressed_are_the_same(kind, tmp_path):
    values = rows(3, kind)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        storage = {"chunks": (1, 1, 5, 7), "compression": "gzip", "compression_opts": 1}
        file.create_dataset("values", data=values, shuffle=values.itemsize > 1, **storage)
    with hdf5.opened(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(hdf5.find_parts(file["values"], 2).read(1, 2), values[1, 2], strict=True)


def test_arrays_are_written_as_they_are(tmp_path):
    values = {
        "a": np.arange(3),
        "deep/er/b": np.ones((2, 0, 3)),
        "deep/c": np.array(2.5),
        "flag": np.array([True, False]),
    }
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, value in values.items():
            hdf5.write_array(file, name, value)
        hdf5.write_array(file, "view", np.arange(20).reshape(4, 5)[:, ::2])
    with h5py.File(tmp_path / "a.h5") as file:
        for name, value in values.items():
            np.testing.assert_array_equal(file[name][()], value, strict=True)
        np.testing.assert_array_equal(file["view"][1], [5, 7, 9])


@pytest.mark.parametrize("content", [None, b"", b"not hdf5 at all"])
def test_what_is_no_hdf5_file_is_named(content, tmp_path):
    if content is not None:
        (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(RunError, match="a.h5 is not a whole"), hdf5.opened(tmp_path / "a.h5"):
        pass
