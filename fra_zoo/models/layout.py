"""The contract of a layout: how other code names the tensors of its checkpoints."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from fra_zoo.errors import FraZooError
from fra_zoo.registry import Registry

State = dict[str, Tensor]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class CheckpointMethod:
    """A method of ours with its heads, where the checkpoint has all of it.

    Attributes:
        name: under which it is registered.
        preset, options: of it, as far as the tensors tell.
        state: its tensors under our names.
    """

    name: str
    preset: str | None
    options: dict[str, Any]
    state: State


@dataclass(frozen=True)
class CheckpointContent:
    """What a layout reads out of a checkpoint.

    Attributes:
        weights: of the backbone or classifier, under timm's names.
        used: the checkpoint's keys from which something was taken.
        method: the whole method, if it is there.
    """

    weights: State
    used: tuple[str, ...]
    method: CheckpointMethod | None = None


@dataclass(frozen=True)
class Layout:
    """How other code names the tensors of its checkpoints.

    Attributes:
        read: the checkpoint's tensors, without a leading `module.`, to what is in them.
        known_by: pattern of the beginning of a key that such a checkpoint has.
        not_by: pattern of one that it does not have, where another layout shares `known_by`.
        backbone: the architecture, unless the user says another.
        mean, std: of the images that it was trained with.
        crop_pct: share of the side around the centre that it looks at.
    """

    read: Callable[[State], CheckpointContent]
    known_by: str
    not_by: str | None
    backbone: str
    mean: Colour
    std: Colour
    crop_pct: float

    def fits(self, keys: Mapping[str, Any]) -> bool:
        """Whether these keys are this layout's."""

        def has(pattern: str) -> bool:
            return any(re.match(pattern, key) for key in keys)

        return has(self.known_by) and not (self.not_by and has(self.not_by))


LAYOUTS: Registry[Layout] = Registry("layout", "fra_zoo.models.layouts")


def register_layout(
    name: str,
    *,
    known_by: str,
    backbone: str,
    not_by: str | None = None,
    mean: Colour = IMAGENET_DEFAULT_MEAN,
    std: Colour = IMAGENET_DEFAULT_STD,
    crop_pct: float = 1.0,
) -> Callable[[Callable[[State], CheckpointContent]], Callable[[State], CheckpointContent]]:
    """Decorator of a function that reads a layout; see `Layout`.

    @register_layout("simclr", known_by=r"encoder\\.", backbone="resnet50")
    def simclr(state: State) -> CheckpointContent:
        return without_prefix(state, r"encoder\\.")
    """

    def put(read: Callable[[State], CheckpointContent]) -> Callable[[State], CheckpointContent]:
        LAYOUTS.register(name)(Layout(read, known_by, not_by, backbone, mean, std, crop_pct))
        return read

    return put


def list_layouts(pattern: str = "*") -> list[str]:
    """Names of the registered layouts that match a shell pattern."""
    return LAYOUTS.list(pattern)


def recognise_layout(state: Mapping[str, Tensor], where: str | Path) -> str:
    """The layout that a checkpoint's keys speak for.

    Raises:
        FraZooError: if none or several do.
    """
    fitting = [name for name in LAYOUTS.list() if LAYOUTS.get(name).fits(state)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise FraZooError(f"{where} may be {' or '.join(fitting)} by its keys; say which with --layout")
    first = ", ".join(list(state)[:3])
    raise FraZooError(f"{where} has the keys of no layout that is known ({', '.join(LAYOUTS.list())}): {first}, …")


def without_prefix(state: State, prefix: str, dropped: str = r"(fc|head)\.") -> CheckpointContent:
    """The tensors whose keys begin with the pattern `prefix`, without it, but for those that then match `dropped`."""
    weights, used = {}, []
    for key, value in state.items():
        match = re.match(prefix, key)
        name = key[match.end() :] if match else ""
        if match and not re.match(dropped, name):
            weights[name] = value
            used.append(key)
    return CheckpointContent(weights, tuple(used))
