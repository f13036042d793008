"""The section of a configuration that says which faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fra_zoo.config.fields import option
from fra_zoo.config.sections import OwnKey, Part, function_keys
from fra_zoo.data.dataset import DATASETS, FaceData, create_dataset

_COMMON = ("split", "root", "streaming")


@dataclass
class DatasetConfig(Part):
    """A registered dataset."""

    name: str = option("synthetic-faces", "dataset (see `fra-zoo list datasets`)")
    root: str | None = option(
        None, "folder, file, address or name on the Hub where the dataset is", private=True, may_change=True
    )

    @classmethod
    def own_keys(cls, name: str) -> list[OwnKey]:
        return function_keys(DATASETS.get(name).build, _COMMON)

    @classmethod
    def documented(cls, name: str) -> list[Any]:
        return [DATASETS.get(name).build]

    def load(self, split: str, *, streaming: bool = False) -> FaceData:
        """A split of it; see `create_dataset`."""
        return create_dataset(self.name, split, self.root, streaming=streaming, **self.args)
