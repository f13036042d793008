"""View spec: a declarative augmentation, applied to a batch by `fra_zoo.views.apply`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from fra_zoo.runtime.moved import moved_method
from fra_zoo.views.operation import Operation
from fra_zoo.views.operations.color_jitter import ColorJitter
from fra_zoo.views.operations.gaussian_blur import blur
from fra_zoo.views.operations.grayscale import Grayscale
from fra_zoo.views.operations.horizontal_flip import HorizontalFlip
from fra_zoo.views.operations.normalize import VGGFACE2_MEAN, VGGFACE2_STD, Normalize
from fra_zoo.views.operations.photometric import Photometric
from fra_zoo.views.operations.random_resized_crop import RandomResizedCrop
from fra_zoo.views.operations.resize import Interpolation, Resize
from fra_zoo.views.operations.solarize import Solarize
from fra_zoo.views.operations.warp import Warp

__all__ = ["VGGFACE2_MEAN", "VGGFACE2_STD", "ViewSpec", "byol_views", "plain_view"]
Channels = tuple[float, float, float]
Kind = TypeVar("Kind", bound=Operation)


@dataclass(frozen=True)
class ViewSpec:
    """One augmented view of a face: its side in pixels, and the operations that make it, in their order.

    By default the whole image is resized and normalised, and nothing is random.

        ViewSpec(64, (RandomResizedCrop((0.4, 1.0)), HorizontalFlip(), Normalize()))
    """

    size: int
    operations: tuple[Operation, ...] = (Resize(), Normalize())

    def eval_view(self) -> ViewSpec:
        """The same size, filter and normalisation without any randomness: the view of evaluation."""
        left = (operation.eval_view() for operation in self.operations)
        view = ViewSpec(self.size, tuple(operation for operation in left if operation is not None))
        return view.gray() if self.photometric else view

    clean = moved_method("clean", "eval_view")

    def gray(self) -> ViewSpec:
        """The same view with FER+'s photometric step in the place of the normalisation, and its way to resize."""
        ways: dict[type[Operation], Operation] = {Resize: Warp(), Normalize: Photometric()}
        return replace(self, operations=tuple(ways.get(type(step), step) for step in self.operations))

    def normalised(self, mean: Channels, std: Channels) -> ViewSpec:
        """The same view with another normalisation."""
        steps = (Normalize(mean, std) if isinstance(step, Normalize) else step for step in self.operations)
        return replace(self, operations=tuple(steps))

    def in_gray(self) -> ViewSpec:
        """The same view of the image's luminance, in three equal channels; a photometric view is gray already."""
        return self if self.photometric else replace(self, operations=(Grayscale(p=1.0), *self.operations))

    @property
    def photometric(self) -> bool:
        """Whether FER+'s photometric step is in it; then it has one channel."""
        return self._first(Photometric) is not None

    @property
    def mean(self) -> Channels:
        """Of the normalisation, RGB, on a 0 to 1 scale."""
        step = self._first(Normalize)
        return step.mean if step else (0.0, 0.0, 0.0)

    @property
    def std(self) -> Channels:
        """Of the normalisation, RGB, on a 0 to 1 scale."""
        step = self._first(Normalize)
        return step.std if step else (1.0, 1.0, 1.0)

    @property
    def interpolation(self) -> Interpolation:
        """Filter of the resize."""
        step = self._first(Resize) or self._first(RandomResizedCrop)
        return step.interpolation if step else "bilinear"

    @property
    def clean_centre(self) -> float:
        """Share of each side that the view of evaluation keeps around the centre."""
        step = self.eval_view()._first(Resize)
        return step.centre if step else 1.0

    def _first(self, kind: type[Kind]) -> Kind | None:
        return next((operation for operation in self.operations if isinstance(operation, kind)), None)


def plain_view(
    size: int, mean: Channels = VGGFACE2_MEAN, std: Channels = VGGFACE2_STD, centre: float = 1.0
) -> ViewSpec:
    """The whole image, or the share `centre` of each of its sides, normalised."""
    return ViewSpec(size, (Resize(centre=centre), Normalize(mean, std)))


def byol_views(size: int, crop_scale: tuple[float, float] = (0.2, 1.0)) -> tuple[ViewSpec, ViewSpec]:
    """The two asymmetric views of BYOL (arXiv 2006.07733) appendix B, with FRA's mean, std and crop scale.

    The second view blurs less often than the first, and solarises.
    """
    common = (
        RandomResizedCrop(crop_scale),
        HorizontalFlip(),
        ColorJitter(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1, p=0.8),
        Grayscale(),
    )
    first = ViewSpec(size, (*common, blur(size, 1.0), Normalize()))
    return first, ViewSpec(size, (*common, blur(size, 0.1), Solarize(p=0.2), Normalize()))
