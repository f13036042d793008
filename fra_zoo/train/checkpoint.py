"""A checkpoint: weights, the optimizer's state and the trainer's, in memory and in a folder.

model.safetensors      the task's weights
optimizer.safetensors  the optimizer's tensors
trainer.json           the rest
digests.json           a digest of each of the others, which tells a flipped bit

Tensors are whole, also where a run splits them over its processes: such a run goes on without splitting, and the other
way round.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fra_zoo.errors import FraZooError
from fra_zoo.io.files import digest, read_mapping
from fra_zoo.io.paths import display_path
from fra_zoo.io.weights import load_into, read_safetensors
from fra_zoo.train.fsdp import placed, whole

TRAINER = "trainer.json"
_WEIGHTS, _OPTIMIZER, _DIGESTS = "model.safetensors", "optimizer.safetensors", "digests.json"


@dataclass(frozen=True)
class Checkpoint:
    """What a run goes on from.

    Attributes:
        weights: of the task, on the CPU.
        tensors: of the optimizer's state, on the CPU, as `NUMBER.NAME` by the number of the parameter.
        rest: of the optimizer's state what is no tensor.
        state: the trainer's, with `step`.
    """

    weights: dict[str, Tensor]
    tensors: dict[str, Tensor]
    rest: dict[str, Any]
    state: dict[str, Any]

    @classmethod
    def take(
        cls, task: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any], *, keep: bool = True
    ) -> Checkpoint:
        """The present one. Where weights are split every process must call this; `keep` says which one holds it."""
        tensors, rest = {}, {}
        for number, entries in optimizer.state_dict()["state"].items():
            for key, value in entries.items():
                (tensors if isinstance(value, Tensor) else rest)[f"{number}.{key}"] = value
        return cls(whole(task.state_dict(), keep=keep), whole(tensors, keep=keep), rest, state)

    def write(self, folder: Path) -> None:
        """Write the files into a folder; `trainer.json`, which says that all is there, comes last."""
        save_file(self.weights, folder / _WEIGHTS)
        save_file(self.tensors, folder / _OPTIMIZER)
        trainer = folder / f".{TRAINER}"
        trainer.write_text(json.dumps({**self.state, "optimizer": self.rest}))
        digests = {_WEIGHTS: folder / _WEIGHTS, _OPTIMIZER: folder / _OPTIMIZER, TRAINER: trainer}
        (folder / _DIGESTS).write_text(json.dumps({name: digest(file) for name, file in digests.items()}))
        trainer.rename(folder / TRAINER)

    @classmethod
    def read(cls, folder: Path) -> Checkpoint:
        """Read what `write` wrote; `FraZooError` if it is damaged."""
        if (folder / _DIGESTS).is_file():  # of older versions there is none
            for name, expected in read_mapping(folder / _DIGESTS).items():
                if not (folder / name).is_file() or digest(folder / name) != expected:
                    raise FraZooError(f"{display_path(folder / name)} is damaged: its digest is not what was written")
        state = read_mapping(folder / TRAINER)
        if not isinstance(state.get("step"), int) or not isinstance(state.get("optimizer"), dict):
            raise FraZooError(f"{display_path(folder / TRAINER)} is damaged: it lacks step and optimizer")
        rest = state.pop("optimizer")
        return cls(read_safetensors(folder / _WEIGHTS), read_safetensors(folder / _OPTIMIZER), rest, state)

    def restore(self, task: nn.Module, optimizer: torch.optim.Optimizer, where: str) -> None:
        """Put everything back; `FraZooError`, with `where` it came from, if it does not fit."""
        load_into(task, _as_they_lie(self.weights, task.state_dict()), where)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Any]] = {}
        for name, value in {**self.tensors, **self.rest}.items():
            number, key = name.split(".", 1)
            # A moment lies as its weight does: fused optimizers walk through memory, and split ones know their part.
            moment = isinstance(value, Tensor) and value.shape == parameters[int(number)].shape
            state.setdefault(int(number), {})[key] = placed(value, parameters[int(number)]) if moment else value
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})


def _as_they_lie(values: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    fits = {name for name, value in values.items() if name in own and own[name].shape == value.shape}
    return {name: placed(value, own[name]) if name in fits else value for name, value in values.items()}
