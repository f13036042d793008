"""The run folder: everything that training hands on.

config.yaml      the resolved configuration
training.json    what others may see of it
metrics.jsonl    one line a log point
checkpoints/     step-00000123/, a few; see `fra_zoo.train.checkpoint`
export/          the backbone as timm and transformers load it, heads beside it
*.png            pictures
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn
from tqdm.auto import tqdm

from fra_zoo.errors import FraZooError
from fra_zoo.io.files import TRAINING, read_mapping, read_rows, replace_folder, write_whole, writing
from fra_zoo.io.locks import WriteLock
from fra_zoo.io.paths import display_path, output_folder, user_path
from fra_zoo.train.checkpoint import TRAINER, Checkpoint
from fra_zoo.train.settings import DATA, Settings

CONFIG = "config.yaml"


class RunFolder:
    """A run's folder on disk; only the main process writes to it."""

    def __init__(self, path: str | Path) -> None:
        self.path = user_path(path, "output")
        self.checkpoints = self.path / "checkpoints"
        self.export = self.path / "export"
        self.metrics = self.path / "metrics.jsonl"
        self.stopped_by: int | None = None  # the signal that ended the run early
        self.lock = WriteLock(self.path / ".lock", f"the run folder {self.path}")

    def open(self, settings: Settings, resume: str) -> Path | None:
        """Make the folder and write what the run was told; the checkpoint to go on from, if `resume` is `auto`.

        Raises:
            FraZooError: if the folder cannot be written to, holds a run and `resume` is `never`, or holds a run with
                other settings or on other data.
        """
        latest = self.latest()
        if resume == "never" and (latest or self.metrics.exists()):
            raise FraZooError(
                f"{self.path} holds a run already; give --resume auto to continue it, or another --output"
            )
        output_folder(self.path, "output")
        self.lock.take()
        if latest is None:
            self.metrics.unlink(missing_ok=True)
        else:
            settings.check(self._before(), display_path(self.path))
        write_whole(self.path / CONFIG, yaml.safe_dump(settings.values, sort_keys=False))
        write_whole(self.path / TRAINING, json.dumps(settings.public, indent=2) + "\n")
        return latest

    def _before(self) -> dict[str, Any]:
        """What the run was told before: `config.yaml`, or what others may see of it where that is damaged."""
        try:
            told = read_mapping(self.path / CONFIG)
        except FraZooError as error:
            try:
                before = read_mapping(self.path / TRAINING)
            except FraZooError:
                raise FraZooError(
                    f"{error}, or give another --output: without it nothing says what the run was told"
                ) from error
            tqdm.write(
                f"{display_path(self.path / CONFIG)} is damaged and written again; {TRAINING} has the settings before"
            )
            return before
        twin = self.path / TRAINING
        return told | {DATA: read_mapping(twin).get(DATA) if twin.is_file() else None}

    def write_export(self, write: Callable[[Path], Any]) -> None:
        """Let `write` make the export in a folder of its own, and put it in the place of the one before as a whole."""
        replace_folder(self.export, write)

    def latest(self) -> Path | None:
        """The newest checkpoint that was written to its end."""
        return next(iter(self._newest_first()), None)

    def _newest_first(self) -> list[Path]:
        return [file.parent for file in sorted(self.checkpoints.glob(f"step-*/{TRAINER}"), reverse=True)]

    def log(self, row: dict[str, Any]) -> None:
        """Append a line to `metrics.jsonl`."""
        with writing(self.metrics), open(self.metrics, "a") as file:
            file.write(json.dumps(row) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`, without damaged ones."""
        return read_rows(self.metrics)[0]

    def forget_after(self, step: int) -> int:
        """Drop the metrics of steps that a resumed run is going to repeat, and damaged lines; gives their number."""
        rows, damaged = read_rows(self.metrics)
        write_whole(self.metrics, "".join(json.dumps(row) + "\n" for row in rows if row["step"] <= step))
        return damaged

    def save(self, checkpoint: Checkpoint, keep: int) -> Path:
        """Write a checkpoint beside the others and rename it into place; older ones go only then.

        Raises:
            FraZooError: if it cannot be written (disk full); the checkpoints before stay as they are.
        """
        step = checkpoint.state["step"]
        place = self.checkpoints / f"step-{step:08d}"
        making = self.checkpoints / f".making-{step:08d}"
        shutil.rmtree(making, ignore_errors=True)
        try:
            making.mkdir(parents=True)
            checkpoint.write(making)
            shutil.rmtree(place, ignore_errors=True)
            os.replace(making, place)
        except Exception as error:  # safetensors raises its own kinds for a full disk
            shutil.rmtree(making, ignore_errors=True)
            latest = self.latest()
            raise FraZooError(
                f"checkpoint {place} could not be written ({error}); free some disk space and --resume auto; "
                f"the newest whole checkpoint is {latest or 'none'}"
            ) from error
        for old in sorted(self.checkpoints.glob("step-*"))[:-keep]:
            shutil.rmtree(old, ignore_errors=True)
        return place

    def load_newest(self, task: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[dict[str, Any], list[str]]:
        """Restore the newest checkpoint that is whole.

        Returns:
            The trainer's state, and one line about each damaged checkpoint that was passed over.

        Raises:
            FraZooError: if none is whole, or it does not fit.
        """
        damaged: list[str] = []
        for place in self._newest_first():
            try:
                checkpoint = Checkpoint.read(place)
            except FraZooError as error:
                damaged.append(str(error))
                continue
            checkpoint.restore(task, optimizer, str(place))
            return checkpoint.state, damaged
        why = damaged[0] if damaged else "there is none"
        raise FraZooError(
            f"no checkpoint of {display_path(self.path)} is whole: {why}; give another --output to start again"
        )

    def set_aside(self, step: int) -> None:
        """Rename checkpoints after a step, which are damaged, so that none of them is taken again."""
        for place in self._newest_first():
            if place.name > f"step-{step:08d}":
                aside = place.with_name(f"damaged-{place.name}")
                shutil.rmtree(aside, ignore_errors=True)
                os.replace(place, aside)
