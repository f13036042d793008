"""Datasets of faces and their loading."""

from fra_zoo.data.dataset import FaceData, create_dataset, list_datasets

__all__ = ["FaceData", "create_dataset", "list_datasets"]
