"""What an evaluator reads: the splits of a dataset, decoded for the subject."""

from __future__ import annotations

from collections.abc import Callable

import torch

from fra_zoo.data.dataset import FaceData
from fra_zoo.data.loading import Cache, FaceLoader, Faces
from fra_zoo.evaluate.sharing import shard_loader
from fra_zoo.labels import LabelSpace


class EvaluationData:
    """The splits of a dataset, each read when it is first asked for.

    Args:
        read: gives a split by its name: `train`, `valid` or `test`.
        size: side to decode to, pixels.
        center_crop: share of the side that is kept around the centre.
        test: whether `test` is reported; else `valid` is, and `test` is not read.
        workers: decoding processes.
        cache: `ram` keeps the decoded images for the next look at them.

    Example:
        >>> from fra_zoo.data import create_dataset
        >>> data = EvaluationData(lambda split: create_dataset("synthetic-faces", split, size=16, count=8), 16)
        >>> data.reported, len(data.labelled("valid"))
        ('valid', 8)
    """

    def __init__(
        self,
        read: Callable[[str], FaceData],
        size: int,
        *,
        center_crop: float = 1.0,
        test: bool = False,
        workers: int = 0,
        cache: Cache = "none",
    ) -> None:
        self.size, self.center_crop, self.workers = size, center_crop, workers
        self.cache: Cache = cache
        self.splits = ("train", "valid", "test") if test else ("train", "valid")
        self._read = read
        self._faces: dict[str, FaceData] = {}
        self._labelled: dict[str, FaceData] = {}
        self._loaders: list[tuple[FaceData, FaceLoader]] = []

    @property
    def reported(self) -> str:
        """The split whose numbers count."""
        return self.splits[-1]

    def faces(self, split: str) -> FaceData:
        """All faces of a split."""
        if split not in self._faces:
            self._faces[split] = self._read(split)
        return self._faces[split]

    def labelled(self, split: str) -> FaceData:
        """Those that have a label; raises `FraZooError` if none has."""
        if split not in self._labelled:
            faces = self.faces(split)
            labelled = faces.labelled()
            labelled = faces if len(labelled) == len(faces) else labelled
            if split != "train" and "train" in self._labelled:  # classes meet by name, not by number
                labelled = labelled.in_space(self.classes("train"))
            self._labelled[split] = labelled
        return self._labelled[split]

    def classes(self, split: str) -> LabelSpace:
        """The classes of the labelled faces of a split."""
        labels = self.labelled(split).labels
        assert labels is not None
        return labels

    def loader(self, faces: FaceData, cache: Cache | None = None) -> FaceLoader:
        """Batches of some faces, in order; `cache` instead of that of these data.

        With several processes these are this one's batches, and `distributed_map` joins the results of all.
        """
        for known, loader in self._loaders:
            if known is faces:
                return loader
        shown = Faces(faces, self.size, self.center_crop)
        loader = shard_loader(shown, workers=self.workers, cache=cache or self.cache)
        if self.cache != "none":
            self._loaders.append((faces, loader))
        return loader


def some_faces(faces: FaceData, count: int, seed: int = 0) -> FaceData:
    """At most `count` rows, the same ones every time, in their order."""
    if len(faces) <= count:
        return faces
    order = torch.randperm(len(faces), generator=torch.Generator().manual_seed(seed))
    return faces.select(sorted(order[:count].tolist()))
