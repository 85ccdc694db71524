"""Robots of the pick-and-place task."""
