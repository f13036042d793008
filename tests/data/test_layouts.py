"""Datasets as they lie on people's disks: miniature trees of every layout, with its pitfalls."""

from __future__ import annotations

import csv
import json

import numpy as np
import PIL.Image
import pytest
from datasets import ClassLabel, Dataset, Features, Image, Value

from fra_zoo.data import create_dataset, list_datasets
from fra_zoo.data.dataset import DATASETS, FaceData, MissingSplit
from fra_zoo.data.inspect import _report, inspect, recognise
from fra_zoo.data.loading import Faces
from fra_zoo.data.pixels.images import decode
from fra_zoo.data.problems import check_missing, say_problems
from fra_zoo.errors import FraZooError
from fra_zoo.labels import CANONICAL, FER2013, RAFDB, LabelSpace
from fra_zoo.labels.votes import NO_LABEL


def picture(file, size=(20, 24), value=None):
    file.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(abs(hash(str(file))) % 2**32)
    pixels = rng.integers(0, 255, (*size, 3), dtype=np.uint8) if value is None else np.full((*size, 3), value, np.uint8)
    PIL.Image.fromarray(pixels).save(file)


def write_rows(file, rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w", newline="") as lines:
        csv.writer(lines).writerows(rows)


PIXELS = " ".join(["7"] * 2304)


def fer2013_csv(root, name="fer2013.csv", header=("emotion", "pixels", "Usage")):
    order = [header.index(next(h for h in header if h.strip() == key)) for key in ("emotion", "pixels", "Usage")]
    rows = []
    for emotion, usage in [(0, "Training"), (6, "Training"), (3, "PublicTest"), (4, "PrivateTest")]:
        row = [""] * 3
        for place, value in zip(order, (emotion, PIXELS, usage), strict=True):
            row[place] = value
        rows.append(row)
    write_rows(root / name, [header, *rows])


def affectnet_csv(root, header=True):
    images = root / "Manually_Annotated_Images"
    for name in ("1/a.jpg", "1/b.JPG", "2/c.png", "2/d.bmp", "9/v.jpg"):
        picture(images / name, size=(40, 40))
    (images / "2/e.jpg").write_bytes((images / "1/a.jpg").read_bytes()[:60])
    head = ["subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks"]
    head += ["expression", "valence", "arousal"]
    lands = ";".join(["1.0"] * 136)
    box = [2, 3, 20, 20, lands]
    train = [
        ["1/a.jpg", *box, 0, 0.1, 0.2],
        ["1/b.JPG", -4, -2, 30, 30, lands, 1, 0.5, 0.5],
        ["2/c.png", *box, 7, -0.2, 0.1],
        ["2/c.png", *box, 3, -0.2, 0.1],  # listed twice
        ["2/d.bmp", *box, 10, -2, -2],  # no face
        ["2/e.jpg", *box, 4, 0.0, 0.0],  # truncated
        ["3/gone.jpg", *box, 2, 0.0, 0.0],
        ["2/d.bmp", *box, "nan?", 0.0, 0.0],
    ]
    lists = root / "Manually_Annotated_file_lists"
    write_rows(lists / "training.csv", [head, *train])
    write_rows(lists / "validation.csv", ([head] if header else []) + [["9/v.jpg", *box, 6, 0.0, 0.0]])


def affectnet_npy(root):
    for split, numbers in {"train_set": (0, 3, 5), "val_set": (0, 3)}.items():
        for number in numbers:
            picture(root / split / "images" / f"{number}.jpg")
            folder = root / split / "annotations"
            folder.mkdir(exist_ok=True)
            np.save(folder / f"{number}_exp.npy", np.array(str(number)) if split == "train_set" else np.array(number))
            np.save(folder / f"{number}_aro.npy", np.array("0.5"))
    np.save(root / "train_set" / "annotations" / "8_exp.npy", np.array("1"))
    np.save(root / "train_set" / "annotations" / "5_exp.npy", np.array("11"))


def class_folders(root, train, names, test="test"):
    for split in (train, test):
        for name in names:
            picture(root / split / name / f"{split}_{name}.jpg")


def rafdb_official(root):
    lines = ["train_00001.jpg 5", "train_00002.jpg 1", "test_0001.jpg 7", "test_0002.jpg 4"]
    (root / "EmoLabel").mkdir(parents=True)
    (root / "EmoLabel" / "list_patition_label.txt").write_text("\n".join(lines))
    for line in lines[:-1]:
        picture(root / "Image" / "aligned" / line.split()[0].replace(".jpg", "_aligned.jpg"))
    (root / "distribution_basic").mkdir()
    (root / "distribution_basic" / "distribution.txt").write_text("train_00001.jpg 0 0 0 0 3 1 0\n")


def vggface2(root):
    for split, identity in (("train", "n000001"), ("test", "n000009")):
        for number in (1, 2):
            picture(root / split / identity / f"000{number}_01.jpg", size=(30, 30))
    rows = [["NAME_ID", "X", "Y", "W", "H"], ["n000001/0001_01", -5, 2, 20, 20]]
    write_rows(root / "bb_landmark" / "loose_bb_train.csv", rows)


def lfw(root, place="lfw"):
    for name, count in {"Ann_Bo": 2, "Cy": 2}.items():
        for number in range(1, count + 1):
            picture(root / place / name / f"{name}_{number:04d}.jpg")
    (root / "pairs.txt").write_text("1\t1\nAnn_Bo\t1\t2\nAnn_Bo\t1\tCy\t2\n")


def cfp(root):
    lists = {"F": [], "P": []}
    for person in ("001", "002"):
        for kind, folder, count in (("F", "frontal", 3), ("P", "profile", 2)):
            for number in range(1, count + 1):
                picture(root / "Data" / "Images" / person / folder / f"{number:02d}.jpg")
                lists[kind].append(f"../Data/Images/{person}/{folder}/{number:02d}.jpg")
    (root / "Protocol").mkdir()
    for kind, paths in lists.items():
        text = "\n".join(f"{i} {path}" for i, path in enumerate(paths, 1))
        (root / "Protocol" / f"Pair_list_{kind}.txt").write_text(text)
    for protocol, pairs in {"FF": ("1,2\n4,6", "1,4\n3,5"), "FP": ("1,2\n4,3", "6,1\n3,4")}.items():
        for fold, (same, diff) in enumerate(zip(*(p.split() for p in pairs), strict=True), 1):
            place = root / "Protocol" / "Split" / protocol / f"{fold:02d}"
            place.mkdir(parents=True)
            (place / "same.txt").write_text(same)
            (place / "diff.txt").write_text(diff)


def ferplus_folders(root, images="FER2013Train", labels="FER2013Train"):
    for name in ("FER2013Train", "FER2013Valid", "FER2013Test"):
        picture(root / images.replace("FER2013Train", name) / "fer0000001.png", size=(48, 48))
        rows = [["fer0000001.png", "(0, 0, 48, 48)", 6, 0, 1, 1, 0, 0, 0, 0, 2, 0]]
        rows.append(["fer0000002.png", "(0, 0, 48, 48)", 0, 9, 1, 0, 0, 0, 0, 0, 0, 0])
        write_rows(root / labels.replace("FER2013Train", name) / "label.csv", rows)


TREES = {
    "fer2013 csv": (fer2013_csv, ("fer2013", "csv")),
    "fer2013 spaces": (
        lambda r: fer2013_csv(r, "icml_face_data.csv", ("emotion", " Usage", " pixels")),
        ("fer2013", "csv"),
    ),
    "fer2013 folders": (
        lambda r: class_folders(r, "train", ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]),
        ("fer2013", "class folders"),
    ),
    "affectnet csv": (affectnet_csv, ("affectnet", "csv release")),
    "affectnet npy": (affectnet_npy, ("affectnet", "npy release")),
    "affectnet folders": (
        lambda r: class_folders(r, "train", [str(i) for i in range(7)], "val"),
        ("affectnet", "class folders"),
    ),
    "rafdb": (rafdb_official, ("rafdb", "official")),
    "rafdb folders": (
        lambda r: class_folders(r / "DATASET", "train", [str(i + 1) for i in range(7)]),
        ("rafdb", "class folders"),
    ),
    "vggface2": (vggface2, ("vggface2", "identity folders")),
    "lfw": (lfw, ("lfw", "identity folders")),
    "cfp": (cfp, ("cfp", "official")),
    "ferplus": (ferplus_folders, ("ferplus", "repository folders")),
    "ferplus as fra has it": (
        lambda r: ferplus_folders(r, "Images/FER2013Train", "Labels/FER2013Train"),
        ("ferplus", "Images and Labels folders"),
    ),
    "any folders": (lambda r: class_folders(r, "train", ["ann", "bob"]), ("imagefolder", "image folders")),
}


@pytest.mark.parametrize("tree", TREES)
def test_every_tree_is_recognised_and_inspected(tree, tmp_path):
    build, expected = TREES[tree]
    build(tmp_path)
    assert recognise(tmp_path) == expected
    report = inspect(tmp_path)
    text = "\n".join(report.lines())
    assert sum(split.images for split in report.splits.values()) >= 1
    assert f"--dataset {expected[0]} --root {tmp_path}" in text
    assert report.names == ()  # none of these has the counts of a published form
    if report.golden:
        assert f"do not report it as {report.golden[0].name}" in text


def test_every_dataset_with_golden_counts_has_a_tree():
    known = {name for name in list_datasets() if DATASETS.get(name).golden}
    assert known == {expected[0] for _, expected in TREES.values()} - {"imagefolder"}


def test_fer2013_labels_and_splits(tmp_path):
    fer2013_csv(tmp_path, "icml_face_data.csv", ("emotion", " Usage", " pixels"))
    train = create_dataset("fer2013", "train", str(tmp_path))
    assert [FER2013.classes[label] for label in train.dataset["label"]] == ["anger", "neutral"]
    assert decode(train.dataset[0]["image"], 48).unique().tolist() == [7]
    assert create_dataset("fer2013", "test", str(tmp_path)).dataset["label"][:] == [4]


def test_fer2013_train_csv_has_no_test(tmp_path):
    write_rows(tmp_path / "train.csv", [["emotion", "pixels"], [3, PIXELS]])
    assert len(create_dataset("fer2013", "train", str(tmp_path))) == 1
    with pytest.raises(MissingSplit, match=r"Kaggle's test.csv has no labels; get fer2013.csv"):
        create_dataset("fer2013", "test", str(tmp_path))


def test_fer2013_folders_are_not_in_the_order_of_their_names(tmp_path):
    TREES["fer2013 folders"][0](tmp_path)
    data = create_dataset("fer2013", "test", str(tmp_path))
    for row in data.dataset:
        folder = row["image"]["path"].split("/")[-2]
        assert FER2013.classes[row["label"]][:3] in (folder[:3], "hap", "ang", "sad")


def test_broken_pixels_are_named(tmp_path):
    write_rows(tmp_path / "fer2013.csv", [["emotion", "pixels", "Usage"], [3, "1 2 3", "Training"]])
    with pytest.raises(FraZooError, match=r"fer2013.csv, line 2: not a face of 48 x 48 pixels"):
        create_dataset("fer2013", "train", str(tmp_path))


@pytest.mark.parametrize("header", [True, False])
def test_affectnet_csv_and_its_pitfalls(header, tmp_path):
    affectnet_csv(tmp_path, header)
    train = create_dataset("affectnet", "train", str(tmp_path))
    assert train.labels is CANONICAL
    assert train.dataset["label"][:] == [0, 1, 7, 4]
    text = " | ".join(train.problems)
    assert "1 listed image(s) are missing: " in text
    assert "1 listed twice, taken once: 2/c.png" in text
    assert "1 row(s) without a numeric expression: 2/d.bmp" in text
    assert "1 box(es) are negative" in text
    assert create_dataset("affectnet", "train", str(tmp_path), classes=7).dataset["label"][:] == [0, 1, 4]
    assert create_dataset("affectnet", "test", str(tmp_path)).dataset["label"][:] == [6]
    with pytest.raises(MissingSplit, match=r"training.csv and validation.csv alone"):
        create_dataset("affectnet", "valid", str(tmp_path))
    report = inspect(tmp_path)
    assert any("cannot be read: " in line and "e.jpg" in line for line in report.lines())


def test_boxes_are_cut_out(tmp_path):
    affectnet_csv(tmp_path)
    file = tmp_path / "Manually_Annotated_Images" / "1" / "a.jpg"
    pixels = np.zeros((40, 40, 3), dtype=np.uint8)
    pixels[3:23, 2:22] = 200
    PIL.Image.fromarray(pixels).save(file, quality=100)
    assert Faces(create_dataset("affectnet", "train", str(tmp_path)), 8)[0]["image"].float().mean() > 195
    whole = create_dataset("affectnet", "train", str(tmp_path), crop=False)
    assert Faces(whole, 8)[0]["image"].float().mean() < 80
    image = {"path": str(file), "bytes": None}
    assert decode(image, 8, box=(-10, -10, 12, 13)).float().mean() < 20  # what lies outside is left off
    assert decode(image, 8, box=(5, 5, -3, 4)).equal(decode(image, 8, box=(0, 0, 40, 40)))


def test_affectnet_npy_holds_strings_and_numbers_that_repeat(tmp_path):
    affectnet_npy(tmp_path)
    train = create_dataset("affectnet", "train", str(tmp_path))
    assert train.dataset["label"][:] == [0, 3]
    assert "1 annotation(s) have no image: 8_exp.npy" in train.problems
    assert "1 annotation(s) are no expression of 0 to 7: 5_exp.npy" in train.problems
    test = create_dataset("affectnet", "test", str(tmp_path))
    assert test.dataset["label"][:] == [0, 3]
    assert "val_set" in test.dataset[0]["image"]["path"]


def test_rafdb(tmp_path):
    rafdb_official(tmp_path)
    train = create_dataset("rafdb", "train", str(tmp_path), soft=True)
    assert [RAFDB.classes[label] for label in train.dataset["label"]] == ["sadness", "surprise"]
    assert train.dataset["target"][0] == pytest.approx([0, 0, 0, 0, 0.75, 0.25, 0])
    assert len(train.for_scheme("cross_entropy")) == 1
    with pytest.raises(FraZooError, match="needs the votes of annotators"):
        train.for_scheme("multi_label")
    test = create_dataset("rafdb", "test", str(tmp_path))
    assert len(test) == 1
    assert "test_0002_aligned.jpg" in test.problems[0]
    with pytest.raises(MissingSplit, match="has train and test alone"):
        create_dataset("rafdb", "valid", str(tmp_path))
    file = tmp_path / "EmoLabel" / "list_patition_label.txt"
    file.write_text("train_00001.jpg 8\n")
    with pytest.raises(FraZooError, match=r"line 1: 'train_00001.jpg 8' is not 'NAME.jpg LABEL'"):
        create_dataset("rafdb", "train", str(tmp_path))


def test_rafdb_says_who_is_seen(tmp_path):
    rafdb_official(tmp_path)
    with pytest.raises(FraZooError, match="RAF-DB has them in Annotation/manual; leave groups out"):
        create_dataset("rafdb", "train", str(tmp_path), groups=True)
    folder = tmp_path / "Annotation" / "manual"
    folder.mkdir(parents=True)
    landmarks = "".join(f"{number}.5\t40.25\n" for number in range(5))
    (folder / "train_00001_manu_attri.txt").write_text(f"{landmarks}1\n2\n3\n")
    (folder / "train_00002_manu_attri.txt").write_text(f"{landmarks}2\n0\n4\n")
    train = create_dataset("rafdb", "train", str(tmp_path), groups=True)
    said = {kind: [names[i] if i >= 0 else None for i in train.dataset[kind]] for kind, names in train.groups.items()}
    assert said == {"gender": ["female", None], "race": ["Asian", "Caucasian"], "age": ["40-69", "70+"]}
    assert train.labelled().groups == train.groups
    assert not create_dataset("rafdb", "train", str(tmp_path)).groups
    with pytest.raises(FraZooError, match="no face of this split has a file"):
        create_dataset("rafdb", "test", str(tmp_path), groups=True)
    (folder / "train_00001_manu_attri.txt").write_text("1\n2\n3\n")
    with pytest.raises(FraZooError, match=r"train_00001_manu_attri\.txt: not 5 lines of landmarks"):
        create_dataset("rafdb", "train", str(tmp_path), groups=True)


def test_vggface2_boxes(tmp_path):
    vggface2(tmp_path)
    data = create_dataset("vggface2", "train", str(tmp_path), crop=True)
    assert data.dataset["box"][:] == [[-5, 2, 20, 20], None]
    assert "1 image(s) have no box and are taken whole: n000001/0002_01" in data.problems
    assert Faces(data, 8)[1]["image"].shape == (3, 8, 8)
    assert create_dataset("vggface2", "test", str(tmp_path)).dataset["identity"][:] == ["n000009"] * 2


@pytest.mark.parametrize("place", ["lfw", ".", "lfw-py/lfw-deepfunneled"])
def test_lfw_pairs(place, tmp_path):
    lfw(tmp_path, place)
    data = create_dataset("lfw", "train", str(tmp_path))
    names = data.dataset["identity"][:]
    assert [(names[a], names[b]) for a, b in zip(data.pairs.first, data.pairs.second, strict=True)] == [
        ("Ann_Bo", "Ann_Bo"),
        ("Ann_Bo", "Cy"),
    ]
    assert data.pairs.same.tolist() == [True, False]


def test_cfp_counts_from_one_and_takes_profiles_second(tmp_path):
    cfp(tmp_path)
    data = create_dataset("cfp", "train", str(tmp_path), protocol="FP")
    files = ["/".join(row["image"]["path"].split("/")[-3:]) for row in data.dataset]
    shown = [(files[a], files[b]) for a, b in zip(data.pairs.first, data.pairs.second, strict=True)]
    assert shown[0] == ("001/frontal/01.jpg", "001/profile/02.jpg")
    assert shown[1] == ("002/frontal/03.jpg", "001/profile/01.jpg")
    assert data.pairs.same.tolist() == [True, False, True, False]
    assert data.pairs.fold.tolist() == [0, 0, 1, 1]
    both = create_dataset("cfp", "train", str(tmp_path), protocol="FF")
    assert files[both.pairs.second[0]] == "001/frontal/02.jpg"
    (tmp_path / "Protocol" / "Split" / "FP" / "01" / "same.txt").write_text("0,2")
    with pytest.raises(FraZooError, match=r"same.txt, line 1: '0,2' is outside the lists"):
        create_dataset("cfp", "train", str(tmp_path))


def test_lists_with_a_byte_order_mark_and_backslashes(tmp_path):
    affectnet_csv(tmp_path)
    file = tmp_path / "Manually_Annotated_file_lists" / "training.csv"
    before = create_dataset("affectnet", "train", str(tmp_path)).dataset["label"][:]
    text = file.read_text().replace("1/", "1\\").replace("2/", "2\\")
    file.write_text("\n\n" + text, encoding="utf-16")
    assert create_dataset("affectnet", "train", str(tmp_path)).dataset["label"][:] == before


def test_first_rows_are_not_lost_to_a_byte_order_mark(tmp_path):
    rafdb_official(tmp_path / "raf")
    ferplus_folders(tmp_path / "fer")
    lfw(tmp_path / "lfw")
    for file in ("raf/EmoLabel/list_patition_label.txt", "fer/FER2013Train/label.csv", "lfw/pairs.txt"):
        place = tmp_path / file
        place.write_text(place.read_text().replace("\n", "\r\n"), encoding="utf-8-sig")
    assert len(create_dataset("rafdb", "train", str(tmp_path / "raf"))) == 2
    assert len(create_dataset("ferplus", "train", str(tmp_path / "fer"))) == 1
    assert len(create_dataset("lfw", "train", str(tmp_path / "lfw")).pairs.same) == 2


def test_rafdb_without_the_suffix_of_aligned_images(tmp_path):
    rafdb_official(tmp_path)
    for file in (tmp_path / "Image" / "aligned").iterdir():
        file.rename(file.with_name(file.name.replace("_aligned", "")))
    assert len(create_dataset("rafdb", "train", str(tmp_path))) == 2


@pytest.mark.parametrize(
    ("build", "name", "folder"),
    [
        (affectnet_csv, "affectnet", "Manually_Annotated_Images"),
        (rafdb_official, "rafdb", "Image/aligned"),
        (ferplus_folders, "ferplus", "FER2013Train"),
        (cfp, "cfp", "Data/Images"),
    ],
)
def test_where_all_listed_images_are_missing_a_path_is_named(build, name, folder, tmp_path):
    build(tmp_path)
    for file in (tmp_path / folder).rglob("*.*"):
        if file.name != "label.csv":
            file.unlink()
    with pytest.raises(
        FraZooError, match=rf"none of the \d+ listed image\(s\) is there: no {tmp_path / folder}/.*, since"
    ):
        create_dataset(name, "train", str(tmp_path))


def test_missing_images_are_counted_against_a_limit(tmp_path, capsys):
    affectnet_csv(tmp_path)
    data = create_dataset("affectnet", "train", str(tmp_path))
    assert (data.missing, len(data)) == (1, 4)
    say_problems(data)
    assert "dataset 'affectnet' train: 1 listed image(s) are missing: " in capsys.readouterr().out
    check_missing(data, 0.2)
    with pytest.raises(FraZooError, match=r"1 of 5 listed images are missing, more than 10\.0% .*gone.jpg"):
        check_missing(data, 0.1)


def test_numbers_as_folders_are_said_to_be_in_affectnets_order(tmp_path):
    TREES["affectnet folders"][0](tmp_path)
    assert "read in AffectNet's order: 0 neutral, 1 happiness" in "\n".join(inspect(tmp_path).lines())


def test_strays_do_not_hide_lfw_and_vggface2(tmp_path):
    lfw(tmp_path / "lfw")
    vggface2(tmp_path / "vgg")
    picture(tmp_path / "lfw/lfw/Ann_Bo/thumbnail.jpg")
    picture(tmp_path / "vgg/train/extra/0.jpg")
    assert recognise(tmp_path / "lfw") == ("lfw", "identity folders")
    faces = create_dataset("lfw", "train", str(tmp_path / "lfw"))
    assert len(faces) == 4
    assert "1 image(s) are not NAME/NAME_0001.jpg and are left out" in " ".join(faces.problems)
    assert recognise(tmp_path / "vgg") == ("vggface2", "identity folders")
    assert len(create_dataset("vggface2", "train", str(tmp_path / "vgg"))) == 2


def test_labels_outside_are_said_by_inspect(tmp_path):
    features = Features({"image": Image(decode=False), "label": ClassLabel(names=["a", "b"])})
    picture(tmp_path / "0.png")
    content = {"bytes": (tmp_path / "0.png").read_bytes(), "path": None}
    table = Dataset.from_dict({"image": [content] * 4, "label": [0, 1, None, 1]}, features=features)
    table = table.cast_column("label", Value("int64")).map(
        lambda row, i: {"label": 7 if i == 1 else row["label"]}, with_indices=True
    )
    data = FaceData(table, "odd", "train", LabelSpace("ab", ("a", "b")), "", "")
    found = _report(data, 0)
    assert (found.labelled, found.classes) == (2, (1, 1))
    assert found.problems == ("1 label(s) are outside 0 to 1: row 1 has 7",)
    with pytest.raises(FraZooError, match="row 1: label 7 is outside label space 'ab'"):
        data.labelled()


def test_label_spaces_are_joined_by_name():
    table = Dataset.from_dict({"name": ["a", "b", "c"], "label": [0, 1, NO_LABEL]})
    data = FaceData(table, "some", "test", LabelSpace("x", ("sad", "happy")), "", "")
    moved = data.in_space(LabelSpace("y", ("angry", "happy", "sad")))
    assert moved.dataset["label"][:] == [2, 1, NO_LABEL]
    assert moved.labels.name == "y"
    with pytest.raises(FraZooError, match=r"class\(es\) sad of split 'test' are not among those"):
        data.in_space(LabelSpace("z", ("happy", "angry")))


def test_label_maps_of_folders(tmp_path):
    class_folders(tmp_path, "train", ["0", "3", "smile"])
    mapped = create_dataset("imagefolder", "train", str(tmp_path), labels={"0": "neutral", "smile": "happiness"})
    assert mapped.labels.classes == ("neutral", "happiness")
    assert mapped.dataset["label"][:] == [0, 1]
    with pytest.raises(FraZooError, match=r"folder\(s\) smile under .* are no class of affectnet7"):
        create_dataset("imagefolder", "train", str(tmp_path), labels="affectnet7")
    with pytest.raises(FraZooError, match="unknown label space 'afectnet7'; did you mean 'affectnet7'"):
        create_dataset("imagefolder", "train", str(tmp_path), labels="afectnet7")
    with pytest.raises(MissingSplit):
        create_dataset("imagefolder", "valid", str(tmp_path))


def test_what_is_no_dataset(tmp_path):
    with pytest.raises(FraZooError, match="holds no layout of a dataset that is known here"):
        inspect(tmp_path)
    with pytest.raises(FraZooError, match="no such folder or file"):
        inspect(tmp_path / "none")


def test_a_whole_copy_may_be_reported(real_data):
    report = inspect(real_data / "ferplus", images=20)
    assert report.names == ("FER+",)
    assert "results may be reported as FER+" in "\n".join(report.lines())
    report = inspect(real_data / "lfw", images=20)
    assert (report.dataset, report.names) == ("lfw", ("LFW",))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "dataset", "names"),
    [
        ("ferplus-folders", "ferplus", ("FER+",)),
        ("fer2013-csv", "ferplus", ("FER+ with the revised votes of fer2013new.csv",)),
        ("affectnet-folders", "affectnet", ()),
        ("rafdb", "rafdb", ()),
        ("imagefolder", "lfw", ("LFW",)),
    ],
)
def test_layouts_of_the_real_faces(real_data, layout, dataset, names, tmp_path):
    import subprocess
    import sys

    subprocess.run([sys.executable, str(real_data / "unpack.py"), layout, str(tmp_path / "out")], check=True)
    report = inspect(tmp_path / "out", images=50)
    assert (report.dataset, report.names) == (dataset, names), json.dumps(report.lines(), indent=1)
