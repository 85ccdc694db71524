"""Robots, objects and cameras: where a model comes from and how it becomes USD."""
