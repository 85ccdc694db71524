"""Learners' settings."""
