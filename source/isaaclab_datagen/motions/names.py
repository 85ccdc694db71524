"""Values of joints or bodies by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np


def by_expression(values: Mapping[str, float], names: Sequence[str], default: float = 0.0) -> np.ndarray:
    """Return one value for each name: that of the expression which matches it in full, else ``default``."""
    found = [next((value for word, value in values.items() if re.fullmatch(word, name)), default) for name in names]
    return np.array(found, dtype=float)
