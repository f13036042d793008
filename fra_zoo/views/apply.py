"""A `ViewSpec` applied to a batch of uint8 images, on their device, with the draws of each sample.

Parameters are drawn on the CPU from the sample's key, so which samples an operation touches is known without asking
the device: no synchronisation, and an operation costs only for the samples it is drawn for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from fra_zoo.views import ops, places, warp
from fra_zoo.views.photometric import photometric
from fra_zoo.views.random import fold, sample_keys, uniform
from fra_zoo.views.spec import ViewSpec, Warp

DRAWS = 40
_RRC_TRIES = 5
_NOISE, _WARP = 1, 2  # words of the keys whose draws do not come from the common sequence


def make_views(
    images: UInt8[Tensor, "b 3 h w"], specs: Sequence[ViewSpec], *, seed: int, epoch: int, index: Int[Tensor, " b"]
) -> list[Float[Tensor, "b _ _ _"]]:
    """One normalised batch for each spec, channels-last; `index` (CPU) is the samples' numbers in the dataset."""
    return [view.images for view in place_views(images, specs, seed=seed, epoch=epoch, index=index)]


class View(NamedTuple):
    """A batch of views and where each lies in its image (`fra_zoo.views.places`), on the CPU.

    A view has one channel if it is photometric, else three.
    """

    images: Float[Tensor, "b c s s"]
    place: Float[Tensor, "b 2 3"]


def place_views(
    images: UInt8[Tensor, "b 3 h w"], specs: Sequence[ViewSpec], *, seed: int, epoch: int, index: Int[Tensor, " b"]
) -> list[View]:
    """`make_views`, with the places."""
    keys = sample_keys(seed, epoch, index)
    return [make_view(images, spec, fold(keys, number)) for number, spec in enumerate(specs)]


def make_view(images: UInt8[Tensor, "b 3 h w"], spec: ViewSpec, keys: Int[Tensor, " b"]) -> View:
    """One view of each image; `keys` (CPU) decide every draw."""
    draw = iter(uniform(keys, DRAWS).unbind(1))
    device = images.device

    def put(x: Tensor) -> Tensor:
        return x.to(torch.float32).to(device, non_blocking=True)

    x = images.to(torch.float32).div_(255.0)
    if spec.noise_prob > 0:
        x = _noise(x, spec, fold(keys, _NOISE), put)
    if spec.warp is None:
        x, place = _crop_resize_flip(x, spec, draw, put)
    else:
        x, place = _warp_flip(x, spec, spec.warp, fold(keys, _WARP), put)

    def on_some(x: Tensor, chosen: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """`change(images, where)` for the chosen samples alone."""
        if not bool(chosen.any()):
            return x
        if bool(chosen.all()):
            return change(x, torch.arange(len(chosen)))
        where = chosen.nonzero()[:, 0]
        there = where.to(device, non_blocking=True)
        return x.index_copy(0, there, change(x.index_select(0, there), where))

    jitter = next(draw) < spec.jitter_prob
    order = torch.stack([next(draw) for _ in range(4)], 1).argsort(1)
    strengths = (spec.brightness, spec.contrast, spec.saturation)
    factors = [1.0 + strength * (2.0 * next(draw) - 1.0) for strength in strengths]
    factors.append(spec.hue * (2.0 * next(draw) - 1.0))
    parts = (ops.adjust_brightness, ops.adjust_contrast, ops.adjust_saturation, ops.adjust_hue)
    if spec.jitter_prob > 0:
        for slot in range(4):
            for number, part in enumerate(parts):
                if (*strengths, spec.hue)[number] > 0:
                    factor = factors[number]
                    x = on_some(
                        x, jitter & (order[:, slot] == number), lambda v, i, f=factor, op=part: op(v, put(f[i]))
                    )
    x = on_some(x, next(draw) < spec.gray_prob, lambda v, _: ops.to_gray(v).expand_as(v))
    blur, sigma = next(draw) < spec.blur_prob, _between(next(draw), *spec.blur_sigma)
    radius = max(1, int(4.0 * spec.blur_sigma[1] + 0.5))
    x = on_some(x, blur, lambda v, i: _blur(v, put(sigma[i]), min(radius, spec.size - 1)))
    x = on_some(x, next(draw) < spec.solarize_prob, lambda v, _: ops.solarize(v, spec.solarize_threshold))
    x, place = _move(x, place, spec, draw, on_some, put)
    if spec.photometric:
        x = photometric(x)
    else:
        mean, std = (torch.tensor(value, device=device)[:, None, None] for value in (spec.mean, spec.std))
        x = (x - mean) / std
    return View(_erase(x, spec, draw, put).contiguous(memory_format=torch.channels_last), place)


def _between(u: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * u


def _crop_resize_flip(x: Tensor, spec: ViewSpec, draw, put) -> tuple[Tensor, Tensor]:
    height, width = x.shape[2:]
    tries = [(next(draw), next(draw)) for _ in range(_RRC_TRIES)]
    place_y, place_x, flip = next(draw), next(draw), next(draw) < spec.flip_prob
    if spec.centre != 1.0:
        crop_h, crop_w = (torch.full_like(place_y, side * spec.centre) for side in (height, width))
        place_y = place_x = torch.full_like(place_y, 0.5)
    elif spec.crop_scale is None:
        crop_h, crop_w = torch.full_like(place_y, height), torch.full_like(place_x, width)
    else:
        crop_h, crop_w = _crop_sizes(tries, spec, height, width)
    top, left = place_y * (height - crop_h), place_x * (width - crop_w)
    rows = ops.resize_matrix(put(top), put(crop_h), height, spec.size, spec.interpolation)
    columns = ops.resize_matrix(put(left), put(crop_w), width, spec.size, spec.interpolation)
    flipped = flip.to(x.device, non_blocking=True)[:, None, None]
    columns = torch.where(flipped, columns.flip(1), columns)
    place = places.crop_place(top, left, crop_h, crop_w, (height, width))
    return ops.separable(x, rows, columns).clamp_(0.0, 1.0), places.mirrored(place, flip)


def _noise(x: Tensor, spec: ViewSpec, keys: Tensor, put) -> Tensor:
    """Gaussian noise for some samples, by Box and Muller's transform of their draws; the result stays in [0, 1]."""
    where = (uniform(fold(keys, 0), 1)[:, 0] < spec.noise_prob).nonzero()[:, 0]
    if len(where) == 0:
        return x
    values = x[0].numel()
    half = -(-values // 2)
    radius, turn = uniform(keys[where], 2 * half).view(-1, 2, half).unbind(1)
    radius = spec.noise_std * (-2.0 * (1.0 - radius).log()).sqrt()
    turn = 2.0 * torch.pi * turn
    noise = torch.cat([radius * turn.cos(), radius * turn.sin()], 1)[:, :values].view(-1, *x.shape[1:])
    return x.index_add(0, where.to(x.device, non_blocking=True), put(noise)).clamp_(0.0, 1.0)


def _warp_flip(x: Tensor, spec: ViewSpec, ranges: Warp, keys: Tensor, put) -> tuple[Tensor, Tensor]:
    u = uniform(keys, 10)
    signed = 2.0 * u - 1.0
    scale = 1.0 + (ranges.scale - 1.0) * u[:, 2:4]
    scale = torch.where(u[:, 4:6] < 0.5, 1.0 / scale, scale)
    matrix, offset = warp.warp_matrix(
        ranges.shift * spec.size * signed[:, :2],
        scale,
        ranges.degrees * signed[:, 6],
        ranges.skew * signed[:, 7:9],
        x.shape[2],
        spec.size,
    )
    place = places.warp_place(matrix, offset, x.shape[2], spec.size)
    x = warp.warp(x, put(matrix), put(offset), spec.size)
    flip = u[:, 9] < spec.flip_prob
    there = flip.to(x.device, non_blocking=True)[:, None, None, None]
    return torch.where(there, x.flip(3), x), places.mirrored(place, flip)


def _crop_sizes(tries: list[tuple[Tensor, Tensor]], spec: ViewSpec, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Random area and log-uniform ratio: the first try that fits, else the largest crop of the last ratio."""
    assert spec.crop_scale is not None
    low, high = (torch.tensor(value, dtype=torch.float64).log() for value in spec.crop_ratio)
    crop_h = crop_w = torch.zeros_like(tries[0][0])
    for area, shape in reversed(tries):
        ratio = torch.exp(low + (high - low) * shape)
        size = height * width * _between(area, *spec.crop_scale)
        h, w = (size / ratio).sqrt(), (size * ratio).sqrt()
        fits = (h <= height) & (w <= width)
        shrink = torch.minimum(height / h, width / w).clamp(max=1.0)
        last = crop_h == 0
        crop_h = torch.where(fits, h, torch.where(last, h * shrink, crop_h))
        crop_w = torch.where(fits, w, torch.where(last, w * shrink, crop_w))
    return crop_h, crop_w


def _blur(x: Tensor, sigma: Tensor, radius: int) -> Tensor:
    matrix = ops.blur_matrix(sigma, x.shape[2], radius)
    return ops.separable(x, matrix, matrix)


def _move(x: Tensor, place: Tensor, spec: ViewSpec, draw, on_some, put) -> tuple[Tensor, Tensor]:
    moved, turned = next(draw) < spec.translate_prob, next(draw) < spec.rotate_prob
    shift = torch.stack([spec.translate * (2.0 * next(draw) - 1.0) for _ in range(2)], 1) * moved[:, None]
    degrees = spec.rotate_degrees * (2.0 * next(draw) - 1.0) * turned
    x = on_some(x, moved | turned, lambda v, i: ops.shift_and_rotate(v, put(shift[i]), put(degrees[i])))
    return x, places.after(place, ops.shift_and_rotate_matrix(shift, degrees))


def _erase(x: Tensor, spec: ViewSpec, draw, put) -> Tensor:
    if spec.erase_prob <= 0:
        return x
    chosen, area, shape = next(draw) < spec.erase_prob, next(draw), next(draw)
    low, high = (torch.tensor(value, dtype=torch.float64).log() for value in spec.erase_ratio)
    ratio = torch.exp(low + (high - low) * shape)
    size = _between(area, *spec.erase_scale) * chosen
    h, w = (size * ratio).sqrt().clamp(max=1.0), (size / ratio).sqrt().clamp(max=1.0)
    top, left = put(next(draw) * (1.0 - h)), put(next(draw) * (1.0 - w))
    bottom, right = top + put(h), left + put(w)
    place = (torch.arange(x.shape[2], device=x.device) + 0.5) / x.shape[2]
    inside_y = (place >= top[:, None]) & (place < bottom[:, None])
    inside_x = (place >= left[:, None]) & (place < right[:, None])
    return x.masked_fill((inside_y[:, :, None] & inside_x[:, None, :])[:, None], 0.0)
