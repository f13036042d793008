"""A dataset's rows as decoded faces: what a loader's workers and threads call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fra_zoo.data.dataset import FaceData
from fra_zoo.data.disk.columns import label_numbers
from fra_zoo.data.pixels.images import UNREADABLE, decode, image_name
from fra_zoo.errors import FraZooError

COLUMNS = ("label", "votes", "target")
TEXT = "text"
PIXEL_COLUMNS = ("image", "box", "center_crop")  # those that decide the pixels
_MAX_NEIGHBOURS = 100


class Faces(Dataset[dict[str, Any]]):
    """Map-style decoding of a `FaceData`; a bad image gives its place to the next readable one.

    Items hold `image` uint8 (3, size, size), `index`, `bad` (the row that could not be read, or -1) and the data's
    `label`, `votes`, `target` and `text`. A row's own `box` and `center_crop` say what is cut out (`decode`).
    """

    def __init__(self, data: FaceData, size: int, center_crop: float = 1.0) -> None:
        self.data, self.size, self.center_crop = data, size, center_crop
        self._rows = data.dataset
        self._pixels = self._rows.select_columns([name for name in PIXEL_COLUMNS if name in self._rows.column_names])
        present = [name for name in COLUMNS if name in self._rows.column_names]
        if data.labels is None and "label" in present and not self._rows.features["label"].dtype.startswith("int"):
            present.remove("label")  # words that nobody gave a meaning
        self.columns = {name: self._numbers(name) for name in present}
        texts = self._rows[TEXT][:] if TEXT in self._rows.column_names else None
        self.texts: list[str] | None = None if texts is None else [text or "" for text in texts]

    def __len__(self) -> int:
        return len(self.data)

    def _numbers(self, name: str) -> Tensor:
        if name == "label":
            return torch.from_numpy(label_numbers(self._rows, f"dataset '{self.data.name}' {self.data.split}"))
        values = self._rows.with_format(None)[name][:]
        width = next((len(value) for value in values if value is not None), 0)
        try:
            return torch.as_tensor([[0] * width if value is None else value for value in values])
        except (TypeError, ValueError) as error:
            raise FraZooError(
                f"dataset '{self.data.name}' {self.data.split}: column '{name}' is not {width} numbers in every row "
                f"({error}); fix the rows that differ"
            ) from error

    def __getitem__(self, row: int) -> dict[str, Any]:
        return self._item(row, None)

    def __getitems__(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Several rows, read out of the table at once."""
        try:
            table = self._pixels[list(rows)]
        except UNREADABLE:  # of a table that decodes by itself: one by one
            return [self[row] for row in rows]
        contents = ({name: column[place] for name, column in table.items()} for place in range(len(rows)))
        return [self._item(row, content) for row, content in zip(rows, contents, strict=True)]

    def _item(self, row: int, content: dict[str, Any] | None) -> dict[str, Any]:
        why = ""
        for readable in range(row, row + _MAX_NEIGHBOURS):
            readable %= len(self)
            try:
                found = self._pixels[readable] if content is None else content
                crop = found.get("center_crop") or self.center_crop
                image = decode(found["image"], self.size, crop, found.get("box"))
            except UNREADABLE as error:
                why, content = why or str(error), None
                continue
            item = {"image": image, "index": readable, "bad": -1 if readable == row else row}
            item |= {name: column[readable] for name, column in self.columns.items()}
            return item if self.texts is None else item | {TEXT: self.texts[readable]}
        raise FraZooError(f"{_MAX_NEIGHBOURS} images in a row are unreadable, from {self.name(row)} on: {why}")

    def name(self, row: int) -> str:
        """The file or row of an image."""
        return image_name(self._rows[row]["image"], row)
