"""Errors that a user reads as one line."""


class UsageError(Exception):
    """What was asked for cannot be done so: names the thing, its value, the choices, the remedy. Exit status 2."""


class RunError(Exception):
    """What was asked for was right, but the run failed (disk, memory, a broken dataset). Exit status 1."""
