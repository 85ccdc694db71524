"""Experiments made of rollouts and trainings."""
