"""FER2013: 48 px gray faces with one label each (Goodfellow et al. 2013, arXiv 1307.0414)."""

from __future__ import annotations

from pathlib import Path

from datasets import Dataset, Features, Image, Value

from fra_zoo.data.dataset import FaceData, Golden, need_root, register_dataset, reject_streaming
from fra_zoo.data.disk.fer2013_csv import FILES, USAGES, read_faces
from fra_zoo.data.disk.folders import from_class_folders, missing_split, split_folder, subfolders
from fra_zoo.data.disk.tables import read_table
from fra_zoo.errors import FraZooError
from fra_zoo.labels import FER2013

WHAT = "a folder with fer2013.csv, icml_face_data.csv or train.csv, or with train/ and test/ of one folder a class"
FEATURES = Features({"image": Image(decode=False), "label": Value("int64")})
_FOLDERS = {
    "angry": "anger", "anger": "anger", "disgust": "disgust", "disgusted": "disgust", "fear": "fear",
    "fearful": "fear", "happy": "happiness", "happiness": "happiness", "sad": "sadness", "sadness": "sadness",
    "surprise": "surprise", "surprised": "surprise", "neutral": "neutral",
}  # fmt: skip
GOLDEN = (
    Golden("FER2013", {"train": 28_709, "valid": 3_589, "test": 3_589}),
    Golden("FER2013 with PublicTest and PrivateTest as one", {"train": 28_709, "test": 7_178}),
)


def detect(root: Path) -> str | None:
    """`csv`, `train.csv`, `class folders`, or None."""
    file = _csv(root)
    if file is not None:
        return "train.csv" if file.name == "train.csv" else "csv"
    names = {name.lower() for name in subfolders(split_folder(root, "train"))}
    return "class folders" if len(names) == 7 and names <= set(_FOLDERS) else None


def _csv(root: Path) -> Path | None:
    file = next((root / name for name in FILES if (root / name).is_file()), None)
    if file is None or file.name != "train.csv":
        return file
    try:
        next(read_table(file, ("pixels",)), None)
    except FraZooError:
        return None
    return file


def _alone(root: Path) -> str | None:
    """The layout, unless the votes of FER+ lie beside it: then it is that dataset."""
    return None if (root / "fer2013new.csv").is_file() else detect(root)


@register_dataset("fer2013", detect=_alone, golden=GOLDEN)
def fer2013(split: str, root: str | None = None, streaming: bool = False) -> FaceData:
    """FER2013 with `label` in the order of `FER2013`.

    Training, PublicTest and PrivateTest are train, valid and test. Kaggle's `train.csv` has no labelled test, and its
    class folders hold PublicTest and PrivateTest as one.
    """
    reject_streaming("fer2013", streaming)
    folder = need_root("fer2013", root, WHAT)
    layout, file = detect(folder), _csv(folder)
    if layout is None:
        raise FraZooError(f"no FER2013 under {folder}; root= should be {WHAT}")
    if file is not None:
        if layout == "train.csv" and split != "train":
            raise missing_split("fer2013", split, folder, "Kaggle's test.csv has no labels; get fer2013.csv")
        images, labels, problems = [], [], ()
        for face in read_faces(file, USAGES[split]):
            images.append({"bytes": face.png(), "path": None})
            labels.append(face.emotion)
    else:
        part = split_folder(folder, split)
        if part is None:
            raise missing_split("fer2013", split, folder, "its class folders are not divided so")
        numbers = {name: FER2013.index(_FOLDERS[name.lower()]) for name in subfolders(part) if name.lower() in _FOLDERS}
        images, labels, problems = from_class_folders(part, numbers)
    dataset = Dataset.from_dict({"image": images, "label": labels}, features=FEATURES)
    source = f"FER2013, {layout}"
    return FaceData(dataset, "fer2013", split, FER2013, "research only (FER2013)", source, layout, problems)
