"""Operation: one step from an image to a view, on a batch, with draws of its own."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fra_zoo.registry import Registry
from fra_zoo.runtime.moved import moved_method, take_old_overrides
from fra_zoo.views.random import fold

OPERATIONS: Registry[type[Operation]] = Registry("operation", "fra_zoo.views.operations")


class View(NamedTuple):
    """A batch of images on their device, and where each lies in the image it was cut from, on the CPU.

    `transform` is an affine map from the view's coordinates to the image's (`fra_zoo.views.transforms`).
    """

    images: Float[Tensor, "b c h w"]
    transform: Float[Tensor, "b 2 3"]


@dataclass(frozen=True)
class Operation:
    """One step from an image to a view: a frozen dataclass of its ranges and probabilities.

    It is called with the batch so far, a key for each sample (on the CPU), and the side of the view in pixels. The keys
    decide every draw (`fra_zoo.views.random.uniform`). They are the operation's own, by its name, so that adding or
    leaving out another operation moves none of its draws. It may change `view.images` in place. One that moves pixels
    gives a new `transform` (`fra_zoo.views.transforms.after`).

        @OPERATIONS.register("invert")
        @dataclass(frozen=True)
        class Invert(Operation):
            p: float = 0.5

            def __call__(self, view: View, keys: Tensor, size: int) -> View:
                chosen = uniform(keys, 1)[:, 0] < self.p
                return view._replace(images=on_chosen(view.images, chosen, lambda x, _: 1.0 - x))
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        take_old_overrides(cls, {"clean": "eval_view"})

    def __call__(self, view: View, keys: Int[Tensor, " b"], size: int) -> View:
        raise NotImplementedError

    def eval_view(self) -> Operation | None:
        """What is left of it in the view of evaluation, where nothing is random; None if nothing is."""
        return None

    clean = moved_method("clean", "eval_view")

    @classmethod
    def own_keys(cls, keys: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        """This operation's keys, from the view's.

        The package's first operations have fixed places in the view's one sequence of draws (`random.skip`) instead of
        a key by their name: so they were drawn at first, and so a run of that time can be made again.
        """
        return fold(keys, zlib.crc32(cls.__name__.encode()))


def on_chosen(
    images: Float[Tensor, "b c h w"], chosen: Bool[Tensor, " b"], change: Callable[[Tensor, Tensor], Tensor]
) -> Float[Tensor, "b c h w"]:
    """`change(images, numbers)` for the chosen samples alone, written into `images` where these are not all of them.

    Which are chosen is known on the CPU, so nothing waits for the device, and an operation costs only for the samples
    that it is drawn for.
    """
    where = chosen.nonzero()[:, 0]
    if len(where) == 0:
        return images
    if len(where) == len(chosen):
        return change(images, where)
    there = where.to(images.device, non_blocking=True)
    return images.index_copy_(0, there, change(images.index_select(0, there), where))


def put(x: Float[Tensor, "*n"], images: Tensor) -> Float[Tensor, "*n"]:
    """Draws to the images' device, as float32."""
    return x.to(torch.float32).to(images.device, non_blocking=True)


def between(u: Float[Tensor, "*n"], bounds: tuple[float, float]) -> Float[Tensor, "*n"]:
    """From draws in [0, 1) to draws between two bounds."""
    return bounds[0] + (bounds[1] - bounds[0]) * u


def around(u: Float[Tensor, "*n"], middle: float, reach: float) -> Float[Tensor, "*n"]:
    """From draws in [0, 1) to draws from `middle - reach` to `middle + reach`."""
    return middle + reach * (2.0 * u - 1.0)
