"""The door: finding formats by name and by folder."""

from __future__ import annotations

import pytest
from dataset_fakes import open_writer

from isaaclab_datagen.datasets import formats
from isaaclab_datagen.errors import RunError, UsageError


def test_every_module_of_the_folder_is_a_format():
    assert {"avdc", "vpl"} <= set(formats.names())
    for name in formats.names():
        module = formats.load(name)
        assert all(callable(vars(module)[word]) for word in ("add_options", "open_writer", "find", "Reader"))
        assert module.LAYOUT
        assert isinstance(module.STREAMS, tuple)
        assert isinstance(module.LIVE, bool)
        assert isinstance(module.KEEPS_FAILURES, bool)


def test_an_unknown_format_gets_the_closest_and_the_choices():
    with pytest.raises(UsageError) as error:
        formats.load("avcd")
    assert "avcd" in str(error.value)
    assert "Did you mean avdc?" in str(error.value)
    assert "Choices: avdc" in str(error.value)


def test_no_folder_and_a_file_are_usage_errors(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="no such folder"):
        formats.detect(tmp_path / "absent")
    with pytest.raises(UsageError, match="a file"):
        formats.detect(tmp_path / "file")


@pytest.mark.parametrize("foreign", ["", "metaworld_dataset/lift/corner/000", "episode_000"])
def test_a_foreign_folder_is_told_what_was_looked_for(foreign, tmp_path):
    (tmp_path / foreign).mkdir(parents=True, exist_ok=True)
    with pytest.raises(RunError, match=r"no dataset.*avdc: metaworld_dataset/<task>/dataset.json"):
        formats.detect(tmp_path)


def test_two_datasets_in_one_folder_are_named(tmp_path):
    for task in ("Lift", "Drawer"):
        open_writer(tmp_path, task=task).close()
    with pytest.raises(UsageError, match=r"2 datasets.*drawer.*lift"):
        formats.detect(tmp_path)
    assert formats.detect(tmp_path / "metaworld_dataset" / "lift")[0] == "avdc"


def test_a_format_that_is_only_exported_is_not_recorded(monkeypatch):
    assert formats.load_live("vpl") is formats.load("vpl")
    monkeypatch.setattr(formats.load("avdc"), "LIVE", False)
    with pytest.raises(UsageError, match="Record one of diffuse_cloc, rev2fwd, vpl, then convert.py .* --format avdc"):
        formats.load_live("avdc")
