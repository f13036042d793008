"""Drawing: faces as painted layers of soft-edged shapes, a batch at a time, with the true regions beside them."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.data.synthetic.people import People
from fra_zoo.views.random import sample_keys, uniform

REGIONS = ("background", "skin", "hair", "brows", "eyes", "nose", "mouth")
_BACKGROUND, _SKIN, _HAIR, _BROWS, _EYES, _NOSE, _MOUTH = range(len(REGIONS))


class _Canvas:
    """An image and its region map, painted in the face's own coordinates (x right, y down, head about 1 high)."""

    def __init__(self, people: People, size: int) -> None:
        axis = (torch.arange(size) + 0.5) / size * 2.0 - 1.0
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        self.screen_x, self.screen_y = x[None], y[None]
        x = (x[None] - _of(people.shift[:, 0])) / _of(people.scale)
        y = (y[None] - _of(people.shift[:, 1])) / _of(people.scale)
        cos, sin = _of(people.turn.cos()), _of(people.turn.sin())
        self.x, self.y = cos * x + sin * y, cos * y - sin * x
        self.pixel = 2.0 / size / _of(people.scale)
        n = len(people.label)
        self.image = torch.zeros(n, 3, size, size)
        self.region = torch.zeros(n, size, size, dtype=torch.int64)

    def paint(self, inside: Tensor, colour: Tensor, region: int | None = None, strength: Tensor | float = 1.0) -> None:
        """Lay a colour where the signed distance `inside` is positive, softened over a pixel."""
        cover = (inside / self.pixel + 0.5).clamp(0.0, 1.0) * (
            _of(strength) if isinstance(strength, Tensor) else strength
        )
        colour = colour[:, :, None, None] if colour.dim() == 2 else colour
        self.image = torch.lerp(self.image, colour, cover[:, None])
        if region is not None:
            self.region[cover > 0.5] = region

    def ellipse(self, cx: Tensor, cy: Tensor, rx: Tensor, ry: Tensor) -> Tensor:
        """About the signed distance to an ellipse, positive inside."""
        cx, cy, rx, ry = map(_of, (cx, cy, rx, ry))
        radius = (((self.x - cx) / rx).square() + ((self.y - cy) / ry).square()).sqrt()
        return (1.0 - radius) * torch.minimum(rx, ry)


def _of(value: Tensor) -> Tensor:
    return value[:, None, None] if value.dim() == 1 else value


def draw_faces(
    people: People, size: int, seed: int, index: Int[Tensor, " n"]
) -> tuple[Float[Tensor, "n 3 size size"], Int[Tensor, "n size size"]]:
    """Images in [0, 1] and region maps (numbers of `REGIONS`)."""
    c = _Canvas(people, size)
    _background(c, people)
    _head(c, people)
    _eyes(c, people)
    _nose(c, people)
    _mouth(c, people)
    _front_hair(c, people)
    _glasses(c, people)
    shade = 1.0 + _of(people.light[:, 0]) * c.x + _of(people.light[:, 1]) * c.y
    c.image = c.image * (shade * _of(people.gain))[:, None]
    _cover(c, people)
    grain = uniform(sample_keys(seed, 2, index), size * size).float().view(-1, 1, size, size) * 2.0 - 1.0
    return (c.image + grain * people.noise[:, None, None, None] * 1.7).clamp(0.0, 1.0), c.region


def _background(c: _Canvas, p: People) -> None:
    blend = (0.25 + 0.25 * torch.sin(3.0 * c.screen_x * _of(p.yaw * 8.0) + 2.5 * c.screen_y + _of(p.gain * 9.0)))[
        :, None
    ]
    c.image = torch.lerp(p.background[:, 0, :, None, None], p.background[:, 1, :, None, None], blend)
    zero = torch.zeros_like(p.scale)
    c.paint(c.ellipse(zero, zero + 1.35, zero + 0.95, zero + 0.6), p.cloth)


def _head(c: _Canvas, p: People) -> None:
    zero, (rx, ry) = torch.zeros_like(p.scale), p.head.unbind(1)
    back = c.ellipse(zero, -0.05 * ry, rx * 1.16, ry * 1.12)
    sides = c.ellipse(zero, 0.35 + zero, rx * 1.25, ry * 1.1 * p.long_hair.clamp(min=0.05))
    c.paint(
        torch.maximum(back.where(c.y < 0.1, -torch.ones_like(back)), sides.where(_of(p.long_hair) > 0, back - 9.0)),
        p.hair,
        _HAIR,
    )
    neck = torch.minimum(_of(rx * 0.45) - c.x.abs(), torch.minimum(c.y - 0.3, 1.1 - c.y))
    c.paint(neck, p.skin * 0.85, _SKIN)
    for side in (-1.0, 1.0):
        c.paint(c.ellipse(side * rx, p.eye_height + 0.1, zero + 0.08, zero + 0.14), p.skin * 0.9, _SKIN)
    head = c.ellipse(zero, zero, rx, ry)
    c.paint(head, p.skin, _SKIN)
    beard = torch.minimum(head, c.y - _of(p.mouth_height) + 0.16 - 0.5 * c.x.square())
    c.paint(beard, p.hair, strength=p.beard * 0.8)


def _eyes(c: _Canvas, p: People) -> None:
    brow, tilt, opening = p.expression[:, 0], p.expression[:, 1], p.expression[:, 2].clamp(min=0.12)
    wrinkle = p.expression[:, 7]
    white = torch.full_like(p.skin, 0.93)
    for side in (-1.0, 1.0):
        cx = side * p.eye_distance * (1.0 - side * p.yaw * 0.6) + p.yaw * 0.6
        rx, ry = p.eye_size * 1.25, p.eye_size * 0.62 * opening
        socket = c.ellipse(cx, p.eye_height, rx * 1.08, ry * 1.25 + 0.012)
        c.paint(socket, p.skin * 0.55, _EYES)
        eye = c.ellipse(cx, p.eye_height, rx, ry)
        c.paint(eye, white, _EYES)
        ix, iy = cx + p.gaze[:, 0] * p.eye_size, p.eye_height + p.gaze[:, 1] * ry
        for share, tone in ((0.58, p.iris), (0.27, p.iris * 0.15)):
            ball = c.ellipse(ix, iy, p.eye_size * share, p.eye_size * share)
            c.paint(torch.minimum(ball, eye), tone, _EYES)
        by = p.eye_height - p.eye_size * 1.15 - 0.035 - 0.09 * brow + 0.02 * (1.0 - opening)
        along = (c.x - _of(cx)) * side
        line = _of(by) + along * _of(0.65 * tilt) + 1.2 * along.square()
        half = torch.full_like(p.scale, 0.036) + 0.008 * p.beard
        brows = torch.minimum(_of(half) - (c.y - line).abs(), _of(rx * 1.25) - along.abs())
        c.paint(brows, p.hair * 0.75, _BROWS)
        crease = torch.minimum(
            0.014 - (c.y - _of(p.eye_height + 0.16) - along * 0.7).abs(), 0.07 - (along + 0.12).abs()
        )
        c.paint(crease, p.skin * 0.55, strength=(wrinkle * 0.9).clamp(0.0, 1.0))


def _nose(c: _Canvas, p: People) -> None:
    width, height = p.nose.unbind(1)
    cx = p.yaw * 0.8
    bottom = 0.12 + height * 0.5 - 0.05 * p.expression[:, 7]
    t = ((c.y - _of(p.eye_height)) / _of(bottom - p.eye_height)).clamp(0.0, 1.0)
    bridge = _of(width) * (0.35 + 0.65 * t) - (c.x - _of(cx) * t).abs()
    bridge = torch.minimum(bridge, torch.minimum(c.y - _of(p.eye_height), _of(bottom) - c.y))
    c.paint(bridge, (p.skin * 1.08).clamp(max=1.0), _NOSE)
    c.paint(c.ellipse(cx, bottom - 0.02, width * 1.25, width * 0.6), p.skin * 0.92, _NOSE)
    for side in (-1.0, 1.0):
        hole = c.ellipse(cx + side * width * 0.55, bottom, width * 0.28, width * 0.18)
        c.paint(hole, p.skin * 0.35, _NOSE)


def _mouth(c: _Canvas, p: People) -> None:
    smile, opening, width, one_sided = p.expression[:, 3:7].unbind(1)
    cx, half = p.yaw * 0.7, 0.24 * width.clamp(min=0.4)
    along = ((c.x - _of(cx)) / _of(half)).clamp(-1.6, 1.6)
    lift = _of(smile) * along.square() + _of(one_sided) * along.clamp(min=0.0) * 0.8
    middle = _of(p.mouth_height) - 0.12 * (lift - 0.5 * _of(smile))
    shape = (1.0 - along.square()).clamp(min=0.0).sqrt()
    gap = _of(0.02 + 0.18 * opening.clamp(min=0.0)) * shape
    ends = (1.0 - along.abs()) * _of(half)
    lips = torch.minimum(gap + 0.045 * (0.4 + 0.6 * shape) - (c.y - middle).abs(), ends)
    c.paint(lips, p.lips, _MOUTH)
    hollow = torch.minimum(gap - 0.012 - (c.y - middle).abs(), ends - 0.02)
    c.paint(hollow, p.lips * 0.2, _MOUTH)
    teeth = torch.minimum(hollow, middle - _of(0.02 + 0.03 * opening) - c.y + 0.02)
    c.paint(teeth, torch.full_like(p.skin, 0.92), _MOUTH, strength=(opening > 0.15).float())


def _front_hair(c: _Canvas, p: People) -> None:
    rx, ry = p.head.unbind(1)
    zero = torch.zeros_like(rx)
    cap = c.ellipse(zero, -0.03 * ry, rx * 1.1, ry * 1.1)
    line = _of(p.hairline) - 0.35 * (c.x / _of(rx)).square() * _of(p.hairline) + 0.12 * c.x * torch.sign(_of(p.yaw))
    c.paint(torch.minimum(cap, line - c.y), p.hair, _HAIR)


def _glasses(c: _Canvas, p: People) -> None:
    for side in (-1.0, 1.0):
        cx = side * p.eye_distance + p.yaw * 0.6
        ring = 0.014 - c.ellipse(cx, p.eye_height + 0.01, p.eye_size * 1.7, p.eye_size * 1.4).abs()
        c.paint(ring, torch.full_like(p.skin, 0.1), strength=p.glasses)


def _cover(c: _Canvas, p: People) -> None:
    """A hand, a cup, a scarf: something of another colour in front."""
    there, x, y, rx, ry = p.cover.unbind(1)
    shape = c.ellipse(x, y, rx, ry)
    c.paint(shape.where(_of(there) > 0, torch.full_like(shape, -1.0)), p.cover_colour, _BACKGROUND)
