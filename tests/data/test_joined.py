"""Several datasets as one."""

from __future__ import annotations

import json

import numpy as np
import PIL.Image
import pytest
import torch

from fra_zoo.data import create_dataset
from fra_zoo.data.identity import identity
from fra_zoo.data.loading import Faces
from fra_zoo.errors import FraZooError
from fra_zoo.train.pretrain import pretrain

DRAWN = {"name": "synthetic-faces", "count": 12, "size": 16}


@pytest.fixture
def framed(tmp_path):
    """Three pictures whose central half is white and whose frame is black, in train alone."""
    picture = np.zeros((40, 40, 3), dtype=np.uint8)
    picture[10:30, 10:30] = 255
    for name in ("a", "b", "c"):
        file = tmp_path / "framed" / "train" / "happy" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(picture).save(file)
    return tmp_path


def test_faces_follow_one_another_and_each_part_is_cut_by_its_own_share(framed):
    parts = [{"name": "imagefolder", "root": "framed", "center_crop": 0.5}, DRAWN]
    data = create_dataset("joined", "train", str(framed), parts=parts)
    assert len(data) == 3 + 12
    assert data.labels is None
    assert set(data.dataset.column_names) == {"image", "center_crop"}
    faces = Faces(data, 16)
    assert faces[0]["image"].min() > 200  # the frame is cut off, but for what the filter sees of it
    whole = Faces(create_dataset("synthetic-faces", "train", count=12, size=16), 16)
    assert all(torch.equal(faces[3 + row]["image"], whole[row]["image"]) for row in range(12))
    assert "unknown" in data.license


def test_the_share_is_part_of_what_a_run_goes_on_with(framed):
    def told(share):
        parts = [{"name": "imagefolder", "root": "framed", "center_crop": share}, DRAWN]
        return identity(create_dataset("joined", "train", str(framed), parts=parts))

    assert told(0.5) == told(0.5) != told(0.6)


def test_labels_stay_where_all_parts_have_the_same_classes():
    data = create_dataset("joined", "valid", parts=[DRAWN, DRAWN | {"count": 5}])
    alone = create_dataset("synthetic-faces", "valid", count=12, size=16)
    assert data.labels == alone.labels is not None
    assert data.dataset["label"][: len(alone)] == alone.dataset["label"][:]
    assert "votes" in data.dataset.column_names


def test_labels_are_joined_by_their_names(framed):
    (framed / "other" / "train" / "sad").mkdir(parents=True)
    (framed / "other" / "train" / "happy").mkdir()
    for name in ("sad/a.png", "happy/b.png"):
        PIL.Image.new("RGB", (8, 8)).save(framed / "other" / "train" / name)
    (framed / "framed" / "train" / "sad").mkdir()
    PIL.Image.new("RGB", (8, 8)).save(framed / "framed" / "train" / "sad" / "d.png")
    classes = {"happy": "happiness", "sad": "sadness"}
    back = {"sad": "sadness", "happy": "happiness"}
    parts = [
        {"name": "imagefolder", "root": "framed", "labels": classes},
        {"name": "imagefolder", "root": "other", "labels": back},
    ]
    data = create_dataset("joined", "train", str(framed), parts=parts)
    assert data.labels is not None
    assert data.labels.classes == ("happiness", "sadness")
    assert data.dataset["label"][:] == [0, 0, 0, 1, 0, 1]


def test_a_part_without_the_split_is_left_out_and_said(framed):
    parts = [{"name": "imagefolder", "root": "framed"}, DRAWN]
    data = create_dataset("joined", "valid", str(framed), parts=parts)
    assert len(data) == len(create_dataset("synthetic-faces", "valid", count=12, size=16))
    assert any("imagefolder" in line and "valid" in line for line in data.problems)
    with pytest.raises(FraZooError, match="no part has a split 'valid'"):
        create_dataset("joined", "valid", str(framed), parts=parts[:1])


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], "needs its parts"),
        ("ferplus", "needs its parts"),
        ([{"root": "x"}], "part 0: give it the name"),
        ([{"name": "joined"}], "part 0: give it the name of another dataset"),
        ([DRAWN, {"name": "ferplos"}], "ferplus"),
        ([DRAWN | {"center_crop": 1.5}], "center_crop of part 0 .* at most 1"),
        ([{"name": "lfw", "root": "nowhere"}], "no such folder"),
    ],
)
def test_a_wrong_part_is_one_line(tmp_path, parts, said):
    with pytest.raises(FraZooError, match=said) as error:
        create_dataset("joined", "train", str(tmp_path), parts=parts)
    assert "\n" not in str(error.value)


def test_pretraining_on_joined_faces(framed, tmp_path):
    parts = json.dumps({"parts": [{"name": "imagefolder", "root": "framed", "center_crop": 0.5}, DRAWN]})
    words = ["--dataset", "joined", "--root", str(framed), "--dataset_args", parts]
    words += ["--backbone", "test_resnet", "--backbone_args", '{"output_stride": 8}']
    words += ["--method", "byol", "--image_size", "32", "--batch_size", "5", "--epochs", "1", "--dim", "16"]
    run = pretrain([*words, "--hidden_dim", "16", "--tracker", "none", "--output", str(tmp_path / "run")])
    assert (run.export / "model.safetensors").is_file()
    assert str(framed) not in (run.path / "training.json").read_text()
