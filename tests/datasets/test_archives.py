from __future__ import annotations

import io
import os
import pickle

import numpy as np
import pytest

from isaaclab_datagen.datasets import archives
from isaaclab_datagen.errors import RunError

VALUE = {"actions": np.arange(6, dtype=np.float32).reshape(2, 3), "num_steps": 2, "success": True}


def test_plain_pickle_reads_it_and_the_arrays_are_writable():
    loaded = pickle.loads(archives.dump_pickle(VALUE))
    np.testing.assert_array_equal(loaded["actions"], VALUE["actions"], strict=True)
    loaded["actions"] += 1
    assert (loaded["num_steps"], loaded["success"]) == (2, True)


def test_no_name_that_only_one_numpy_has_is_pickled():
    assert b"_core" not in archives.dump_pickle(VALUE)


def test_our_loader_reads_it_too(tmp_path):
    (tmp_path / "a.pkl").write_bytes(archives.dump_pickle(VALUE))
    np.testing.assert_array_equal(archives.load_pickle(tmp_path / "a.pkl")["actions"], VALUE["actions"], strict=True)


class Malicious:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def test_nothing_in_a_foreign_pickle_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(RunError, match="system"):
        archives.load_pickle(tmp_path / "a.pkl")
    assert not (tmp_path / "pwned").exists()


def test_truncated_files_name_themselves(tmp_path):
    pickled, npz = (
        archives.dump_pickle(VALUE),
        archives.dump_npz({"a": VALUE["actions"], "observations/policy": np.ones(3)}),
    )
    for length in range(0, len(pickled) - 1, 7):
        (tmp_path / "cut.pkl").write_bytes(pickled[:length])
        with pytest.raises(RunError, match="cut.pkl"):
            archives.load_pickle(tmp_path / "cut.pkl")
    for length in range(0, len(npz) - 1, 31):
        (tmp_path / "cut.npz").write_bytes(npz[:length])
        with pytest.raises(RunError, match="cut.npz"):
            archives.load_npz(tmp_path / "cut.npz")


def test_npz_is_reproducible_and_holds_no_objects(tmp_path):
    assert archives.dump_npz({"a": np.ones(3)}) == archives.dump_npz({"a": np.ones(3)})
    buffer = io.BytesIO()
    np.savez(buffer, a=np.array([{}], object))
    (tmp_path / "objects.npz").write_bytes(buffer.getvalue())
    with pytest.raises(RunError, match="objects.npz"):
        archives.load_npz(tmp_path / "objects.npz")
