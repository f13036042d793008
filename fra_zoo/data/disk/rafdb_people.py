"""Gender, race and age of RAF-DB's faces as its annotators said, one small file a face; the set `rafdb` reads them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fra_zoo.data.disk.tables import lines_of
from fra_zoo.errors import FraZooError

# The order of the lines after the five landmarks, and of the numbers in each; gender 2 is "unsure".
GROUPS: dict[str, tuple[str, ...]] = {
    "gender": ("male", "female"),
    "race": ("Caucasian", "African-American", "Asian"),
    "age": ("0-3", "4-19", "20-39", "40-69", "70+"),
}
UNSURE = -1
_LANDMARKS = 5
_FOLDER = Path("Annotation", "manual")


def read_people(base: Path, names: Iterable[str]) -> dict[str, list[int]]:
    """The group of each face by each of `GROUPS`; -1 where the annotators were unsure, or a face has no file.

    Args:
        base: the folder that holds `EmoLabel` and `Annotation`.
        names: of the images without a suffix, such as `train_00001`.

    Raises:
        FraZooError: if there is no such folder, or a file has another form.
    """
    folder = base / _FOLDER
    if not folder.is_dir():
        raise FraZooError(
            f"no annotations of people under {base}: RAF-DB has them in {_FOLDER.as_posix()}; leave groups out"
        )
    found: dict[str, list[int]] = {kind: [] for kind in GROUPS}
    for name in names:
        file = folder / f"{name}_manu_attri.txt"
        numbers = _numbers(file) if file.is_file() else [UNSURE] * len(GROUPS)
        for kind, number in zip(GROUPS, numbers, strict=True):
            found[kind].append(number if 0 <= number < len(GROUPS[kind]) else UNSURE)
    if all(number == UNSURE for numbers in found.values() for number in numbers):
        raise FraZooError(f"no face of this split has a file NAME_manu_attri.txt in {folder}; leave groups out")
    return found


def _numbers(file: Path) -> list[int]:
    lines = [line.strip() for _, line in lines_of(file)][_LANDMARKS:]
    if len(lines) != len(GROUPS) or not all(line.isdigit() for line in lines):
        raise FraZooError(
            f"{file}: not {_LANDMARKS} lines of landmarks and a number each for {', '.join(GROUPS)}; fix or remove it"
        )
    return [int(line) for line in lines]
