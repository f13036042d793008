"""Training: one loop, run folders, and the flows from a configuration to a result."""
