"""Supervised objectives, one file each."""
