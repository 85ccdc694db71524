"""A collection that is stopped, however roughly, goes on with the same command."""

from __future__ import annotations

import os
import random
import shutil
import subprocess

import pytest
from collecting import COLLECT, CUT, RECORDED, Collection, check_whole, committed, kill_again_and_again
from dataset_fakes import live

from isaaclab_datagen.datasets import formats

pytestmark = pytest.mark.sim


every_format = pytest.mark.parametrize(
    "name", [name if name == "avdc" else pytest.param(name, marks=pytest.mark.stress) for name in live()]
)
"""Writers of all live formats are killed in other tests; here the whole script is."""


@every_format
def test_it_goes_on_after_ctrl_c_and_kills(name, tmp_path):
    running = Collection(tmp_path, 10_000, name)
    running.wait_for(2)
    status, errors = running.interrupt()
    whole = committed(tmp_path, name)
    assert status == 130, errors[-2000:]
    assert f"stopped; {whole} episodes are whole. The same command goes on" in errors
    assert "Traceback" not in errors
    check_whole(tmp_path, whole)

    kill_again_and_again(tmp_path, 2, random.Random(), name)
    before = committed(tmp_path, name)
    status, errors = Collection(tmp_path, before + 3, name).finish()
    assert status == 0, errors[-2000:]
    check_whole(tmp_path, before + 3)
    sessions = formats.open_reader(tmp_path).manifest.sessions
    assert [session["number"] for session in sessions] == [0, 1, 2, 3]


@pytest.mark.stress
@pytest.mark.parametrize("name", live())
def test_it_goes_on_after_twenty_kills_at_any_moment(name, tmp_path):
    rng = random.Random()
    for number in range(20):
        running = Collection(tmp_path, 10_000, name)
        if number % 4:
            running.wait_for(1)
        running.kill(rng.uniform(0.0, 20.0 if number % 4 == 0 else 3.0))
    before = committed(tmp_path, name)
    status, errors = Collection(tmp_path, before + 4, name).finish()
    assert status == 0, errors[-2000:]
    check_whole(tmp_path, before + 4)


@every_format
def test_a_full_disk_ends_it_with_what_is_whole(name, tmp_path):
    """Inside a file system of 1 MB, mounted where no other process sees it."""
    disk, saved = tmp_path / "disk", tmp_path / "saved"
    disk.mkdir()
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=1m tmpfs '{disk}'"
    if shutil.which("unshare") is None or subprocess.run([*alone, mount], capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    collect = " ".join([*COLLECT, *CUT, *RECORDED[name].words, "--episodes", "1000", "--out", str(disk)])
    script = f"{mount} && {{ {collect}; status=$?; cp -r '{disk}' '{saved}'; exit $status; }}"
    ended = subprocess.run([*alone, script], capture_output=True, text=True, timeout=400, env=os.environ)
    assert ended.returncode == 1, ended.stderr[-2000:]
    error = ended.stderr.strip().splitlines()[-1]
    whole = committed(saved, name)
    assert error.startswith("error: the disk is full, cannot write") and f"{whole} episodes are committed" in error
    assert "Traceback" not in ended.stderr
    assert whole > 0
    check_whole(saved, whole)
