"""What a run folder knows of itself, without what belongs to one machine alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fra_zoo.broken_files import read_json, read_text
from fra_zoo.errors import FraZooError
from fra_zoo.paths import shown
from fra_zoo.weights import CONFIG, HEADS_CONFIG

# Paths and the like: of no use to others, and nobody's business.
_PRIVATE = ("output", "root", "probe_root", "resume", "tracker", "cache", "workers", "keep")


@dataclass(frozen=True)
class RunFacts:
    """What the card says.

    Attributes:
        config: of the export, as timm reads it.
        training: the run's configuration, command, hardware, time and versions, without paths.
        results: `results.json` of fine-tuning, or {}.
        monitored: the last numbers that pre-training watched (probe, kNN, regions), or {}.
        heads: `heads.json` of a method, or {}.
    """

    config: dict[str, Any]
    training: dict[str, Any]
    results: dict[str, Any]
    monitored: dict[str, float]
    heads: dict[str, Any]

    @property
    def labels(self) -> list[str]:
        """Class names, or none."""
        return list(self.config.get("label_names", []))

    @property
    def license(self) -> str:
        """Of the weights, as the export says."""
        return (self.config.get("pretrained_cfg") or {}).get("license") or "unknown"


def read_facts(run: Path, export: Path) -> RunFacts:
    """Read a run folder; of an export alone there is less to know.

    Raises:
        FraZooError: names the file that is cut, empty or a pointer of Git LFS.
    """
    settings = _yaml(run / "config.yaml")
    training = {
        key: _without_path(value) for key, value in settings.items() if key not in _PRIVATE and value is not None
    }
    training |= {"run": _json(run / "run.json")} if (run / "run.json").is_file() else {}
    return RunFacts(
        _json(export / CONFIG), training, _json(run / "results.json"), _monitored(run), _json(export / HEADS_CONFIG)
    )


def _without_path(value: Any) -> Any:
    """`local-dir:/home/me/runs/fra` is `local-dir:fra`."""
    if isinstance(value, str) and value.startswith("local-dir:"):
        return f"local-dir:{Path(value.removeprefix('local-dir:')).name}"
    return value


def _json(file: Path) -> dict[str, Any]:
    return read_json(file) if file.is_file() else {}


def _yaml(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        content = yaml.safe_load(read_text(file))
    except yaml.YAMLError as error:
        raise FraZooError(f"{shown(file)} is no YAML ({' '.join(str(error).split())[:160]}); copy it again") from error
    if content is not None and not isinstance(content, dict):
        raise FraZooError(f"{shown(file)} holds no keys and values; copy it again")
    return content or {}


def _monitored(run: Path) -> dict[str, float]:
    """The last numbers of each name; a line that a kill cut says nothing."""
    file = run / "metrics.jsonl"
    if not file.is_file():
        return {}
    names = ("probe_accuracy", "knn_accuracy", "region_iou", "region_purity")
    found: dict[str, float] = {}
    for line in read_text(file).splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            found |= {name: row[name] for name in names if name in row}
    return found
