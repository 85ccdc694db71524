"""What files say, held against the types that it must have."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, get_args, get_origin

from isaaclab_datagen.errors import RunError

_SHOWN = 60


def check(said: Any, kinds: Mapping[str, Any], where: object, needed: bool = True) -> None:
    """Refuse what has another type than it must have.

    Args:
        said: What a file says: names and values, as JSON has them.
        kinds: Name to type, such as ``int``, ``bool | None`` or ``list[str]``; an int is a float too, a bool is no int.
        where: What names the file.
        needed: Whether all of the names must be there.

    Raises:
        RunError: Names the file, the name and its value.
    """
    if not isinstance(said, Mapping):
        raise RunError(f"{where} holds {_shown(said)}, not names with values")
    missing = [name for name in kinds if name not in said]
    if needed and missing:
        raise RunError(f"{where} does not say {', '.join(missing)}")
    for name, kind in kinds.items():
        if name in said and not _is(said[name], kind):
            raise RunError(f"{where}: {name} is {_shown(said[name])}, not {_named(kind)}")


def _is(value: Any, kind: Any) -> bool:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return any(_is(value, part) for part in parts)
    if origin is list:
        return isinstance(value, list) and all(_is(item, parts[0]) for item in value)
    if origin is not None:
        return isinstance(value, Mapping) and all(_is(item, parts[1]) for item in value.values())
    if kind is Any:
        return True
    return type(value) in ((int, float) if kind is float else (kind,))


def _named(kind: Any) -> str:
    return kind.__name__ if type(kind) is type else str(kind).replace("typing.", "").replace("collections.abc.", "")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
