"""Argparse types: numbers within limits, names, and folders of datasets."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def whole_number(least: int) -> Callable[[str], int]:
    """Return an argparse type for whole numbers that are not too small."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return value

    return parse


positive_int = whole_number(1)
non_negative_int = whole_number(0)


def positive_float(text: str) -> float:
    """Argparse type for numbers above zero."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def share(text: str) -> float:
    """Argparse type for a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def names(text: str) -> tuple[str, ...]:
    """Argparse type for names separated by commas: none empty, none twice."""
    found = tuple(name.strip() for name in text.split(","))
    if not all(found) or len(set(found)) != len(found):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of different names separated by commas")
    return found


def dataset_folder(text: str) -> Path:
    """Argparse type for a dataset's folder. What was one file ``x.npz`` in the first pipeline is a folder ``x``."""
    path = Path(text)
    if path.suffix != ".npz" or path.exists():
        return path
    print(f"note: {text} is the folder {path.with_suffix('')}", file=sys.stderr)
    return path.with_suffix("")
