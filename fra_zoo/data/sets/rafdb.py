"""RAF-DB, basic emotions (Li et al. 2017, CVPR; http://www.whdeld.cn/publications/RAF-DB)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from datasets import Dataset, Features, Image, List, Value

from fra_zoo.data.dataset import FaceData, Golden, need_root, register_dataset, reject_streaming
from fra_zoo.data.disk.folders import (
    Listed,
    find_listed,
    from_class_folders,
    listed_file,
    missing_split,
    split_folder,
    subfolders,
)
from fra_zoo.data.disk.rafdb_people import GROUPS as PEOPLE
from fra_zoo.data.disk.rafdb_people import read_people
from fra_zoo.data.disk.tables import lines_of
from fra_zoo.errors import FraZooError, nearest
from fra_zoo.labels import RAFDB

WHAT = "a folder with EmoLabel/list_patition_label.txt and Image/aligned, or with train/ and test/ of folders 1 to 7"
LIST = Path("EmoLabel", "list_patition_label.txt")  # so spelt in the release
KINDS = ("aligned", "original")
_CLASSES = {str(number + 1): number for number in range(len(RAFDB))}
GOLDEN = (
    Golden(
        "RAF-DB",
        {"train": 12_271, "test": 3_068},
        {"train": (1290, 281, 717, 4772, 1982, 705, 2524), "test": (329, 74, 160, 1185, 478, 162, 680)},
    ),
)


def detect(root: Path) -> str | None:
    """`official`, `class folders`, or None."""
    if _official(root) is not None:
        return "official"
    names = subfolders(split_folder(_packed(root), "train"))
    return "class folders" if set(names) == set(_CLASSES) else None


def _official(root: Path) -> Path | None:
    return next((place for place in (root, root / "basic") if (place / LIST).is_file()), None)


def _packed(root: Path) -> Path:
    return root / "DATASET" if (root / "DATASET").is_dir() else root


@register_dataset("rafdb", detect=detect, golden=GOLDEN)
def rafdb(
    split: str,
    root: str | None = None,
    streaming: bool = False,
    images: str = "aligned",
    soft: bool = False,
    groups: bool = False,
) -> FaceData:
    """RAF-DB with `label` in the order of `RAFDB`; it has no validation split.

    Args:
        images: `aligned` (100 px, by similarity) or `original`, of the official layout.
        soft: add `target`, the annotators' distribution over the seven classes, from `distribution_basic`.
        groups: add `gender`, `race` and `age`, as annotators said (`fra_zoo.data.disk.rafdb_people`).
    """
    reject_streaming("rafdb", streaming)
    folder = need_root("rafdb", root, WHAT)
    layout = detect(folder)
    if layout is None:
        raise FraZooError(f"no RAF-DB under {folder}; root= should be {WHAT}")
    if split == "valid":
        raise missing_split("rafdb", split, folder, "RAF-DB has train and test alone")
    listed, columns, problems = Listed(), {}, ()
    if layout == "official":
        listed, labels = _from_list(folder, split, images)
        columns, problems = {"image": listed.images, "label": labels}, listed.problems
    else:
        columns["image"], columns["label"], problems = _from_folders(folder, split)
    features = Features({"image": Image(decode=False), "label": Value("int64")})
    if soft:
        columns["target"] = _soft_labels(folder, [Path(image["path"]).stem for image in columns["image"]])
        features["target"] = List(Value("float32"))
    if groups:
        names = [Path(image["path"]).stem.removesuffix("_aligned") for image in columns["image"]]
        columns |= read_people(_official(folder) or folder, names)
        features.update({kind: Value("int64") for kind in PEOPLE})
    dataset = Dataset.from_dict(columns, features=features)
    source, missing = f"RAF-DB, {layout}", listed.missing
    data = FaceData(dataset, "rafdb", split, RAFDB, "research only (RAF-DB)", source, layout, problems, missing)
    return replace(data, groups=PEOPLE) if groups else data


def _from_list(folder: Path, split: str, kind: str) -> tuple[Listed, list[int]]:
    """Aligned images have `_aligned` in their names, unless somebody dropped it."""
    base = _official(folder)
    assert base is not None
    if kind not in KINDS:
        raise FraZooError(f"rafdb: images '{kind}' is unknown; {nearest(kind, KINDS)}")
    place = base / "Image" / kind
    files, plain, labels = [], [], []
    for number, line in lines_of(base / LIST):
        words = line.replace(",", " ").split()
        name = words[0].replace("\\", "/").rsplit("/", 1)[-1]
        if len(words) != 2 or words[1] not in _CLASSES or not name.startswith(("train", "test")):
            raise FraZooError(
                f"{base / LIST}, line {number}: '{line[:60]}' is not 'NAME.jpg LABEL' with a name of train or "
                "test and a label of 1 to 7; fix or remove the line"
            )
        if name.startswith(split):
            plain.append(listed_file(place, name))
            files.append(place / f"{Path(name).stem}_aligned.jpg" if kind == "aligned" else plain[-1])
            labels.append(_CLASSES[words[1]])
    listed = find_listed(files, plain)
    return listed, listed.of(labels)


def _from_folders(folder: Path, split: str) -> tuple[list, list[int], tuple[str, ...]]:
    part = split_folder(_packed(folder), split)
    if part is None:
        raise missing_split("rafdb", split, folder, "there is no such folder")
    return from_class_folders(part, _CLASSES)


def _soft_labels(folder: Path, stems: list[str]) -> list[list[float]]:
    """Lines `NAME p1 … p7` of the text files of `distribution_basic`; rows are normalised, a face without is zero."""
    files = sorted(file for file in folder.rglob("*.txt") if "distribution" in str(file.relative_to(folder)).lower())
    if not files:
        raise FraZooError(f"no soft labels under {folder}: RAF-DB has them in distribution_basic; leave soft out")
    found: dict[str, list[float]] = {}
    for file in files:
        for number, line in lines_of(file):
            words = line.replace(",", " ").split()
            if len(words) == 1 + len(RAFDB):
                found[Path(words[0]).stem] = _shares(words[1:], f"{file}, line {number}")
    return [found.get(stem.removesuffix("_aligned"), [0.0] * len(RAFDB)) for stem in stems]


def _shares(words: list[str], where: str) -> list[float]:
    try:
        shares = [float(word) for word in words]
    except ValueError:
        shares = [-1.0]
    if not all(0.0 <= share < float("inf") for share in shares):
        raise FraZooError(f"{where}: not 'NAME' and seven numbers of 0 or more; fix or remove the line")
    return [share / max(sum(shares), 1e-9) for share in shares]
