"""From a loader's batch to what a task takes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fra_zoo.task import Batch, Task
from fra_zoo.views.apply import views_with_transforms
from fra_zoo.views.random import fold, sample_keys

_PREPARE = 1_000  # the word of the keys for `Task.prepare`; views have the words below it
_ELSEWHERE = ("image", "bad", "key")


def ready(task: Task, batch: dict[str, Any], *, seed: int, epoch: int, device: torch.device) -> Batch:
    """The batch on the device: its columns, its views, and what `Task.prepare` adds.

    Args:
        task: what it is for.
        batch: of a loader: `image` (uint8), `index`, and perhaps `key` (what decides the draws; else the index).
        seed, epoch: of the draws.
        device: where it goes.
    """

    def put(x: Tensor) -> Tensor:
        return x.to(device, non_blocking=True)

    keys = batch.get("key", batch["index"])
    views = views_with_transforms(put(batch["image"]), task.views, seed=seed, epoch=epoch, index=keys)
    columns = {name: x for name, x in batch.items() if isinstance(x, Tensor) and name not in _ELSEWHERE}
    columns |= task.prepare(batch, fold(sample_keys(seed, epoch, keys), _PREPARE))
    return {
        "views": [view.images for view in views],
        "transforms": [put(view.transform.float()) for view in views],
        **{name: put(x) for name, x in columns.items()},
    }
