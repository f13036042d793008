"""Weights that come with the package: one folder `pretrained/NAME.TAG/` each, as it is on the Hub.

A folder that is there is a tag of its name; there is no list of them, and other packages have such folders. Pre-trained
backbones come before classifiers, so that a name without a tag is the backbone.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from fra_zoo.errors import FraZooError
from fra_zoo.io.files import read_mapping
from fra_zoo.io.weights import CONFIG, WEIGHTS

FOLDER = Path(__file__).parent / "pretrained"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BundledWeights:
    """A set of weights in the package.

    Attributes:
        folder: an export: `config.json`, `model.safetensors`, and perhaps heads.
        config: what `config.json` says; empty if it cannot be read, which loading then says.
    """

    folder: Path
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """What stands after the dot."""
        return self.folder.name.partition(".")[2]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; none for a backbone."""
        return tuple(self.config.get("label_names") or ())

    @property
    def model_args(self) -> dict[str, Any]:
        """What the architecture was built with, such as `output_stride`."""
        return dict(self.config.get("model_args") or {})

    @property
    def cfg(self) -> dict[str, Any]:
        """timm's configuration of it, with the file of its weights."""
        labels = {"label_names": self.labels} if self.labels else {}
        own = {
            key: tuple(value) if isinstance(value, list) else value  # as timm writes its own
            for key, value in (self.config.get("pretrained_cfg") or {}).items()
            if key != "tag"
        }
        return {**own, **labels, "num_classes": len(self.labels), "file": str(self.folder / WEIGHTS)}


@cache
def places() -> tuple[Path, ...]:
    """Folders of such folders: the package's, then those of other packages.

    These name theirs as entry points:

        [project.entry-points."fra_zoo.pretrained"]
        mine = "my_package.pretrained"  # a package whose folder holds NAME.TAG/
    """
    found = [FOLDER]
    for entry in entry_points(group="fra_zoo.pretrained"):
        try:
            spec = importlib.util.find_spec(entry.value)
        except ImportError:
            spec = None
        if spec is None or not spec.submodule_search_locations:
            _log.warning(
                "weights '%s' (fra_zoo.pretrained: %s) are no package's folder; left out", entry.name, entry.value
            )
            continue
        found += map(Path, spec.submodule_search_locations)
    return tuple(found)


def bundled_names() -> list[str]:
    """Names that have weights, by the folders alone."""
    found = (folder.name.partition(".") for place in places() for folder in sorted(place.glob("*.*/")))
    return list(dict.fromkeys(name for name, dot, tag in found if name and tag))


def bundled(name: str, *where: Path) -> dict[str, BundledWeights]:
    """The embedded weights of a zoo name, by tag; backbones first. They lie in `where`, else in `places()`."""
    folders = (folder for place in where or places() for folder in sorted(place.glob(f"{name}.*")))
    found = [_read(folder) for folder in folders if folder.is_dir()]
    return {one.tag: one for one in sorted(found, key=lambda one: bool(one.labels))}


def _read(folder: Path) -> BundledWeights:
    try:
        return BundledWeights(folder, read_mapping(folder / CONFIG))
    except FraZooError:
        return BundledWeights(folder)
