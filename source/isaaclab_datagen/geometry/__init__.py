"""Frames and projections, without a simulator."""
