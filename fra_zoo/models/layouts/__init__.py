"""Layouts of checkpoints that other code publishes, one file each."""
