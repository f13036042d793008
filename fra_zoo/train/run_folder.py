"""The run folder: everything that training hands on.

config.yaml      the resolved configuration
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
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fra_zoo.errors import FraZooError
from fra_zoo.paths import user_path
from fra_zoo.weights import load_into, read_safetensors


class RunFolder:
    """A run's folder on disk; only the main process writes to it."""

    def __init__(self, path: str | Path) -> None:
        self.path = user_path(path, "output")
        self.checkpoints = self.path / "checkpoints"
        self.export = self.path / "export"
        self.metrics = self.path / "metrics.jsonl"

    def open(self, config: dict[str, Any], resume: str) -> Path | None:
        """Make the folder and write `config.yaml`; the checkpoint to continue from, if `resume` is `auto`.

        Raises:
            FraZooError: if the folder holds a run and `resume` is `never`, or a run with other settings.
        """
        latest = self.latest()
        file = self.path / "config.yaml"
        if resume == "never" and (latest or self.metrics.exists()):
            raise FraZooError(
                f"{self.path} holds a run already; give --resume auto to continue it, or another --output"
            )
        if latest and file.is_file():
            before = yaml.safe_load(file.read_text())
            changed = [k for k in config if k not in _MAY_CHANGE and k in before and before[k] != config[k]]
            if changed:
                raise FraZooError(
                    f"{self.path} cannot be resumed with other settings: "
                    + ", ".join(f"{key} was {before[key]}, is {config[key]}" for key in changed)
                )
        self.path.mkdir(parents=True, exist_ok=True)
        if latest is None:
            self.metrics.unlink(missing_ok=True)
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        return latest

    def latest(self) -> Path | None:
        """The newest whole checkpoint."""
        found = sorted(self.checkpoints.glob("step-*/trainer.json"))
        return found[-1].parent if found else None

    def log(self, row: dict[str, Any]) -> None:
        """Append a line to `metrics.jsonl`."""
        with open(self.metrics, "a") as file:
            file.write(json.dumps(row) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """All lines of `metrics.jsonl`."""
        if not self.metrics.is_file():
            return []
        return [json.loads(line) for line in self.metrics.read_text().splitlines()]

    def forget_after(self, step: int) -> None:
        """Drop metrics of steps that a resumed run is going to repeat."""
        kept = [row for row in self.rows() if row["step"] <= step]
        _write_whole(self.metrics, "".join(json.dumps(row) + "\n" for row in kept))

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
            (making / "trainer.json").write_text(json.dumps({"step": step, **state, "optimizer": rest}))
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
        """Restore task and optimizer from a checkpoint; gives the trainer's state."""
        load_into(task, read_safetensors(place / "model.safetensors"), str(place))
        state = json.loads((place / "trainer.json").read_text())
        restore_optimizer(optimizer, load_file(place / "optimizer.safetensors"), state.pop("optimizer"))
        return state


# What may differ when a run is continued: it does not change the weights.
_MAY_CHANGE = {
    "output", "root", "probe_root", "max_steps", "workers", "cache", "resume", "save_every", "save_steps", "keep",
    "evaluate_every", "log_every", "threads", "tracker", "bad_images_limit", "shard_seconds", "versions",
    "probe_images",
}  # fmt: skip


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


def _write_whole(file: Path, text: str) -> None:
    making = file.with_suffix(file.suffix + ".making")
    making.write_text(text)
    os.replace(making, file)
