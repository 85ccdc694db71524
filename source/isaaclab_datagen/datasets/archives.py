"""Pickle and NPZ files that any numpy reads, and reading them without running what is in them."""

from __future__ import annotations

import io
import math
import pickle
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from isaaclab_datagen.errors import RunError

Kind = tuple[tuple[int, ...], np.dtype]
"""Shape and type of an array."""
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


def load_npz(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, np.ndarray]:
    """The arrays of an NPZ file whose names are wanted: all of them, if nothing is said.

    Raises:
        RunError: It is missing, truncated, or holds pickled objects.
    """
    with whole_npz(path), np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files if wanted(name)}


@contextmanager
def whole_npz(path: Path) -> Iterator[None]:
    """Turn what numpy and zipfile say of a broken file into one kind of error.

    Raises:
        RunError: It is missing, truncated, or holds pickled objects.
    """
    try:
        yield
    except (OSError, ValueError, EOFError, TypeError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise RunError(f"{path} is not a whole NPZ file ({error})") from error


def write_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    """Add an array to an NPZ file that is being written."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)


def write_rows(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], rows: Iterable[bytes]) -> None:
    """Add an array of bytes to an NPZ file that is being written, row by row, so that it need not be in memory.

    Args:
        archive: The file.
        name: Of the array.
        shape: Of the whole array.
        rows: Its rows, uint8 in the order of C.
    """
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(member, header)
        for row in rows:
            member.write(row)


def array_kinds(path: Path) -> dict[str, Kind]:
    """Shape and type of each array of an NPZ file, without reading them. Errors as :func:`load_npz`."""
    kinds = {}
    with whole_npz(path), zipfile.ZipFile(path) as archive:
        for file in archive.namelist():
            with archive.open(file) as member:
                name = file.removesuffix(".npy")
                shape, _, dtype = _header(member)
                if dtype.hasobject:
                    raise ValueError(f"{name} holds pickled objects")
                kinds[name] = shape, dtype
    return kinds


def array_kind(path: Path, name: str) -> Kind:
    """Shape and type of an array of an NPZ file, without reading it. Errors as :func:`read_array`."""
    with whole_npz(path), zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        shape, _, dtype = _header(member)
        return shape, dtype


def read_array(path: Path, name: str) -> np.ndarray:
    """One array of an NPZ file. Errors as :func:`load_npz`, and if it is not there."""
    with whole_npz(path), np.load(path, allow_pickle=False) as archive:
        return archive[name]


def read_rows(path: Path, name: str, rows: Iterable[int]) -> Iterator[np.ndarray]:
    """Read rows of an array one by one; ascending ones without starting anew.

    Errors as :func:`load_npz`, and if the array or a row is not there.
    """
    with whole_npz(path), zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        shape, fortran_order, dtype = _header(member)
        if fortran_order or dtype.hasobject:
            raise ValueError(f"{name} is in the order of Fortran, or of objects")
        start, size = member.tell(), math.prod(shape[1:]) * dtype.itemsize
        for row in rows:
            if not 0 <= row < shape[0]:
                raise ValueError(f"{name} has {shape[0]} rows, none is number {row}")
            member.seek(start + row * size)
            data = member.read(size)
            if len(data) != size:
                raise EOFError(f"{name} ends in row {row}")
            yield np.frombuffer(data, dtype).reshape(shape[1:])


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type of the array whose file is at its beginning; leaves it at the first row."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(member)


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
