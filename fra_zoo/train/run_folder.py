"""The run folder: everything that training hands on.

config.yaml      the resolved configuration
training.json    what others may see of it
metrics.jsonl    one line a log point
checkpoints/     step-00000123/{model,optimizer}.safetensors and trainer.json, a few
export/          the backbone as timm and transformers load it, heads beside it
*.png            pictures
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from fra_zoo.errors import FraZooError
from fra_zoo.files import TRAINING, read_mapping, read_rows, write_whole
from fra_zoo.paths import output_folder, shown, user_path
from fra_zoo.train.settings import DATA, Settings
from fra_zoo.weights import load_into, read_safetensors

CONFIG, TRAINER = "config.yaml", "trainer.json"


class RunFolder:
    """A run's folder on disk; only the main process writes to it."""

    def __init__(self, path: str | Path) -> None:
        self.path = user_path(path, "output")
        self.checkpoints = self.path / "checkpoints"
        self.export = self.path / "export"
        self.metrics = self.path / "metrics.jsonl"

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
        if latest is None:
            self.metrics.unlink(missing_ok=True)
        else:
            settings.check(self._before(), shown(self.path))
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
            tqdm.write(f"{shown(self.path / CONFIG)} is damaged and written anew; {TRAINING} has the settings before")
            return before
        twin = self.path / TRAINING
        return told | {DATA: read_mapping(twin).get(DATA) if twin.is_file() else None}

    def latest(self) -> Path | None:
        """The newest checkpoint that was written to its end."""
        return next(iter(self._newest_first()), None)

    def _newest_first(self) -> list[Path]:
        return [file.parent for file in sorted(self.checkpoints.glob(f"step-*/{TRAINER}"), reverse=True)]

    def log(self, row: dict[str, Any]) -> None:
        """Append a line to `metrics.jsonl`."""
        with open(self.metrics, "a") as file:
            file.write(json.dumps(row) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`, without damaged ones."""
        return read_rows(self.metrics)[0]

    def forget_after(self, step: int) -> int:
        """Drop the metrics of steps that a resumed run is going to repeat, and damaged lines; gives their number."""
        rows, damaged = read_rows(self.metrics)
        write_whole(self.metrics, "".join(json.dumps(row) + "\n" for row in rows if row["step"] <= step))
        return damaged

    def save(
        self, step: int, task: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any], keep: int
    ) -> Path:
        """Write a checkpoint beside the others and rename it into place; older ones go only then.

        Raises:
            FraZooError: if it cannot be written (disk full); the checkpoints before stay as they are.
        """
        place = self.checkpoints / f"step-{step:08d}"
        making = self.checkpoints / f".making-{step:08d}"
        shutil.rmtree(making, ignore_errors=True)
        try:
            making.mkdir(parents=True)
            save_file(_tensors(task.state_dict()), making / "model.safetensors")
            tensors, rest = flatten_optimizer(optimizer)
            save_file(tensors, making / "optimizer.safetensors")
            (making / TRAINER).write_text(json.dumps({"step": step, **state, "optimizer": rest}))
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

    @staticmethod
    def load(place: Path, task: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """Restore task and optimizer from a checkpoint; gives the trainer's state.

        Raises:
            FraZooError: if it is damaged, or does not fit.
        """
        return _restore(place, *_read(place), task, optimizer)

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
                content = _read(place)
            except FraZooError as error:
                damaged.append(str(error))
                continue
            return _restore(place, *content, task, optimizer), damaged
        why = damaged[0] if damaged else "there is none"
        raise FraZooError(f"no checkpoint of {shown(self.path)} is whole: {why}; give another --output to start anew")

    def set_aside(self, step: int) -> None:
        """Rename checkpoints after a step, which are damaged, so that none of them is taken again."""
        for place in self._newest_first():
            if place.name > f"step-{step:08d}":
                aside = place.with_name(f"damaged-{place.name}")
                shutil.rmtree(aside, ignore_errors=True)
                os.replace(place, aside)


def _read(place: Path) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    """Weights, the optimizer's tensors and the trainer's state of a checkpoint; `FraZooError` if it is damaged."""
    state = read_mapping(place / TRAINER)
    if not isinstance(state.get("step"), int) or not isinstance(state.get("optimizer"), dict):
        raise FraZooError(f"{shown(place / TRAINER)} is damaged: it lacks step and optimizer")
    return read_safetensors(place / "model.safetensors"), read_safetensors(place / "optimizer.safetensors"), state


def _restore(
    place: Path,
    weights: dict[str, Tensor],
    tensors: dict[str, Tensor],
    state: dict[str, Any],
    task: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> dict[str, Any]:
    load_into(task, weights, str(place))
    restore_optimizer(optimizer, tensors, state.pop("optimizer"))
    return state


def _tensors(state: dict[str, Any]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in state.items()}


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Optimizer state as named tensors and the plain rest."""
    state = optimizer.state_dict()["state"]
    tensors, rest = {}, {}
    for number, entries in state.items():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{number}.{key}"] = value.detach().cpu().contiguous()
            else:
                rest[f"{number}.{key}"] = value
    return tensors, rest


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], rest: dict[str, Any]) -> None:
    """Put back what `flatten_optimizer` gave."""
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **rest}.items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    for parameter, entries in optimizer.state.items():
        for key, value in entries.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                # Fused optimizers walk through memory: a moment must lie there as its weight does.
                entries[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
