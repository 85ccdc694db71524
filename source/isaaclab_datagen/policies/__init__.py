"""Policies that learn from demonstrations, one folder for each kind."""
