"""One body of an articulation, by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from isaaclab_datagen.errors import UsageError

HAND = ".*hand"
"""End-effector body of most grippers' models, as ``panda_hand``."""


def only_match(expression: str, bodies: Sequence[str]) -> str:
    """The body that an expression means.

    Args:
        expression: Its name, or a regular expression that its name matches in full.
        bodies: Names of the articulation's bodies.

    Raises:
        UsageError: If no body matches, or several do; lists them.
    """
    if expression in bodies:
        return expression
    found = [name for name in bodies if re.fullmatch(expression, name)]
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} bodies match ({', '.join(found)})" if found else "there is no such body"
    raise UsageError(f"--ee_body {expression}: {what}, choose from {', '.join(bodies) or 'none'}")
