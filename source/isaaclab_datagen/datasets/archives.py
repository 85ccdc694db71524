"""Pickle and NPZ files that any numpy reads, and reading them without running what is in them."""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isaaclab_datagen.errors import RunError

_PICKLED_NAMES = {"numpy.ndarray": np.ndarray, "builtins.bytearray": bytearray}


def dump_pickle(value: Any) -> bytes:
    """Pickle numbers, strings, containers and arrays so that numpy 1 and 2 can both load them."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=4).dump(value)
    return buffer.getvalue()


def load_pickle(path: Path) -> Any:
    """Load what :func:`dump_pickle` wrote; nothing in the file is run.

    Raises:
        RunError: It is missing, truncated, or holds anything else.
    """
    try:
        return _Unpickler(io.BytesIO(path.read_bytes())).load()
    except (OSError, pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError) as error:
        raise RunError(f"{path} cannot be read ({error})") from error


def dump_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An uncompressed NPZ file. Equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an NPZ file.

    Raises:
        RunError: It is missing, truncated, or holds pickled objects.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except (OSError, ValueError, EOFError, TypeError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise RunError(f"{path} is not a whole NPZ file ({error})") from error


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        # numpy's own pickles name numpy._core, which numpy 1 (and with it AVDC's environment) may not have.
        if isinstance(obj, np.ndarray):
            return np.ndarray, (obj.shape, obj.dtype.str, bytearray(obj.tobytes()))
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        name = f"{module_name}.{global_name}"
        if name not in _PICKLED_NAMES:
            raise pickle.UnpicklingError(f"holds a {name}, expected plain values and arrays")
        return _PICKLED_NAMES[name]
