"""Celebrities in Frontal-Profile: verification of frontal with frontal and with profile faces.

Sengupta et al. 2016, http://www.cfpw.io.
"""

from __future__ import annotations

import os
from pathlib import Path

from datasets import Dataset, Features, Image, Value

from fra_zoo.data.dataset import FaceData, Golden, need_root, register_dataset, reject_streaming
from fra_zoo.data.disk.folders import find_listed, listed_file, missing_split
from fra_zoo.data.disk.pairs import Pairs
from fra_zoo.data.disk.tables import lines_of
from fra_zoo.errors import FraZooError, nearest

WHAT = "the folder cfp-dataset with Data/Images and Protocol"
PROTOCOLS = ("FF", "FP")
FEATURES = Features({"image": Image(decode=False), "identity": Value("string")})
GOLDEN = (Golden("CFP", {"train": 7_000}, identities={"train": 500}),)


def detect(root: Path) -> str | None:
    """`official`, or None."""
    return "official" if _base(root) is not None else None


def _base(root: Path) -> Path | None:
    places = (root, root / "cfp-dataset")
    return next((place for place in places if (place / "Protocol" / "Pair_list_F.txt").is_file()), None)


@register_dataset("cfp", detect=detect, golden=GOLDEN)
def cfp(split: str, root: str | None = None, streaming: bool = False, protocol: str = "FP") -> FaceData:
    """CFP with `identity` and pairs; all images are in `train`, frontal ones first.

    Args:
        protocol: `FF` pairs frontal faces; `FP` pairs a frontal face (first) with a profile (second).
    """
    reject_streaming("cfp", streaming)
    folder = need_root("cfp", root, WHAT)
    base = _base(folder)
    if base is None:
        raise FraZooError(f"no CFP under {folder}; root= should be {WHAT}")
    if split != "train":
        raise missing_split("cfp", split, folder, "all of CFP is in train")
    if protocol not in PROTOCOLS:
        raise FraZooError(f"cfp: protocol '{protocol}' is unknown; {nearest(protocol, PROTOCOLS)}")
    lists = {kind: _images(base, kind) for kind in "FP"}
    images = lists["F"] + lists["P"]
    listed = find_listed(images)
    if listed.missing:
        raise FraZooError(f"{base}: {listed.problems[0]}; the pairs need every image, unpack the dataset again")
    dataset = Dataset.from_dict(
        {"image": listed.images, "identity": [image.parts[-3] for image in images]}, features=FEATURES
    )
    second = len(lists["F"]) if protocol == "FP" else 0
    pairs = _pairs(base, protocol, len(lists["F"]), len(lists["P"]) if protocol == "FP" else len(lists["F"]), second)
    source = f"CFP {protocol}"
    return FaceData(dataset, "cfp", split, None, "research only (CFP)", source, "official", pairs=pairs)


def _images(base: Path, kind: str) -> list[Path]:
    """Line i of a list names image i, counted from 1; paths are seen from the folder `Protocol`."""
    file = base / "Protocol" / f"Pair_list_{kind}.txt"
    found = []
    for number, line in lines_of(file):
        words = line.split(maxsplit=1)
        if len(words) != 2 or words[0] != str(len(found) + 1):
            raise FraZooError(f"{file}, line {number}: '{line[:60]}' is not '{len(found) + 1} PATH'")
        path = Path(os.path.normpath(listed_file(base / "Protocol", words[1])))
        if len(path.parts) < 3:
            raise FraZooError(f"{file}, line {number}: '{line[:60]}' names no image of a person")
        found.append(path)
    return found


def _pairs(base: Path, protocol: str, firsts: int, seconds: int, offset: int) -> Pairs:
    """`same.txt` and `diff.txt` of every fold; `offset` is the row of the second list's first image."""
    rows: list[tuple[int, int, bool, int]] = []
    folds = sorted(path for path in (base / "Protocol" / "Split" / protocol).glob("*") if path.is_dir())
    for fold, path in enumerate(folds):
        for name in ("same", "diff"):
            file = path / f"{name}.txt"
            for number, line in lines_of(file) if file.is_file() else ():
                try:
                    one, two = (int(word) for word in line.split(","))
                except ValueError as error:
                    raise FraZooError(f"{file}, line {number}: '{line}' is not 'I,J'") from error
                if not (1 <= one <= firsts and 1 <= two <= seconds):
                    raise FraZooError(
                        f"{file}, line {number}: '{line}' is outside the lists of images, which count from 1"
                    )
                rows.append((one - 1, two - 1 + offset, name == "same", fold))
    if not rows:
        raise FraZooError(f"no pairs under {base / 'Protocol' / 'Split' / protocol}; unpack the dataset again")
    return Pairs.of(rows)
