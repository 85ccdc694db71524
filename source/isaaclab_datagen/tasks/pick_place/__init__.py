"""Carry a cube to a fixed goal (direction A), or from there to anywhere (direction B)."""
