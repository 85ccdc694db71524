"""From datasets to a policy's checkpoints."""
