"""Lift a cube to a goal in the air."""
