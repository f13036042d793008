"""Losses: pure functions, one subject a file."""
