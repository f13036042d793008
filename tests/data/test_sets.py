"""Datasets: layouts, counts, labels."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset

from fra_zoo.data import create_dataset, list_datasets
from fra_zoo.data.pixels.images import decode
from fra_zoo.data.synthetic.draw import REGIONS
from fra_zoo.errors import FraZooError
from fra_zoo.labels import FERPLUS, FERPLUS_VOTES, LABEL_SPACES, LabelSpace
from fra_zoo.labels.votes import NO_LABEL, ferplus_majority

GOLDEN = {"train": (28_558, 25_045), "valid": (3_579, 3_191), "test": (3_573, 3_137)}


@pytest.fixture
def folder(tmp_path):
    """Two identities, mixed extensions, one file that is no image."""
    rng = np.random.default_rng(0)
    for identity, names in {"ann": ["1.jpg", "2.PNG"], "bob": ["1.jpeg"]}.items():
        (tmp_path / "train" / identity).mkdir(parents=True)
        for name in names:
            PIL.Image.fromarray(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(
                tmp_path / "train" / identity / name
            )
    (tmp_path / "train" / "notes.txt").write_text("no image")
    return tmp_path


@pytest.mark.parametrize(
    ("votes", "label"),
    [
        ("4 0 0 1 3 2 0 0 0 0", None),
        ("6 0 1 1 0 0 0 0 2 0", "neutral"),
        ("5 0 0 3 1 0 0 0 1 0", "neutral"),
        ("4 0 0 0 1 0 0 4 1 0", None),
        ("3 0 0 0 0 0 0 0 7 0", None),
        ("3 3 2 2 0 0 0 0 0 0", None),
        ("5 0 0 0 0 0 0 0 5 0", None),
        ("2 2 2 2 2 0 0 0 0 0", None),
    ],
)
def test_majority_of_golden_rows(votes, label):
    (found,) = ferplus_majority(np.array([list(map(int, votes.split()))]))
    assert found == (NO_LABEL if label is None else FERPLUS.index(label))


@pytest.mark.parametrize("split", GOLDEN)
def test_ferplus_counts(real_data, split):
    data = create_dataset("ferplus", split, str(real_data / "ferplus"))
    assert (len(data), len(data.labelled())) == GOLDEN[split]
    assert "label.csv" in data.source


def test_ferplus_layouts_agree(real_data, tmp_path):
    """The repository's folders hold the same faces and votes; the two csv files the same faces, revised votes."""
    for layout in ("ferplus-folders", "fer2013-csv"):
        subprocess.run([sys.executable, str(real_data / "unpack.py"), layout, str(tmp_path / layout)], check=True)
    parquet = create_dataset("ferplus", "test", str(real_data / "ferplus"))
    folders = create_dataset("ferplus", "test", str(tmp_path / "ferplus-folders"))
    csvs = create_dataset("ferplus", "test", str(tmp_path / "fer2013-csv"))
    assert folders.dataset["label"][:] == parquet.dataset["label"][:]
    assert folders.dataset["votes"][:] == parquet.dataset["votes"][:]
    assert csvs.dataset["name"][:] == parquet.dataset["name"][:]
    assert len(csvs.labelled()) == 3_152
    assert "revised" in csvs.source
    for row in (0, 1234, 3572):
        faces = [decode(data.dataset[row]["image"], 48) for data in (parquet, folders, csvs)]
        assert faces[0].equal(faces[1])
        assert faces[0].equal(faces[2])


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "fer2013new.csv has fewer rows than the other file, and the two must have the same rows"),
        ([["PublicTest", "a.png", *[1] * 10]], "fer2013new.csv, line 2: a face of PublicTest, of Training in fer2013"),
        ([["Training", "a.png", *[1] * 10]] * 2, "fer2013.csv has fewer rows than the other file"),
        ([["Training", "a.png", *[-1] * 10]], "line 2: neutral '-1' is not a whole number of 0 or more"),
    ],
)
def test_ferplus_csvs_that_do_not_fit(rows, why, tmp_path):
    tables = {
        "fer2013.csv": [["emotion", "pixels", "Usage"], ["9", " ".join(["1"] * 2304), "Training"]],
        "fer2013new.csv": [["Usage", "Image name", *FERPLUS_VOTES.classes], *rows],
    }
    for name, table in tables.items():
        with open(tmp_path / name, "w", newline="") as file:
            csv.writer(file).writerows(table)
    with pytest.raises(FraZooError, match=why):
        create_dataset("ferplus", "train", str(tmp_path))


def _known(folder: Path, name: str) -> Path:
    """A folder of one Parquet file that `name` reads: a face, and what the set says of it."""
    votes = {key: [1, 1] for key in FERPLUS_VOTES.classes}
    columns = {"ferplus": {"name": ["a.png"] * 2, **votes}, "lfw": {"identity": ["A", "B"], "number": [1, 1]}}[name]
    folder.mkdir()
    file = folder / {"ferplus": "train.parquet", "lfw": "faces.parquet"}[name]
    (folder / "pairs.txt").write_text("1 1\nA 1 1\nA 1 B 1\n")
    Dataset.from_dict({"image": [{"bytes": b"x" * 40_000, "path": None}] * 2, **columns}).to_parquet(str(file))
    return file


@pytest.mark.parametrize("name", ["ferplus", "lfw"])
def test_a_known_set_says_which_parquet_file_is_broken_and_of_what(name, tmp_path):
    file = _known(tmp_path / "a [x]", name)  # a pattern for who takes names for patterns
    assert len(create_dataset(name, "train", str(file.parent))) == 2
    whole = file.read_bytes()
    table = pq.read_table(file)
    pq.write_table(table.drop_columns(table.column_names[-1]), file)
    lacking = f"{file.name} has no column '{table.column_names[-1]}'; it needs image, "
    with pytest.raises(FraZooError, match=lacking):
        create_dataset(name, "train", str(file.parent))
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FraZooError, match=f"{file.name} is no whole Parquet file .* copy or download it again"):
        create_dataset(name, "train", str(file.parent))


def test_imagefolder(folder):
    data = create_dataset("imagefolder", "train", str(folder))
    assert len(data) == 3
    assert data.labels is None
    assert data.dataset["identity"][:] == ["ann", "ann", "bob"]
    labelled = create_dataset("imagefolder", "train", str(folder), labels=True)
    assert labelled.labels == LabelSpace(folder.name, ("ann", "bob"))
    assert labelled.dataset["label"][:] == [0, 0, 1]


def test_parquet_with_other_column_names(folder, tmp_path):
    data = create_dataset("imagefolder", "train", str(folder)).dataset.rename_column("image", "face")
    data = data.add_column("who", [0, 0, 1])
    data.to_parquet(tmp_path / "train-0.parquet")
    with pytest.raises(FraZooError, match="has no column 'image'"):
        create_dataset("parquet", "train", str(tmp_path))
    faces = create_dataset("parquet", "train", str(tmp_path), image="face")
    assert len(faces) == 3
    assert decode(faces.dataset[0]["image"], 8).shape == (3, 8, 8)


def test_labels_outside_the_space_are_named(folder):
    data = create_dataset("imagefolder", "train", str(folder), labels=True)
    broken = data.dataset.remove_columns("label").add_column("label", [0, 7, 1])
    from dataclasses import replace

    with pytest.raises(FraZooError, match=r"row 1: label 7 is outside label space .* \(0 to 1: ann, bob\)"):
        replace(data, dataset=broken).labelled()


def test_synthetic_faces_are_the_same_every_time_and_differ_by_split_and_seed():
    def images(**options):
        return [row["bytes"] for row in create_dataset("synthetic-faces", count=6, size=32, **options).dataset["image"]]

    first = images(split="train")
    assert first == images(split="train")
    assert images(split="train")[:3] == first[:3]
    assert not set(first) & set(images(split="valid"))
    assert not set(first) & set(images(split="train", seed=1))


def test_synthetic_faces_have_every_expression_and_region():
    data = create_dataset("synthetic-faces", "valid", count=400)
    assert set(data.dataset["label"]) == {NO_LABEL, *range(8)}
    assert all(sum(votes) == 10 for votes in data.dataset["votes"])
    from fra_zoo.data.pixels.images import decode_mask

    masks = torch.stack([decode_mask(mask, 64) for mask in data.dataset[:50]["mask"]])
    share = torch.bincount(masks.flatten(), minlength=len(REGIONS)).float() / masks.numel()
    assert (share > 0.004).all(), dict(zip(REGIONS, share.tolist(), strict=True))
    labelled = data.labelled().dataset
    agree = np.mean(np.array(labelled["label"]) == np.array(labelled["expression"]))
    assert 0.85 < agree < 0.98  # annotators see what was drawn, and are sometimes wrong together
    assert 0.1 < 1 - len(labelled) / 400 < 0.35  # and often have no majority, as real ones


def test_unknown_names_are_helped():
    assert {"synthetic-faces", "ferplus", "imagefolder", "parquet", "hub"} <= set(list_datasets())
    with pytest.raises(FraZooError, match="did you mean 'valid'"):
        create_dataset("synthetic-faces", "val")


def test_label_spaces():
    assert FERPLUS.permutation_to(LABEL_SPACES["affectnet8"]) == [0, 1, 3, 2, 6, 5, 4, 7]
    assert LABEL_SPACES["rafdb"].permutation_to(LABEL_SPACES["affectnet8"]) == [3, 4, 5, 1, 2, 6, 0]
    assert LABEL_SPACES["fer2013"].permutation_to(LABEL_SPACES["affectnet8"]) == [6, 5, 4, 1, 2, 3, 0]
    assert LABEL_SPACES["fer2013_folders"].permutation_to(LABEL_SPACES["affectnet8"]) == [6, 5, 4, 1, 0, 2, 3]
    with pytest.raises(FraZooError, match="'contempt' is not in label space 'fer2013'"):
        FERPLUS.permutation_to(LABEL_SPACES["fer2013"])


def test_a_list_of_no_pairs_says_so(tmp_path):
    file = _known(tmp_path / "lfw", "lfw")
    (file.parent / "pairs.txt").write_text("1 0\n")
    with pytest.raises(FraZooError, match=r"pairs\.txt lists no pairs"):
        create_dataset("lfw", "train", str(file.parent))
