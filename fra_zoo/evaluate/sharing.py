"""Faces shared among the processes of a launch: each looks at its own batches, and all get what all have found.

The batches are those of one process, dealt out in turn; so nothing is rounded otherwise, whatever their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from fra_zoo.data.loading import Cache, FaceLoader, Faces
from fra_zoo.errors import FraZooError
from fra_zoo.runtime.distributed import gather_objects, process_rank, world_size

BATCH = 256
T = TypeVar("T")


def shard_loader(faces: Faces, *, workers: int = 0, cache: Cache = "none") -> FaceLoader:
    """This process's batches of faces, in order, the last one small; some processes may have none."""
    rank, world = process_rank(), world_size()
    return FaceLoader(faces, BATCH, rank=rank, world=world, shuffle=False, workers=workers, cache=cache)


def distributed_map(loader: FaceLoader, look: Callable[[dict[str, Any]], T]) -> Iterator[T]:
    """What `look` finds in each batch of a loader that does not shuffle, in order, whichever process looked.

    Where the loader has a share of the faces, all processes of the launch must call this, and go through as much of it.

    Args:
        look: finds something that can be pickled, with tensors on the CPU.

    Raises:
        FraZooError: on every process, if one raises it.
    """
    batches = loader.epoch(0)

    def next_one() -> Any:
        try:
            batch = next(batches, None)
            return None if batch is None else (look(batch), batch["bad"])
        except FraZooError as error:
            return error

    try:
        for _ in range(loader.steps_per_epoch):
            for found in [next_one()] if loader.world == 1 else gather_objects(next_one()):
                if isinstance(found, FraZooError):
                    raise found
                if found is not None:
                    loader.note_bad(found[1])
                    yield found[0]
    finally:
        loader.close()
