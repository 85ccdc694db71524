"""Reference motions: where they come from, how they become a robot's, and how good they are."""
