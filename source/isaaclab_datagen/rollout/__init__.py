"""The actor protocol, the one loop, and what counts episodes."""
