"""`fra-zoo data convert`: a dataset of many small files as a few Parquet files with the images in them."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from datasets import Dataset
from datasets.utils.logging import disable_progress_bar
from tqdm.auto import tqdm

from fra_zoo.config.fields import COUNT, checked
from fra_zoo.data.dataset import SPLITS, FaceData, MissingSplit, create_dataset
from fra_zoo.data.dataset_info import ABOUT
from fra_zoo.data.inspect import recognise
from fra_zoo.data.pixels.images import UNREADABLE, check, image_name
from fra_zoo.data.pixels.opening import image_bytes
from fra_zoo.data.problems import say_problems
from fra_zoo.data.splits import checksum
from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path, output_folder, user_path

PLAN = "convert.json"
_BESIDE = ("pairs.txt",)


@dataclass(frozen=True)
class Shard:
    """Rows `start` to `stop` of a split, and the file that holds them."""

    split: str
    start: int
    stop: int
    file: Path

    @property
    def bad(self) -> Path:
        """The list of those rows that could not be read; written before the shard gets its name."""
        return self.file.with_suffix(".bad.json")


@checked
def convert(
    root: str | Path,
    out: str | Path,
    *,
    dataset: str | None = None,
    options: dict[str, Any] | None = None,
    shard_images: Annotated[int, COUNT] = 2048,
) -> Path:
    """Write every split of a dataset to `out` as Parquet; called again after a kill, it goes on where it was.

    Images keep their bytes; those that cannot be read are left out and named in `dataset.json`. A shard gets its name
    when it is whole, so what has its name is never written again.

    Args:
        root: where the dataset lies.
        out: folder for the Parquet files.
        dataset: its registered name; found out by default.
        options: of the dataset.
        shard_images: images in a file.

    Raises:
        FraZooError: if `out` holds something else, or the disk is full.
    """
    root = user_path(root, "PATH")
    name = dataset or recognise(root)[0]
    out = output_folder(out, "the folder to convert to")
    _require_ours(out)
    splits = {}
    for split in SPLITS:
        try:
            splits[split] = create_dataset(name, split, str(root), **(options or {}))
        except MissingSplit:
            continue
        say_problems(splits[split])
    plan = {
        "dataset": name,
        "options": options or {},
        "shard_images": shard_images,
        "splits": {split: {"images": len(data), "sha256": checksum(data)} for split, data in splits.items()},
    }
    _open(out, plan)
    shards = [shard for split, data in splits.items() for shard in _shards(out, split, len(data), shard_images)]
    disable_progress_bar()
    with tqdm(total=sum(map(len, splits.values())), desc=f"converting {name}", unit="image") as bar:
        for shard in shards:
            if not shard.file.is_file():
                _write(shard, splits[shard.split])
            bar.update(shard.stop - shard.start)
    for beside in _BESIDE:
        if Path(root, beside).is_file():
            shutil.copyfile(Path(root, beside), out / beside)
    _write_json(out / ABOUT, _about(splits, shards))
    return out


def _require_ours(out: Path) -> None:
    """The folder is empty, or holds a conversion."""
    if any(out.iterdir()) and not (out / PLAN).is_file():
        raise FraZooError(f"{display_path(out)} is not empty and holds no conversion; give an empty folder")


def _open(out: Path, plan: dict[str, Any]) -> None:
    """Begin, or make sure that the folder holds the same conversion."""
    if not (out / PLAN).is_file():
        _write_json(out / PLAN, plan)
        return
    try:
        same = json.loads((out / PLAN).read_text()) == plan
    except ValueError:
        same = False
    if not same:
        raise FraZooError(
            f"{display_path(out)} holds a conversion of other images or with other options; give an empty folder"
        )


def _shards(out: Path, split: str, images: int, each: int) -> list[Shard]:
    count = -(-images // each)
    return [
        Shard(split, i * each, min((i + 1) * each, images), out / f"{split}-{i:05d}-of-{count:05d}.parquet")
        for i in range(count)
    ]


def _write(shard: Shard, data: FaceData) -> None:
    columns: dict[str, list] = {name: [] for name in data.dataset.column_names}
    bad = []
    for number, row in enumerate(data.dataset.with_format(None).select(range(shard.start, shard.stop))):
        try:
            row["image"] = _with_bytes(row["image"])
        except UNREADABLE:
            bad.append(display_path(image_name(row["image"], shard.start + number)))
            continue
        for name, value in row.items():
            columns[name].append(value)
    making = shard.file.with_suffix(".making")
    try:
        Dataset.from_dict(columns, features=data.dataset.features).to_parquet(making)
        _write_json(shard.bad, bad)
        os.replace(making, shard.file)
    except OSError as error:
        making.unlink(missing_ok=True)
        why = f"{display_path(shard.file)} could not be written ({error}); free some disk space and run again"
        raise FraZooError(why) from error


def _with_bytes(image: dict[str, Any]) -> dict[str, Any]:
    """The image with its bytes, once they are known to be a whole image."""
    content = image_bytes(image)
    check(content)
    return {"bytes": content, "path": display_path(os.path.basename(image.get("path") or "")) or None}


def _about(splits: dict[str, FaceData], shards: list[Shard]) -> dict[str, Any]:
    first = next(iter(splits.values()))
    bad = {split: [] for split in splits}
    for shard in shards:
        bad[shard.split] += json.loads(shard.bad.read_text())
    return {
        "name": first.name,
        "license": first.license,
        "source": first.source,
        "label_space": first.labels.name if first.labels else None,
        "classes": list(first.labels.classes) if first.labels else None,
        "splits": {split: {"images": len(data) - len(bad[split])} for split, data in splits.items()},
        "unreadable": {split: names for split, names in bad.items() if names},
    }


def _write_json(file: Path, content: Any) -> None:
    making = file.with_suffix(file.suffix + ".making")
    try:
        making.write_text(json.dumps(content, indent=2) + "\n")
        os.replace(making, file)
    except OSError as error:
        making.unlink(missing_ok=True)
        why = f"{display_path(file)} could not be written ({error.strerror}); free some disk space and run again"
        raise FraZooError(why) from error
