from __future__ import annotations

import errno
import os

import h5py
import numpy as np
import pytest

from isaaclab_datagen.datasets import files
from isaaclab_datagen.datasets.files import SteadyFile


@pytest.fixture
def full(monkeypatch):
    """A disk that takes 3000 bytes of a file, a part of what crosses that, and nothing more."""
    pwrite = os.pwrite

    def limited(descriptor, data, offset):
        room = max(0, 3000 - offset)
        if room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(descriptor, data[:room], offset)

    monkeypatch.setattr(files.os, "pwrite", limited)


def test_hdf5_in_a_steady_file_is_as_anywhere(tmp_path):
    disk = SteadyFile(tmp_path / "a.h5")
    with h5py.File(disk, "w") as file:
        file["values"] = np.arange(1000)
        file.attrs["name"] = "x"
        assert file["values"][999] == 999
    disk.close()
    disk.check()
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["values"], np.arange(1000))


def test_hdf5_closes_on_a_full_disk_and_the_error_is_kept(tmp_path, full):
    before = len(os.listdir("/proc/self/fd"))
    disk = SteadyFile(tmp_path / "a.h5")
    with h5py.File(disk, "w") as file:
        for number in range(20):
            file[f"values_{number}"] = np.arange(1000)
    disk.close()
    assert not file
    with pytest.raises(OSError, match="No space") as error:
        disk.check()
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(tmp_path / "a.h5"))
    assert len(os.listdir("/proc/self/fd")) == before
    assert (tmp_path / "a.h5").stat().st_blocks * 512 <= 4096


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "a").write_text("precious")
    with pytest.raises(FileExistsError):
        SteadyFile(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "precious"


def test_what_another_process_wrote_while_the_lock_was_waited_for_is_not_undone(tmp_path, monkeypatch):
    theirs = tmp_path / "theirs"

    def held_at_first(descriptor):
        if theirs.exists():
            return True
        theirs.write_text("precious")
        return False

    monkeypatch.setattr(files, "_locked", held_at_first)
    files.FolderLock(tmp_path).undo()
    assert theirs.read_text() == "precious"


def test_a_folder_that_its_holder_removes_is_locked_anew(tmp_path, monkeypatch):
    first, tried = files.FolderLock(tmp_path / "new"), []

    def undone_at_first(descriptor):
        if not tried:
            first.undo()
        tried.append(descriptor)
        return locked(descriptor)

    locked = files._locked
    monkeypatch.setattr(files, "_locked", undone_at_first)
    second = files.FolderLock(tmp_path / "new")
    assert len(tried) == 2
    assert os.path.samestat(os.fstat(second.descriptor), (tmp_path / "new" / files.LOCK).stat())
    second.undo()
    assert not list(tmp_path.iterdir())
