"""Layouts of other code's checkpoints, one file each."""
