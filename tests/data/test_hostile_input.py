"""Files that are not what they seem: none starts a program, fills the memory, or reads what it should not."""

from __future__ import annotations

import gzip
import io
import tarfile

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fra_zoo.data.disk.labelling import parsed_labels, said_labelling
from fra_zoo.data.pixels import opening
from fra_zoo.data.pixels.images import decode
from fra_zoo.data.pixels.opening import UnreadableImage, open_rgb
from fra_zoo.data.stream import tars
from fra_zoo.data.stream.shards import _parquet_row, files_under
from fra_zoo.errors import FraZooError


def test_postscript_is_no_image(tmp_path):
    (tmp_path / "photo.jpg").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    with pytest.raises(UnreadableImage, match="not an image"):
        open_rgb(str(tmp_path / "photo.jpg"))


def test_more_pixels_than_are_opened_are_one_line(monkeypatch):
    monkeypatch.setattr(opening, "MOST_PIXELS", 100)
    out = io.BytesIO()
    PIL.Image.new("RGB", (20, 20)).save(out, "png")
    with pytest.raises(UnreadableImage, match="20 x 20 pixels, more than 100"):
        open_rgb(out.getvalue())


@pytest.mark.parametrize("form", ["tga", "png"])
def test_a_fourth_byte_that_nobody_filled_is_no_transparency(form):
    pixels = np.full((8, 8, 4), 90, np.uint8)
    pixels[..., 3] = 0
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, form)
    expected = 90 if form == "tga" else 255  # a PNG says that it is transparent
    assert np.asarray(open_rgb(out.getvalue())).mean() == expected


def test_a_box_may_be_in_shares_of_the_sides():
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[50:, 100:] = 200
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, "png")
    image = {"bytes": out.getvalue(), "path": None}
    assert decode(image, 16, box=(0.5, 0.5, 0.5, 0.5)).float().mean() == 200
    assert decode(image, 16, box=(100, 50, 100, 50)).float().mean() == 200


def test_linked_folders_of_shards_are_read_once(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "disk").mkdir()
    for folder in ("data", "disk"):
        pq.write_table(pa.table({"image": [b""]}), tmp_path / folder / f"{folder}.parquet")
    (tmp_path / "data" / "more").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "back").symlink_to(tmp_path / "data")
    names = [file.rsplit("/", 1)[1] for file in files_under(tmp_path / "data", (".parquet",))]
    assert names == ["data.parquet", "disk.parquet"]


def test_a_row_from_elsewhere_does_not_read_a_file_of_this_machine():
    from fra_zoo.data.disk.labelling import NO_LABELLING

    part = {"image": {"bytes": None, "path": "/etc/hostname"}}
    assert "fault" in _parquet_row(3, part, NO_LABELLING, None)
    assert _parquet_row(3, part, NO_LABELLING, "/data")["image"]["path"] == "/etc/hostname"


def test_a_shard_that_grows_without_end_is_a_fault(monkeypatch):
    monkeypatch.setattr(tars, "MOST_BYTES", 1 << 20)
    with pytest.raises(ValueError, match="more than 1 MiB"):
        tars.uncompressed(gzip.compress(bytes(2 << 20)))
    monkeypatch.setattr(tars, "MOST_MEMBER_BYTES", 10)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("a.png")
        info.size = 20
        archive.addfile(info, io.BytesIO(bytes(20)))
    with pytest.raises(ValueError, match=r"a\.png claims 20 bytes"):
        tars.tar_rows(out.getvalue(), tars.Labelling())


@pytest.mark.parametrize("labels", ["{smile: happiness, 0: neutral}", {"smile": "happiness", 0: "neutral"}])
def test_labels_may_be_a_map_as_text(labels):
    labelling = said_labelling(labels, "faces")
    assert labelling.space.classes == ("happiness", "neutral")
    assert [labelling.number(value) for value in ("smile", 0, "0", "other")] == [0, 1, 1, -1]
    with pytest.raises(FraZooError, match="is no map or list"):
        parsed_labels("{smile: [", "faces")
