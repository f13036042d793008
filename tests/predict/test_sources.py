"""What may be predicted on, by type; nothing here needs a model."""

from __future__ import annotations

import io
import logging
import os

import numpy as np
import PIL.Image
import pytest
import torch

from fra_zoo.errors import FraZooError
from fra_zoo.predict.sources import frames

PIXELS = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)


@pytest.fixture
def photo(tmp_path):
    file = tmp_path / "photos" / "a.png"
    file.parent.mkdir()
    PIL.Image.fromarray(PIXELS).save(file)
    return file


def test_a_file_like_object_is_one_image(photo):
    content = photo.read_bytes()
    upload = io.BytesIO(content)
    upload.seek(0, os.SEEK_END)

    class Stream:  # such as the answer of a server: it cannot go back
        def read(self):
            return content

    with open(photo, "rb") as file:
        for source in (upload, file, Stream(), memoryview(content), bytearray(content)):
            (frame,) = frames(source)
            assert np.array_equal(frame.pixels, PIXELS)
        assert next(iter(frames(file))).source == str(photo)
    (frame,) = frames(io.BytesIO(b"no image\nat all"))
    assert frame.error == "not an image, or of a format that is not read here"
    with pytest.raises(FraZooError, match=r"gives str instead of bytes; open it with mode 'rb'"):
        list(frames(io.StringIO("text")))


def test_lists_and_iterators_keep_their_items_apart(photo):
    content = photo.read_bytes()
    names = [frame.source for frame in frames([str(photo), content, PIXELS, np.stack([PIXELS, PIXELS])])]
    assert names == [str(photo), "image 1", "image 2", "image 3.0", "image 3.1"]
    assert len(list(frames(PIXELS for _ in range(3)))) == 3
    missing, there = frames([photo.parent / "gone.png", photo])
    assert "no such file or folder" in missing.error
    assert there.error is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"a": 1}, "cannot predict on a dict"),
        ({b"x"}, "cannot predict on a set"),
        (None, "cannot predict on a NoneType"),
        ([3], r"cannot predict on a int \(image 0 of a list\)"),
        ([["a.png"]], r"cannot predict on a list \(image 0 of a list\)"),
        ("", "the photo, folder or video is empty"),
        ("  ", "the photo, folder or video is empty"),
        (["a.png", ""], "image 1 of the list is empty"),
        ("https://example.org/a.jpg", "download it first"),
        ("a" * 300 + ".png", "no such file or folder"),
        (torch.full((3, 4, 4), float("nan")), "float tensors must lie between 0 and 1"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), "tensors must be of uint8"),
        (torch.zeros(3, 0, 4), "tensors must be"),
        (np.zeros((0, 4, 3), np.uint8), "arrays must be"),
    ],
)
def test_anything_else_is_one_line(source, expected, monkeypatch, photo):
    monkeypatch.chdir(photo.parent)
    with pytest.raises(FraZooError, match=expected) as caught:
        list(frames(source))
    assert "\n" not in str(caught.value)


def test_what_a_folder_leaves_out_is_said(photo, caplog):
    for name in ("notes.txt", "clip.mp4", ".hidden"):
        (photo.parent / name).write_bytes(b"x")
    with caplog.at_level(logging.WARNING):
        assert len(list(frames(photo.parent))) == 1
    assert "1 .mp4, 1 .txt (clip.mp4, notes.txt)" in caplog.text
    photo.unlink()
    with pytest.raises(
        FraZooError, match=r"no image .* under .*; 2 file\(s\) that are no image are left out: 1 .mp4, 1 .txt"
    ):
        list(frames(photo.parent))


def test_what_is_not_wanted_is_not_read(photo):
    photo.with_name("b.png").write_bytes(photo.read_bytes())
    asked = []

    def wanted(source, number, stamp):
        asked.append((os.path.basename(source), number, stamp[0]))
        return source.endswith("b.png")

    assert [os.path.basename(frame.source) for frame in frames(photo.parent, wanted=wanted)] == ["b.png"]
    assert asked == [(name, None, photo.stat().st_size) for name in ("a.png", "b.png")]
