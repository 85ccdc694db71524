"""Robots from the ``example-robot-data`` wheel, converted to USD once into the user's cache."""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from isaaclab.sim import UsdFileCfg
from isaaclab.utils import configclass

ROBOT_DATA = "cmeel.prefix/share/example-robot-data/robots"
"""Folder of the models inside site-packages (package example-robot-data, BSD-3-Clause)."""


def cache_root() -> Path:
    """Folder of converted models: ``$ISAACLAB_DATAGEN_CACHE``, else ``~/.cache/isaaclab_datagen``."""
    return Path(os.environ.get("ISAACLAB_DATAGEN_CACHE", Path.home() / ".cache" / "isaaclab_datagen"))


def robot_data(relative: str) -> Path:
    """Path of a file of ``example-robot-data``, for instance ``panda_description/urdf/panda.urdf``.

    Raises:
        FileNotFoundError: If the package is not installed or does not hold the file.
    """
    spec = find_spec("isaaclab")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).parents[1] / ROBOT_DATA / relative
    if not path.is_file():
        raise FileNotFoundError(f"{relative} is not in example-robot-data at {path}; install example-robot-data==6.0.0")
    return path


def usd_path(urdf: str, recipe: str = "") -> str:
    """Where the USD of ``urdf`` lies once converted.

    The versions of model and converter are part of the name, and so is the recipe's text.
    """
    name = Path(urdf).stem
    versions = f"{version('example-robot-data')}-{version('urdf-usd-converter')}"
    if recipe:
        source = Path(str(_recipe(recipe).__file__))
        versions += f"-{hashlib.sha256(source.read_bytes()).hexdigest()[:8]}"
    return str(cache_root() / "usd" / f"{name}-{versions}" / f"{name}.usda")


def convert(urdf: str, recipe: str = "") -> str:
    """Convert ``urdf`` unless the cache holds it, and return the USD's path.

    The result appears by a rename, so that two processes may convert at the same time.

    Args:
        urdf: Path inside the package's robots folder.
        recipe: Module that changes the model, see :class:`CachedUrdfFileCfg`.
    """
    target = Path(usd_path(urdf, recipe))
    if target.is_file():
        return str(target)
    # usd-exchange loads USD: only when there is something to convert, configurations must load without it
    from urdf_usd_converter import Converter

    folder = target.parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".converting-"))
    source = robot_data(urdf)
    if recipe:
        prepared = scratch / Path(urdf).name
        _recipe(recipe).prepare(source, prepared)
        source = prepared
    made = Path(Converter(scene=False).convert(str(source), str(scratch)).path)
    if made.name != target.name:
        made = made.rename(made.with_name(target.name))
    if recipe:
        _recipe(recipe).finish(made)
    try:
        scratch.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(scratch)
    return str(target)


def _recipe(name: str) -> ModuleType:
    return importlib.import_module(name)


@configclass
class CachedUrdfFileCfg(UsdFileCfg):
    """A robot of ``example-robot-data``: give :attr:`urdf`, the USD path follows."""

    func: Callable | str = "{DIR}.urdf_spawner:spawn_from_cached_urdf"

    urdf: str = ""
    """Path inside the package's robots folder."""

    recipe: str = ""
    """Name of a module that changes the model: ``prepare(source, target)`` writes the URDF that is converted, and
    ``finish(usd)`` edits the result. None when empty."""

    def __post_init__(self) -> None:
        """Derive the USD's place in the cache."""
        self.usd_path = usd_path(self.urdf, self.recipe)
