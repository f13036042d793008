"""Tar files as people have them: compressed, with dots in names, with samples that are damaged."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fra_zoo.data import create_dataset
from fra_zoo.data.disk.labelling import NO_LABELLING, labelling_of
from fra_zoo.data.stream.shards import braces, find_shards
from fra_zoo.data.stream.streaming import ShardLoader
from fra_zoo.data.stream.tars import FAULT, tar_rows
from fra_zoo.errors import FraZooError
from fra_zoo.labels import FERPLUS


def png(number=0):
    pixels = np.random.default_rng(number).integers(0, 255, (9, 9, 3), dtype=np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def tar(entries, mode="w"):
    """Bytes of a tar; an entry is a name (of a picture) or a name and its content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for entry in entries:
            name, content = (entry, png()) if isinstance(entry, str) else entry
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def loader(root, batch=4, steps=1000, **options):
    data = create_dataset("shards", "train", str(root), streaming=True, **options)
    return ShardLoader(data, 8, batch, steps)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["face.0001.png", "face.0002.png"], ["face.0001.png", "face.0002.png"]),
        (["A.J._Cook.jpg", "Ann_Lee.jpg"], ["A.J._Cook.jpg", "Ann_Lee.jpg"]),
        (["0001.png", "0001.seg.png", "0002.png"], ["0001.png", "0002.png"]),
        (["0001.rgb.png", ("0001.cls", b"3"), "0002.rgb.png", ("0002.cls", b"4")], ["0001.rgb.png", "0002.rgb.png"]),
        (["a/1.png", "b/1.png", "._1.png", "__MACOSX/2.png", "./3.PNG"], ["a/1.png", "b/1.png", "./3.PNG"]),
        (["v1.2/0.png", "v1.2/1.png"], ["v1.2/0.png", "v1.2/1.png"]),
    ],
)
def test_dots_in_names(entries, expected):
    assert [row["image"]["path"] for row in tar_rows(tar(entries), NO_LABELLING)] == expected


def test_parts_stay_with_their_image_whatever_the_dots():
    entries = [(f"face.{n}.{end}", content) for n in range(3) for end, content in
               (("png", png(n)), ("txt", f"face {n}".encode()), ("cls", str(n).encode()))]  # fmt: skip
    rows = tar_rows(tar(entries), labelling_of(FERPLUS))
    assert [(row["label"], row["text"], row["image"]["bytes"]) for row in rows] == [
        (n, f"face {n}", png(n)) for n in range(3)
    ]
    (row,) = tar_rows(tar(["0.left.png", "0.right.png", ("0.cls", b"1")]), NO_LABELLING)
    assert "one label and several images" in row[FAULT]


@pytest.mark.parametrize("end", ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz", "tar.zst", "TAR"])
def test_compressed_tars_are_read(tmp_path, end):
    content = tar([f"{n}.png" for n in range(4)])
    kind = {"gz": "gzip", "tgz": "gzip", "bz2": "bz2", "zst": "zstd"}.get(end.rpartition(".")[2])
    if end == "tar.xz":
        content = tar([f"{n}.png" for n in range(4)], "w:xz")
    elif kind:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, kind) as stream:
            stream.write(content)
        content = sink.getvalue().to_pybytes()
    (tmp_path / f"faces-0.{end}").write_bytes(content)
    assert len(next(loader(tmp_path).epoch(0))["image"]) == 4


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (tar(["0.png", "1.png"])[:-11000], "unexpected end|damaged|empty"),
        (tar(["0.png"], "w:gz")[:-20], "EOFError"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"", "is empty"),
        (b"<html>log in</html>", "web page"),
        (tar([("a.npy", b"x")]), "holds no image .* but a.npy"),
        (b"rubbish" * 999, "ReadError"),
    ],
)
def test_broken_tars_are_named(tmp_path, content, expected):
    (tmp_path / "0.tar").write_bytes(content)
    with pytest.raises(FraZooError, match=f"no shard can be read; the last was .*0.tar.*({expected})"):
        next(loader(tmp_path).epoch(0))


def test_a_damaged_header_does_not_end_a_tar_silently():
    content = bytearray(tar([f"{n}.png" for n in range(4)]))
    content[2048 + 148 : 2048 + 156] = b"99999999"  # of the third member
    with pytest.raises(tarfile.TarError, match="damaged after 2 of its files"):
        tar_rows(bytes(content), NO_LABELLING)


BAD_SAMPLES = {
    "empty label": ("cls", b"", "its .cls is empty"),
    "no number": ("cls", b"joy", "label 'joy' is no class number"),
    "out of range": ("cls", b"8", "label 8 is outside label space 'ferplus'"),
    "no image": ("png", b"no picture", "x.png"),
    "empty image": ("png", b"", "x.png"),
}


@pytest.mark.parametrize("how", BAD_SAMPLES)
def test_one_bad_sample_is_skipped_alone_and_counted(tmp_path, how):
    end, content, expected = BAD_SAMPLES[how]
    entries = [(f"{n}.{e}", c) for n in range(5) for e, c in (("png", png(n)), ("cls", b"1"))]
    entries += [(f"x.{e}", content if e == end else c) for e, c in (("png", png(9)), ("cls", b"1"))]
    (tmp_path / "0.tar").write_bytes(tar(entries))
    ours = loader(tmp_path, 5, labels="ferplus")
    batches = ours.epoch(0)
    seen = {index for _ in range(2) for index in next(batches)["index"].tolist()}
    assert len(seen) == 5
    assert ours.report().startswith("1 unreadable image(s) were skipped")
    assert expected in ours.report()


def test_null_rows_of_a_parquet_shard_are_counted(tmp_path):
    images = [{"bytes": png(n), "path": None} for n in range(4)]
    images[1] = None
    pq.write_table(pa.table({"image": images, "label": [0, 1, None, 99]}), tmp_path / "0.parquet")
    ours = loader(tmp_path, 2, labels="ferplus")
    assert sorted(next(ours.epoch(0))["label"].tolist()) == [-1, 0]
    next(ours.epoch(0))
    assert "0.parquet: row 1 (no image)" in ours.report()
    assert "0.parquet: row 3 (label 99 is outside" in ours.report()


@pytest.mark.parametrize("content", [b"null", b"[]", b"3", b'{"caption": null}', b"{", b'{"caption": ["a"]}', b""])
def test_captions_that_failed(tmp_path, content):
    entries = [(f"{n}.{end}", c) for n in range(4) for end, c in (("png", png(n)), ("json", b'{"caption": "a"}'))]
    entries[-1] = (entries[-1][0], content)
    (tmp_path / "0.tar").write_bytes(tar(entries))
    assert len(next(loader(tmp_path).epoch(0))["image"]) == 4
    data = create_dataset("shards", "train", str(tmp_path), streaming=True).with_texts()
    ours = ShardLoader(data, 8, 3, 1000)
    stream = ours.epoch(0)
    assert [next(stream)["text"] for _ in range(2)] == [["a"] * 3] * 2
    assert "3.png (no text)" in ours.report()


def test_text_files_go_before_json_and_have_no_byte_order_mark():
    entries = ["0.png", ("0.txt", "\ufeffone".encode()), ("0.json", b'{"caption": "two"}'), ("0.cls", b"\xef\xbb\xbf3")]
    (row,) = tar_rows(tar(entries), NO_LABELLING)
    assert (row["text"], row["label"]) == ("one", 3)


def test_a_stream_without_a_readable_face_ends(tmp_path):
    (tmp_path / "0.tar").write_bytes(tar([(f"{n}.png", b"x" * n) for n in range(3)]))
    data = create_dataset("shards", "train", str(tmp_path), streaming=True)
    with pytest.raises(FraZooError, match="no face of a whole pass"):
        next(ShardLoader(data, 8, 2, 10, bad_limit=1.0).epoch(0))


def test_a_wrong_column_is_said_at_once(tmp_path):
    for n in range(2):
        pq.write_table(pa.table({"img": [{"bytes": png(), "path": None}]}), tmp_path / f"{n}.parquet")
    with pytest.raises(FraZooError, match="no column 'image'; pictures are in img"):
        next(loader(tmp_path).epoch(0))
    assert next(loader(tmp_path, 2, image="img").epoch(0))["image"].shape == (2, 3, 8, 8)


def test_lists_and_names(tmp_path):
    (tmp_path / "my faces {0}.tar").write_bytes(tar(["0.png"]))
    (tmp_path / "list.txt").write_text("\ufeff# ours\n\nmy faces {0}.tar\n")
    assert find_shards(str(tmp_path / "list.txt")) == [str(tmp_path / "my faces 0.tar")]
    assert find_shards(str(tmp_path / "my faces {0}.tar")) == [str(tmp_path / "my faces {0}.tar")]
    with pytest.raises(FraZooError, match="is no shard"):
        find_shards(str((tmp_path / "faces.zip").touch() or tmp_path / "faces.zip"))
    for wrong in ("a-{3..1}.tar", "a-{0..99999999}.tar", "a-{x..y}.tar"):
        with pytest.raises(FraZooError, match=r"write it like \{00000..00127\}"):
            braces(wrong)
