"""Robots of the lift task."""
