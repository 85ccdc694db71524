"""Ways to act without having learned from demonstrations."""
