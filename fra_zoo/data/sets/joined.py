"""Several datasets as one: the faces of the first, then those of the second, and so on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from datasets import Value, concatenate_datasets

from fra_zoo.config.fields import SHARE, check_number
from fra_zoo.data.dataset import FaceData, MissingSplit, create_dataset, register_dataset, reject_streaming
from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import user_path

_NAME = "joined"
_EXAMPLE = "[{name: ferplus, root: FERPLUS}, {name: lfw, root: LFW, center_crop: 0.56}]"
_CUTS = ("box", "center_crop")  # what says which part of an image is the face; null is all of it


@register_dataset(_NAME)
def joined(split: str, root: str | None = None, streaming: bool = False, parts: Any = ()) -> FaceData:
    """The faces of several datasets in one, as for pre-training without labels.

    `--dataset joined --root FACES --parts '[{name: ferplus, root: ferplus}, {name: lfw, root: lfw, center_crop:
    0.56}]'`

    A part that has no such split is left out, and said, unless none has it. Columns that not all parts have are left
    out; labels stay where all parts have the same classes, in the order of the first part's.

    Args:
        root: the folder that the parts' roots lie in; without it they are taken as they are.
        parts: of each, `name` (a registered dataset), `root`, `center_crop` (the share of the shorter side that is
            kept, square, around the centre, as the face fills less of some pictures than of others) and its own
            options.
    """
    reject_streaming(_NAME, streaming)
    if not parts or isinstance(parts, (str, Mapping)) or not all(isinstance(part, Mapping) for part in parts):
        raise FraZooError(f"dataset '{_NAME}' needs its parts: --parts '{_EXAMPLE}'")
    found, problems = [], ()
    for number, part in enumerate(parts):
        try:
            found.append(_part(part, number, split, root))
        except MissingSplit as error:
            problems += (str(error),)
    if not found:
        raise MissingSplit(f"dataset '{_NAME}': no part has a split '{split}': {'; '.join(problems)}")
    found = _one_label_space(found)
    return FaceData(
        concatenate_datasets(_same_columns(found)),
        _NAME,
        split,
        found[0].labels,
        "; ".join(dict.fromkeys(data.license for data in found)),
        "; ".join(data.source for data in found),
        " + ".join(data.layout or data.name for data in found),
        problems + tuple(f"{data.name}: {line}" for data in found for line in data.problems),
        sum(data.missing for data in found),
    )


def _part(part: Mapping[str, Any], number: int, split: str, root: str | None) -> FaceData:
    """One dataset, with a column `center_crop` if it has one to say."""
    options = dict(part)
    name, place, crop = options.pop("name", None), options.pop("root", None), options.pop("center_crop", None)
    if not isinstance(name, str) or name == _NAME or not isinstance(place, (str, type(None))):
        raise FraZooError(
            f"dataset '{_NAME}', part {number}: give it the name of another dataset, and its root as text, as in "
            f"{_EXAMPLE}"
        )
    check_number(f"center_crop of part {number} ('{name}')", crop, float | None, SHARE)
    if place is not None and root is not None:
        place = os.path.join(user_path(root, f"root of dataset '{_NAME}'"), user_path(place, f"root of part {number}"))
    data = create_dataset(name, split, place, **options)
    if crop is None:
        return data
    column = [float(crop)] * len(data)
    return replace(data, dataset=data.dataset.add_column("center_crop", column, feature=Value("float32")))


def _one_label_space(parts: Sequence[FaceData]) -> list[FaceData]:
    """The parts with labels in one order; without labels if their classes differ, or some have none."""
    first = parts[0].labels
    if first is not None and all(data.labels and set(data.labels.classes) == set(first.classes) for data in parts):
        return [data.in_space(first) for data in parts]
    return [replace(data, labels=None, dataset=_without(data.dataset, ("label", "votes", "target"))) for data in parts]


def _same_columns(parts: Sequence[FaceData]) -> list[Any]:
    """The datasets of the parts with the columns that all have; cuts are null where a part has none."""
    datasets = [data.dataset for data in parts]
    shared = [name for name in datasets[0].column_names if all(name in one.column_names for one in datasets)]
    for cut in _CUTS:
        feature = next((one.features[cut] for one in datasets if cut in one.column_names), None)
        if feature is not None and cut not in shared:
            shared.append(cut)
            datasets = [
                one if cut in one.column_names else one.add_column(cut, [None] * len(one), feature=feature)
                for one in datasets
            ]
    datasets = [one.select_columns(shared) for one in datasets]
    features = datasets[0].features
    return [one if one.features == features else one.cast(features) for one in datasets]


def _without(dataset: Any, names: Sequence[str]) -> Any:
    return dataset.remove_columns([name for name in names if name in dataset.column_names])
