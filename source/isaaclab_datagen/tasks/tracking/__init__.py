"""Track a reference motion with a humanoid."""
