"""What a run folder knows of itself, without what belongs to one machine alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.record import MEASURED
from fra_zoo.evaluate.watching import panel_of
from fra_zoo.io.files import RESULTS, TRAINING, read_mapping, read_rows
from fra_zoo.io.paths import public, redacted
from fra_zoo.io.weights import CONFIG, HEADS_CONFIG

MONITORED = "monitored"  # of training.json in a published folder, which has no metrics.jsonl


@dataclass(frozen=True)
class RunFacts:
    """What the card says.

    Attributes:
        config: of the export, as timm reads it.
        training: the run's configuration, command, hardware, time and versions, without paths.
        results: `results.json` of fine-tuning and of evaluators (`measured`), or {}.
        monitored: the last numbers of the evaluators that pre-training watched, or {}.
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

    def section(self, name: str) -> dict[str, Any]:
        """A section of the run's configuration, such as `dataset`, or {}."""
        return self.training.get(name) or {}

    @property
    def measured(self) -> dict[str, dict[str, Any]]:
        """What evaluators found after the training, by their names; see `fra_zoo.hub.measured`."""
        measured = self.results.get(MEASURED, {})
        if not isinstance(measured, Mapping) or not all(isinstance(numbers, Mapping) for numbers in measured.values()):
            raise FraZooError(f"{RESULTS}: '{MEASURED}' must hold numbers by evaluator; copy the file again")
        return dict(measured)  # type: ignore[return-value]

    @property
    def license(self) -> str:
        """Of the weights, as the export says."""
        return (self.config.get("pretrained_cfg") or {}).get("license") or "unknown"


def read_facts(run: Path, export: Path) -> RunFacts:
    """Read a run folder; of an export alone there is less to know.

    Raises:
        FraZooError: if one of its files is damaged.
    """
    training = _mapping(run / TRAINING)
    monitored = training.pop(MONITORED, {})
    about = _mapping(run / "run.json")
    if "command" in about:
        about["command"] = _command_for_others(str(about["command"]))
    training |= {"run": about} if about else {}
    return RunFacts(
        _mapping(export / CONFIG),
        redacted(training),
        redacted(_mapping(run / RESULTS)),
        _monitored(run) or monitored,
        _mapping(export / HEADS_CONFIG),
    )


def _command_for_others(command: str) -> str:
    """A command without the paths of this machine and without passwords."""
    try:
        words = shlex.split(command)
    except ValueError:  # a quote that nobody closed
        words = command.split()
    return shlex.join(map(_for_others, words))


def _for_others(word: str) -> str:
    """A word of a command, `--key=VALUE` too, without a path of this machine; a recipe's place is the same for all."""
    if word.startswith("recipes/"):
        return word
    key, equals, value = word.partition("=")
    return f"{key}={public(value)}" if equals and key.startswith("--") else public(word)


def _mapping(file: Path) -> dict[str, Any]:
    return read_mapping(file) if file.is_file() else {}


def _monitored(run: Path) -> dict[str, float]:
    """The last numbers of what was watched."""
    rows, _ = read_rows(run / "metrics.jsonl")
    return {name: value for row in rows for name, value in row.items() if panel_of(name) is not None}
