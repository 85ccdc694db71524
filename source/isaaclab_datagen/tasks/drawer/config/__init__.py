"""Robots of the drawer task."""
