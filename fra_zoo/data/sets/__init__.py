"""Datasets, one file each, and the readers of files that belong to one of them."""
