"""The registry of augmentations for training on labelled faces: functions of the view's side in pixels."""

from __future__ import annotations

from collections.abc import Callable

from fra_zoo.registry import Registry
from fra_zoo.runtime.moved import moved_members
from fra_zoo.views.spec import ViewSpec

AUGMENTATIONS: Registry[Callable[[int], ViewSpec]] = Registry("augmentation", "fra_zoo.fer.augmentations")


def list_augmentations(pattern: str = "*") -> list[str]:
    """Names of the registered augmentations that match a shell pattern.

    Example:
        >>> list_augmentations("f*")
        ['ferplus', 'fra']
    """
    return AUGMENTATIONS.list(pattern)


__getattr__ = moved_members(__name__)
