"""Views of a batch of uint8 images, made on their device with the draws of each sample.

Parameters are drawn on the CPU from the sample's key, so which samples an operation touches is known without asking
the device: no synchronisation, and an operation costs only for the samples it is drawn for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from fra_zoo.errors import FraZooError
from fra_zoo.views import transforms
from fra_zoo.views.operation import Operation, View
from fra_zoo.views.random import fold, sample_keys
from fra_zoo.views.spec import ViewSpec

_AGAIN = 1_000  # words of the keys from here on are those of operations that stand in a view more than once


def make_views(
    images: UInt8[Tensor, "b 3 h w"], specs: Sequence[ViewSpec], *, seed: int, epoch: int, index: Int[Tensor, " b"]
) -> list[Float[Tensor, "b _ _ _"]]:
    """One normalised batch for each spec, channels-last; `index` (CPU) is the samples' numbers in the dataset."""
    return [view.images for view in views_with_transforms(images, specs, seed=seed, epoch=epoch, index=index)]


def views_with_transforms(
    images: UInt8[Tensor, "b 3 h w"], specs: Sequence[ViewSpec], *, seed: int, epoch: int, index: Int[Tensor, " b"]
) -> list[View]:
    """`make_views`, with the transform of each view."""
    keys = sample_keys(seed, epoch, index)
    return [make_view(images, spec, fold(keys, number)) for number, spec in enumerate(specs)]


def make_view(images: UInt8[Tensor, "b 3 h w"], spec: ViewSpec, keys: Int[Tensor, " b"]) -> View:
    """One view of each image; `keys` (CPU) decide every draw.

    Raises:
        FraZooError: if no operation brings the images to the side of the view.
    """
    view = View(images.to(torch.float32).div_(255.0), transforms.identity(len(images)))
    for operation, own in _with_keys(spec.operations, keys):
        view = operation(view, own, spec.size)
    if view.images.shape[2:] != (spec.size, spec.size):
        raise FraZooError(
            f"a view of {spec.size} px came out as {tuple(view.images.shape[2:])}: none of its operations resizes; "
            "begin them with resize or random_resized_crop"
        )
    return view._replace(images=view.images.contiguous(memory_format=torch.channels_last))


def _with_keys(operations: Sequence[Operation], keys: Int[Tensor, " b"]) -> Iterator[tuple[Operation, Tensor]]:
    """Each operation with its keys; a second one of the same kind draws again."""
    seen: dict[type[Operation], int] = {}
    for operation in operations:
        kind = type(operation)
        number = seen.get(kind, 0)
        seen[kind] = number + 1
        yield operation, kind.own_keys(fold(keys, _AGAIN + number) if number else keys)
