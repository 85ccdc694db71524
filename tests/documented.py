"""What docs/formats.md says of the vpl format, for tests of whoever writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

PAGE = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
DOCS = PAGE.split("\n## vpl\n")[1].split("\n## ")[0]
_ROWS = re.findall(r"^\| `(\w+)` \| (\([^)]*\) \w+) \| .*? \| (.*?) ?\|$", DOCS, re.M)
KEYS = {key: shape for key, shape, _ in _ROWS}
"""Key to shape and type."""
PLACES = {key: [word for word in place.split(", ") if word] for key, _, place in _ROWS}
"""Key to its unit, its frame, or both."""
ATTRIBUTES = set(re.findall(r"`(\w+)`", DOCS.split("Attributes of the file:")[1].split("further facts that is")[0]))
PIXELS = {"depth", "segmentation", "instance_segmentation"}
"""Keys that are there when they are recorded."""
_CHANNELS = re.findall(r"^\| (`.*?`) \| \((.*?)\)", PAGE.split("\n| name | shape | what |\n")[1].split("\n\n")[0], re.M)
CHANNELS = {name: shape for names, shape in _CHANNELS for name in re.findall(r"`(.*?)`", names)}
"""Name of a channel, whatever its format, to its shape; both as the page has them."""


def check_keys(file: Any, sizes: Mapping[str, int], keys: set[str]) -> None:
    """Compare an open episode with the table.

    Args:
        file: The HDF5 file.
        sizes: What the table's letters are.
        keys: Which of the table's keys are there.
    """
    assert set(file) == {*keys, "final", "states"}
    for key in keys:
        letters, kind = re.fullmatch(r"\((.*)\) (\w+)", KEYS[key]).groups()
        shape = tuple(sizes.get(word) or int(word) for word in letters.replace(",", " ").split())
        assert (file[key].shape, file[key].dtype) == (shape, np.dtype(kind)), key
        said = file[key].attrs
        assert said.get("frame", "environment") == "environment", key
        frame = ["environment"] if "frame" in said else []
        assert [*([said["unit"]] if "unit" in said else []), *frame] == PLACES[key], key
    listed = DOCS.split("| `final/<key>` |")[1].splitlines()[0]
    names = set(re.findall(r"`(\w+)`", listed)) | (PIXELS & keys)
    assert set(file["final"]) == names
    assert all(file["final"][name].shape == file[name].shape[1:] for name in names & keys)


def check_channels(shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, int], own: set[str]) -> None:
    """Compare the channels of an episode with the table at the top of the page.

    Args:
        shapes: Of each channel.
        sizes: What the table's letters are.
        own: The task's channels.
    """
    sizes = {**sizes, "T+1": sizes["T"] + 1}
    patterns = {re.sub(r"<\w+>", "[^/]+", name): shape for name, shape in CHANNELS.items()}
    for name, shape in shapes.items():
        said = [shape for pattern, shape in patterns.items() if re.fullmatch(pattern, name)]
        assert len(said) == (name not in own), name
        words = (said or ["T+1, ..."])[0].split(", ")
        wanted = tuple(sizes.get(word) or int(word) for word in words if word != "...")
        assert shape[: len(wanted)] == wanted and ("..." in words or len(shape) == len(wanted)), name
