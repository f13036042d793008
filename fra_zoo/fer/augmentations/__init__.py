"""Augmentations for training on labelled faces."""
