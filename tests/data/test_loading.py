"""Loading: order, sharding, caching, bad images, streams."""

from __future__ import annotations

import multiprocessing

import numpy as np
import PIL.Image
import pytest
import torch
from datasets import Dataset, Features, Image, Value

from fra_zoo.data import create_dataset
from fra_zoo.data.dataset import FaceData
from fra_zoo.data.disk.columns import label_numbers
from fra_zoo.data.loading import FaceLoader, Faces
from fra_zoo.data.pixels.images import decode
from fra_zoo.errors import FraZooError
from fra_zoo.labels import FERPLUS
from fra_zoo.labels.votes import NO_LABEL


@pytest.fixture(scope="module")
def data():
    return create_dataset("synthetic-faces", "train", count=50, size=16)


def rows(batches):
    return [batch["index"].tolist() for batch in batches]


def test_two_processes_take_the_batches_of_one(data):
    faces = Faces(data, 16)
    one = rows(FaceLoader(faces, 8, seed=5).epoch(3))
    parts = [rows(FaceLoader(faces, 4, rank=rank, world=2, seed=5).epoch(3)) for rank in range(2)]
    assert one == [a + b for a, b in zip(*parts, strict=True)]
    assert len(one) == 6
    assert len({row for batch in one for row in batch}) == 48


def test_an_epoch_can_start_in_the_middle_and_epochs_differ(data):
    loader = FaceLoader(Faces(data, 16), 8)
    assert rows(loader.epoch(1, start=4)) == rows(loader.epoch(1))[4:]
    assert rows(loader.epoch(1)) != rows(loader.epoch(2))


@pytest.mark.parametrize("options", [{"cache": "ram"}, {"workers": 2}, {"cache": "ram", "workers": 2}])
def test_caches_and_workers_give_the_same_batches(data, options):
    plain = list(FaceLoader(Faces(data, 16), 8).epoch(0))
    other = list(FaceLoader(Faces(data, 16), 8, **options).epoch(0))
    for a, b in zip(plain, other, strict=True):
        for name in ("image", "index", "key", "label", "votes"):
            assert a[name].equal(b[name])


def test_decoding_processes_live_on_and_an_epoch_may_be_left_early(data):
    loader, plain = FaceLoader(Faces(data, 16), 8, workers=2), FaceLoader(Faces(data, 16), 8)
    left = loader.epoch(0)
    next(left)
    children = {child.pid for child in multiprocessing.active_children()}
    for epoch, start in ((0, 2), (1, 0), (1, 0), (2, 5)):
        ours, expected = list(loader.epoch(epoch, start)), list(plain.epoch(epoch, start))
        assert rows(ours) == rows(expected)
        assert all(a["image"].equal(b["image"]) for a, b in zip(ours, expected, strict=True))
    assert len(children) == 2
    assert {child.pid for child in multiprocessing.active_children()} == children


def test_without_shuffling_every_face_comes_once(data):
    batches = rows(FaceLoader(Faces(data, 16), 8, shuffle=False).epoch(0))
    assert [row for batch in batches for row in batch] == list(range(50))


def test_balanced_draws(data):
    faces = Faces(data.labelled(), 16)
    loader = FaceLoader(faces, 8, sampling="balanced")
    drawn = torch.cat([batch["label"] for epoch in range(60) for batch in loader.epoch(epoch)])
    present = faces.columns["label"].unique()
    share = torch.bincount(drawn, minlength=8)[present].float() / len(drawn)
    torch.testing.assert_close(share, torch.full_like(share, 1 / len(present)), atol=0.03, rtol=0)
    keys = torch.cat([batch["key"] for batch in loader.epoch(0)])
    assert len(keys.unique()) == len(keys)  # a face that is drawn twice gets two different views


@pytest.fixture
def folder_with_bad_images(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(12):
        PIL.Image.fromarray(rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(tmp_path / f"{number:02d}.png")
    whole = (tmp_path / "03.png").read_bytes()
    (tmp_path / "03.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "07.png").write_text("no image at all")
    return create_dataset("imagefolder", "train", str(tmp_path))


@pytest.mark.parametrize("cache", ["none", "ram"])
def test_bad_images_are_skipped_counted_and_named(folder_with_bad_images, cache):
    loader = FaceLoader(Faces(folder_with_bad_images, 8), 6, cache=cache, bad_limit=0.5)
    batches = list(loader.epoch(0))
    assert all(len(batch["image"]) == 6 for batch in batches)
    assert not {3, 7} & {row for batch in rows(batches) for row in batch}
    assert loader.bad.report().startswith("2 unreadable image(s) were skipped: ")
    assert "03.png" in loader.bad.report()


def test_too_many_bad_images_stop_the_run(folder_with_bad_images):
    loader = FaceLoader(Faces(folder_with_bad_images, 8), 6)
    with pytest.raises(FraZooError, match=r"unreadable image\(s\).*more than 1\.0% of 12"):
        list(loader.epoch(0))


def test_decode_stretches_and_crops():
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[10:30, 20:40] = 200
    assert decode(PIL.Image.fromarray(pixels), 16).shape == (3, 16, 16)
    assert decode(PIL.Image.fromarray(pixels), 8, center_crop=0.5)[:, 1:7, 1:7].unique().tolist() == [200]


def test_rows_without_image_label_or_text(tmp_path):
    image = {"bytes": None, "path": str(tmp_path / "0.png")}
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    columns = {"image": [image, None, image], "label": [1, 0, None], "text": ["a", "b", None]}
    features = Features({"image": Image(decode=False), "label": Value("int64"), "text": Value("string")})
    data = FaceData(Dataset.from_dict(columns, features=features), "odd", "train", FERPLUS, "", "")
    faces = Faces(data, 8)
    assert faces.columns["label"].tolist() == [1, 0, NO_LABEL]
    assert (faces[1]["bad"], faces[1]["index"]) == (1, 2)
    assert faces[2]["text"] == ""
    assert faces.name(1) == "row 1"
    assert data.labelled().dataset["label"][:] == [1, 0]
    assert data.for_scheme("majority").dataset["label"][:] == [1, 0]
    (batch,) = FaceLoader(faces, 3, shuffle=False, cache="ram", bad_limit=0.5).epoch(0)
    assert batch["bad"].tolist() == [-1, 1, -1]


@pytest.mark.parametrize("labels", [[1.0, None, 2.0], [1.0, float("nan"), 2.0]])
def test_labels_that_a_table_made_floats(labels):
    table = Dataset.from_dict({"label": labels})
    assert label_numbers(table, "some").tolist() == [1, NO_LABEL, 2]
    with pytest.raises(FraZooError, match=r"some, row 0: label 1\.5 is not a whole number"):
        label_numbers(Dataset.from_dict({"label": [1.5]}), "some")
    with pytest.raises(FraZooError, match="some, row 0: label 'happy' is not a whole number"):
        label_numbers(Dataset.from_dict({"label": ["happy"]}), "some")
