"""A photo in, faces with embeddings out."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch

from fra_zoo.config.fields import COUNT, MARGIN, checked
from fra_zoo.errors import FraZooError
from fra_zoo.models.zoo import backbones
from fra_zoo.predict.face_model import FaceModel, load_model
from fra_zoo.predict.frame_stride import Every
from fra_zoo.predict.results import Embeddings
from fra_zoo.predict.table_files import arrow_table

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS = ("source", "frame", "seconds", "face", "x", "y", "width", "height", "score", "vector", "error")


class Embedder(FaceModel):
    """Embeddings of the faces in photos and videos: vectors for search, clustering or a classifier of your own.

    Args:
        model: a name of the zoo or of timm that has weights, a run folder or an export, or
            `hf-hub:ORG/NAME[@REVISION]`. By default the pre-trained backbone that comes with the package.
        detector: as for `fra_zoo.Predictor`; `none` takes images whole.
        margin, align: as for `fra_zoo.Predictor`.
        batch_size: faces in a pass.
        device: by default the GPU if there is one.

    Raises:
        FraZooError: if the model cannot be loaded, has no weights, or holds or answers what is not finite.

    Example:
        >>> embedder = fra_zoo.Embedder()
        >>> (photo,) = embedder("photo.jpg")
        >>> photo.faces[0].vector.shape
        torch.Size([512])
    """

    @checked
    def __init__(
        self,
        model: str | Path | None = None,
        *,
        detector: Any = "auto",
        margin: Annotated[float | None, MARGIN] = None,
        align: bool | None = None,
        batch_size: Annotated[int, COUNT] = 64,
        device: str | torch.device | None = None,
    ) -> None:
        name = str(default_backbone() if model is None else model)
        super().__init__(
            load_model(name), name, detector=detector, margin=margin, align=align, batch_size=batch_size, device=device
        )

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides the embedding of a face: weights, how it is cut out and shown."""
        return self.hash_of("embedding")

    def __call__(self, source: Any) -> list[Embeddings]:
        """The embeddings of a source (see `fra_zoo.predict.sources.frames`), all at once."""
        return list(self.embed(source))

    def dataset(self, source: Any, *, every: Every = 1) -> Dataset:
        """The same as a table in memory: a row a face, with `source`, box, `score` and `vector`.

        Of what `fra-zoo embed` wrote, `datasets.Dataset.from_parquet(FILE)` gives it.
        """
        from datasets import Dataset

        rows = [row for one in self.embed(source, every=every) for row in one.rows()]
        return Dataset(arrow_table(COLUMNS, rows))


def default_backbone() -> str:
    """The name of the backbone that comes with the package; `FraZooError` if none does."""
    first = next(iter(backbones()), None)
    if first is None:
        raise FraZooError(
            "no backbone comes with the package; give a model: a name with weights, a run folder, an export, or "
            "hf-hub:ORG/NAME"
        )
    return first


def embeddings_entry(one: Embeddings) -> dict[str, Any]:
    """What a journal keeps of embeddings: their rows, in which a vector is the base64 of its bytes."""
    return {"rows": [_changed(row, lambda vector: base64.b64encode(vector.tobytes()).decode()) for row in one.rows()]}


def embedding_rows(entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of a journal's entries, all with the same columns; a vector is an array again."""
    for entry in entries:
        for row in entry["rows"]:
            row = _changed(row, lambda text: np.frombuffer(base64.b64decode(text), np.float32))
            yield {name: row.get(name) for name in COLUMNS}


def _changed(row: dict[str, Any], change: Any) -> dict[str, Any]:
    return {name: change(value) if name == "vector" else value for name, value in row.items()}
