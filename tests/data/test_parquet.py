"""Parquet files as people have them: split folders, other columns, nulls, labels of every kind, broken files."""

from __future__ import annotations

import io
import json

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Image, Value

from fra_zoo.data import create_dataset
from fra_zoo.data.disk.folders import of_split
from fra_zoo.data.inspect import inspect
from fra_zoo.data.loading import Faces
from fra_zoo.data.splits import checksum
from fra_zoo.errors import FraZooError
from fra_zoo.labels.votes import NO_LABEL

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 1234\n"
NAMES = ["happy", "sad"]


def png(number=0):
    pixels = np.random.default_rng(number).integers(0, 255, (9, 9, 3), dtype=np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def write(file, columns, features=None):
    """With HF Datasets' features if they are given, else plain, as pandas and Spark write."""
    file.parent.mkdir(parents=True, exist_ok=True)
    table = Dataset.from_dict(columns, features=features).data.table if features else pa.table(columns)
    pq.write_table(table, file)
    return file


def pictures(count=4):
    return [{"bytes": png(n), "path": None} for n in range(count)]


def read(root, split="train", **options):
    return create_dataset("parquet", split, str(root), **options)


def labels(data):
    return data.dataset["label"][:]


@pytest.mark.parametrize(
    ("files", "train", "test"),
    [
        (["train/0.parquet", "test/0.parquet"], [0], [1]),
        (["default/train/0.parquet", "default/test/0.parquet"], [0], [1]),
        (["train/test-0.parquet", "test/train-0.parquet"], [0], [1]),
        (["train/celeb-test/0.parquet", "test/celeb-test/0.parquet"], [0], [1]),
        (["data/train-0.parquet", "data/test-0.parquet"], [0], [1]),
        (["partial-train/0.parquet", "partial-test/0.parquet"], [0], [1]),
        (["faces_train.tar", "faces_test.tar"], [0], [1]),
        (["Train/0.parquet", "TEST/0.parquet"], [0], [1]),
        (["trainer.parquet", "testimony.parquet"], [0, 1], []),
        (["0.parquet", "1.parquet"], [0, 1], []),
        (["https://h/test/a/train/0.tar", "https://h/test/a/test/0.tar"], [0], [1]),
    ],
)
def test_folders_decide_the_split_then_names(files, train, test):
    assert of_split(files, "train") == [files[n] for n in train]
    assert of_split(files, "test") == [files[n] for n in test]


def test_folders_above_the_root_say_nothing(tmp_path):
    write(tmp_path / "test/faces/0.parquet", {"image": pictures(3)})
    assert len(read(tmp_path / "test/faces")) == 3
    write(tmp_path / "test/faces/.ipynb_checkpoints/1.parquet", {"image": pictures(1)})
    write(tmp_path / "test/faces/TRAIN/._0.parquet", {"image": pictures(1)})
    assert len(read(tmp_path / "test/faces")) == 3


def test_rows_without_an_image_are_left_out_and_said(tmp_path):
    images = [pictures(1)[0], None, {"bytes": None, "path": None}, {"bytes": b"", "path": ""}, pictures(2)[1]]
    write(tmp_path / "a.parquet", {"image": images, "label": [0, 1, 1, 1, 1]})
    data = read(tmp_path, labels=NAMES)
    assert labels(data) == [0, 1]
    assert data.problems == ("3 row(s) have no image and are left out, by number: 1, 2, 3",)
    assert Faces(data, 8)[1]["label"] == 1
    assert len(checksum(data)) == 64
    assert "3 row(s) have no image" in "\n".join(inspect(tmp_path).lines())


@pytest.mark.parametrize("form", ["struct", "bytes", "large bytes", "path", "path in struct", "bytes alone"])
def test_images_of_every_form(tmp_path, form):
    (tmp_path / "faces").mkdir()
    for n in range(2):
        (tmp_path / f"faces/{n}.png").write_bytes(png(n))
    paths, contents = [f"faces/{n}.png" for n in range(2)], [png(n) for n in range(2)]
    column = {
        "struct": pa.array([{"path": "x.png", "bytes": content} for content in contents]),
        "bytes": pa.array(contents),
        "large bytes": pa.array(contents, pa.large_binary()),
        "path": pa.array(paths),
        "path in struct": pa.array([{"bytes": None, "path": path} for path in paths]),
        "bytes alone": pa.array([{"bytes": content} for content in contents]),
    }[form]
    write(tmp_path / "train.parquet", {"img": column})
    faces = Faces(read(tmp_path, image="img"), 9)
    for n in range(2):
        expected = np.asarray(PIL.Image.open(io.BytesIO(png(n)))).transpose(2, 0, 1)
        assert np.array_equal(faces[n]["image"].numpy(), expected)


def test_columns_that_have_our_names_and_are_something_else(tmp_path):
    features = Features({"pixel_values": Image(), "image": Value("string"), "emotion": ClassLabel(names=NAMES),
                         "label": Value("string"), "votes": Value("string"), "box": Value("string")})  # fmt: skip
    columns = {"pixel_values": pictures(), "image": list("abcd"), "emotion": [0, 1, 1, 0], "label": list("wxyz"),
               "votes": list("abcd"), "box": list("abcd")}  # fmt: skip
    write(tmp_path / "train.parquet", columns, features)
    data = read(tmp_path, image="pixel_values", label="emotion")
    assert sorted(data.dataset.column_names) == ["image", "label"]
    assert (labels(data), data.labels.classes) == ([0, 1, 1, 0], ("happy", "sad"))
    assert Faces(data, 8)[3]["label"] == 0


@pytest.mark.parametrize(
    ("column", "options", "expected"),
    [
        ([0, 1, None, 1], {"labels": NAMES}, [0, 1, NO_LABEL, 1]),
        ([0.0, 1.0, float("nan"), 1.0], {"labels": NAMES}, [0, 1, NO_LABEL, 1]),
        (["sad", "happy", None, "sad"], {"labels": NAMES}, [1, 0, NO_LABEL, 1]),
        (pa.array(["sad", "happy", "sad", "sad"]).dictionary_encode(), {"labels": NAMES}, [1, 0, 1, 1]),
        (["1", "0", "1", "1"], {"labels": NAMES}, [1, 0, 1, 1]),
        ([True, False, True, True], {"labels": NAMES}, [1, 0, 1, 1]),
        (["smile", "frown", "?", "smile"], {"labels": {"frown": "sad", "smile": "happy"}}, [1, 0, NO_LABEL, 1]),
        ([4, 0, 9, 4], {"labels": {"0": "neutral", "4": "joy"}}, [1, 0, NO_LABEL, 1]),
        ([3, 0, 1, 3], {"labels": "affectnet7"}, [3, 0, 1, 3]),
    ],
)
def test_labels_of_every_kind(tmp_path, column, options, expected):
    write(tmp_path / "train.parquet", {"image": pictures(), "label": column})
    assert labels(read(tmp_path, **options)) == expected


def test_names_in_the_file_go_before_numbers(tmp_path):
    features = Features({"image": Image(), "label": ClassLabel(names=["sadness", "neutral"])})
    write(tmp_path / "train.parquet", {"image": pictures(), "label": [0, 1, 1, 0]}, features)
    data = read(tmp_path, labels="affectnet7")
    assert [data.labels.classes[label] for label in labels(data)] == ["sadness", "neutral", "neutral", "sadness"]


def test_numbers_without_names_are_said(tmp_path):
    write(tmp_path / "train.parquet", {"image": pictures(), "label": [0, 6, 1, 0]})
    data = read(tmp_path)
    assert Faces(data, 8)[1]["label"] == 6
    assert data.problems[0].startswith("labels are numbers without names (0 to 6)")
    with pytest.raises(FraZooError, match="say what they mean"):
        data.labelled()
    write(tmp_path / "train.parquet", {"image": pictures(), "label": list("abab")})
    with pytest.raises(FraZooError, match=r"labels are words \(a, b\): say what they mean"):
        read(tmp_path).labelled()


def test_texts_with_gaps(tmp_path):
    write(tmp_path / "a.parquet", {"image": pictures(3), "text": ["one", None, "three"]})
    data = read(tmp_path)
    assert Faces(data, 8)[1]["text"] == ""
    assert data.with_texts().dataset["text"][:] == ["one", "three"]
    write(tmp_path / "a.parquet", {"image": pictures(3), "text": ["one", None, "three"], "label": [1, 1, 1]})
    assert read(tmp_path, labels="ferplus").with_texts().dataset["text"][1] == "a photo of a happy face"


BROKEN = {
    "pointer": (lambda file: file.write_text(POINTER), "0.parquet is a pointer of Git LFS .*git lfs pull"),
    "empty": (lambda file: file.write_bytes(b""), "0.parquet is empty"),
    "page": (lambda file: file.write_text("<!DOCTYPE html><p>log in"), "0.parquet is a web page"),
    "cut": (lambda file: file.write_bytes(file.read_bytes()[:400]), "0.parquet is no whole Parquet file"),
    "damaged inside": (lambda file: file.write_bytes(damaged(file.read_bytes())), "0.parquet is damaged"),
}


def damaged(content):
    return content[:4] + b"\xff" * 300 + content[304:]


@pytest.mark.parametrize("how", BROKEN)
def test_broken_files_are_named(tmp_path, how):
    for n in range(2):
        write(tmp_path / f"train-{n}.parquet", {"image": pictures(4), "label": [0, 1, 0, 1]})
    spoil, expected = BROKEN[how]
    spoil(tmp_path / "train-0.parquet")
    with pytest.raises(FraZooError, match=expected) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"image": pictures(1)}, "train-1.parquet has no column 'label' as .*train-0.parquet"),
        ({"image": pictures(1), "label": ["sad"]}, "has 'label' of string and not of int64"),
        ({"image": pictures(1), "label": [1], "text": ["a"]}, "has a column 'text', unlike"),
        ({"label": [1]}, "no column 'image'"),
    ],
)
def test_files_that_differ_are_named(tmp_path, second, expected):
    write(tmp_path / "train-0.parquet", {"image": pictures(1), "label": [0]})
    write(tmp_path / "train-1.parquet", second)
    with pytest.raises(FraZooError, match=expected):
        read(tmp_path)


def test_files_whose_class_names_differ_and_files_that_only_look_so(tmp_path):
    for n, names in enumerate((NAMES, NAMES[::-1])):
        features = Features({"image": Image(), "label": ClassLabel(names=names)})
        write(tmp_path / f"train-{n}.parquet", {"image": pictures(1), "label": [0]}, features)
    with pytest.raises(FraZooError, match="other class names, or another order"):
        read(tmp_path)
    write(tmp_path / "b/train-0.parquet", {"image": pictures(1), "label": pa.array([0], pa.int8()), "more": ["x"]})
    write(tmp_path / "b/train-1.parquet", {"image": pictures(1), "label": pa.array([1], pa.int64())})
    assert labels(read(tmp_path / "b", labels=NAMES)) == [0, 1]


@pytest.mark.parametrize(
    ("columns", "options", "expected"),
    [
        ({"img": pictures(1)}, {}, "no column 'image'; pictures are in img. Give image=COLUMN"),
        ({"image": [1]}, {}, "'image' holds int64, which is no image"),
        ({"image": pictures(1)}, {"label": "emotoin"}, "no column 'emotoin'"),
        ({"image": pictures(1)}, {"labels": NAMES}, "no column of labels"),
        ({"image": pictures(1), "label": [0]}, {"labels": "affectnet77"}, "did you mean 'affectnet7'"),
        ({"image": pictures(1), "label": [[0]], "x": [0]}, {"label": "image"}, "cannot be both label and another"),
        ({"image": pictures(1), "label": ["joy"]}, {"labels": NAMES}, "row 0: label 'joy' is no class number and"),
        ({"image": pictures(1), "label": [0.5]}, {"labels": NAMES}, "row 0: label '0.5' is no class number"),
    ],
)
def test_columns_that_do_not_fit_are_named(tmp_path, columns, options, expected):
    write(tmp_path / "a.parquet", columns)
    with pytest.raises(FraZooError, match=expected):
        read(tmp_path, **options)


def test_a_folder_whose_name_is_a_pattern(tmp_path):
    write(tmp_path / "faces[1]*/a.parquet", {"image": pictures(2)})
    assert len(read(tmp_path / "faces[1]*")) == 2


def test_a_broken_dataset_json_is_named(tmp_path):
    write(tmp_path / "a.parquet", {"image": pictures(1), "label": [0]})
    (tmp_path / "dataset.json").write_text(json.dumps({"classes": NAMES, "label_space": "two"}))
    assert read(tmp_path).labels.classes == ("happy", "sad")
    for content, expected in (("{", "is no whole JSON"), (POINTER, "git lfs pull"), ("[]", "where an object is due")):
        (tmp_path / "dataset.json").write_text(content)
        with pytest.raises(FraZooError, match=f"dataset.json .*{expected}"):
            read(tmp_path)
