"""Who is drawn and how: the parameters of a face as a function of (seed, index), and its annotators' votes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fra_zoo.labels import FERPLUS
from fra_zoo.views.random import sample_keys, uniform

# What each expression does to a face, in FERPLUS order:
# brow height, brow tilt (inner end up), eye opening, smile, mouth opening, mouth width, one-sidedness, nose wrinkle
EXPRESSIONS = torch.tensor(
    [
        [0.0, 0.0, 1.00, 0.0, 0.05, 1.00, 0.0, 0.0],  # neutral
        [0.1, 0.0, 0.80, 1.0, 0.40, 1.25, 0.0, 0.0],  # happiness
        [1.0, 0.1, 1.50, 0.0, 1.00, 0.75, 0.0, 0.0],  # surprise
        [0.1, 0.9, 0.75, -0.8, 0.05, 0.90, 0.0, 0.0],  # sadness
        [-0.8, -0.9, 0.85, -0.5, 0.20, 0.95, 0.0, 0.3],  # anger
        [-0.5, -0.3, 0.55, -0.5, 0.30, 0.95, 0.2, 1.0],  # disgust
        [0.8, 0.8, 1.45, -0.4, 0.50, 1.10, 0.0, 0.0],  # fear
        [0.1, 0.0, 0.90, 0.4, 0.00, 1.00, 1.0, 0.0],  # contempt
    ]
)
ANNOTATORS = 10
_DOUBT = 0.47  # width of the annotators' judgement, in units of expression
_UNKNOWN = 0.02
_DRAWS = 112

SKIN = torch.tensor(
    [[0.98, 0.85, 0.75], [0.93, 0.76, 0.62], [0.82, 0.62, 0.46], [0.62, 0.43, 0.30], [0.36, 0.24, 0.17]]
)
HAIR = torch.tensor(
    [
        [0.08, 0.06, 0.05],
        [0.27, 0.17, 0.10],
        [0.48, 0.30, 0.16],
        [0.82, 0.66, 0.38],
        [0.62, 0.60, 0.58],
        [0.55, 0.20, 0.10],
    ]
)


@dataclass
class People:
    """Parameters of `n` faces; lengths are in half-sides of the image, angles in radians, probabilities drawn out."""

    label: Int[Tensor, " n"]
    expression: Float[Tensor, "n 8"]
    turn: Float[Tensor, " n"]
    shift: Float[Tensor, "n 2"]
    scale: Float[Tensor, " n"]
    yaw: Float[Tensor, " n"]
    head: Float[Tensor, "n 2"]
    skin: Float[Tensor, "n 3"]
    hair: Float[Tensor, "n 3"]
    hairline: Float[Tensor, " n"]
    long_hair: Float[Tensor, " n"]
    eye_distance: Float[Tensor, " n"]
    eye_size: Float[Tensor, " n"]
    eye_height: Float[Tensor, " n"]
    iris: Float[Tensor, "n 3"]
    gaze: Float[Tensor, "n 2"]
    nose: Float[Tensor, "n 2"]
    mouth_height: Float[Tensor, " n"]
    lips: Float[Tensor, "n 3"]
    beard: Float[Tensor, " n"]
    glasses: Float[Tensor, " n"]
    light: Float[Tensor, "n 2"]
    gain: Float[Tensor, " n"]
    background: Float[Tensor, "n 2 3"]
    cloth: Float[Tensor, "n 3"]
    cover: Float[Tensor, "n 5"]
    cover_colour: Float[Tensor, "n 3"]
    noise: Float[Tensor, " n"]


def draw_people(seed: int, index: Int[Tensor, " n"]) -> People:
    """Draw the parameters of faces; each is a function of the seed and its own index."""
    draw = iter(uniform(sample_keys(seed, 0, index), _DRAWS).float().unbind(1))

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * next(draw)

    def normal() -> Tensor:
        radius = (-2.0 * (1.0 - next(draw)).log()).sqrt()
        return radius * (2.0 * math.pi * next(draw)).cos()

    def colour() -> Tensor:
        """Mostly gray: strong colours would tell faces apart without a look at the face."""
        level = between(0.15, 0.85)
        return torch.stack([(level + between(-0.12, 0.12)).clamp(0.02, 1.0) for _ in range(3)], 1)

    def near(palette: Tensor, spread: float) -> Tensor:
        place = between(0.0, len(palette) - 1.001)
        low = place.long()
        mixed = torch.lerp(palette[low], palette[low + 1], (place - low)[:, None])
        return (mixed + torch.stack([spread * normal() for _ in range(3)], 1)).clamp(0.02, 1.0)

    label = between(0.0, len(FERPLUS) - 1e-4).long()
    intensity = between(0.6, 1.2)
    habit = torch.stack([0.1 * normal() for _ in range(EXPRESSIONS.shape[1])], 1)
    expression = torch.lerp(EXPRESSIONS[:1].expand(len(label), -1), EXPRESSIONS[label], intensity[:, None]) + habit
    return People(
        label=label,
        expression=expression,
        turn=0.15 * normal(),
        shift=torch.stack([0.07 * normal(), 0.05 * normal()], 1),
        scale=between(0.95, 1.2),
        yaw=between(-0.2, 0.2),
        head=torch.stack([between(0.50, 0.64), between(0.68, 0.84)], 1),
        skin=near(SKIN, 0.03),
        hair=near(HAIR, 0.04),
        hairline=between(-0.62, -0.28),
        long_hair=(next(draw) < 0.45).float() * between(0.5, 1.0),
        eye_distance=between(0.23, 0.29),
        eye_size=between(0.11, 0.15),
        eye_height=between(-0.18, -0.06),
        iris=near(HAIR[:3], 0.15),
        gaze=torch.stack([0.25 * normal(), 0.15 * normal()], 1).clamp(-0.5, 0.5),
        nose=torch.stack([between(0.06, 0.12), between(0.08, 0.2)], 1),
        mouth_height=between(0.36, 0.46),
        lips=near(SKIN[2:4] * torch.tensor([1.1, 0.7, 0.75]), 0.06),
        beard=(next(draw) < 0.2).float() * between(0.4, 0.9),
        glasses=(next(draw) < 0.2).float(),
        light=torch.stack([0.45 * (2.0 * next(draw) - 1.0), 0.25 * (2.0 * next(draw) - 1.0)], 1),
        gain=between(0.55, 1.15),
        background=torch.stack([colour(), colour()], 1),
        cloth=colour(),
        cover=torch.stack(
            [(next(draw) < 0.2).float(), between(-0.7, 0.7), between(-0.5, 0.9), between(0.15, 0.4), between(0.1, 0.3)],
            1,
        ),
        cover_colour=colour(),
        noise=between(0.01, 0.04),
    )


def draw_votes(seed: int, index: Int[Tensor, " n"], people: People) -> Int[Tensor, "n 10"]:
    """Votes of ten annotators, in `FERPLUS_VOTES` order.

    Each sees the expression, is the less sure the nearer it is to others, and now and then gives up (`unknown`).
    """
    distance = (people.expression[:, None] - EXPRESSIONS).square().sum(2)
    chance = (-distance / (2.0 * _DOUBT**2 * 2.0)).softmax(1)
    edges = torch.cat([chance * (1.0 - _UNKNOWN), torch.full((len(index), 1), _UNKNOWN)], 1).cumsum(1)
    draws = uniform(sample_keys(seed, 1, index), ANNOTATORS).float()
    vote = (draws[:, :, None] > edges[:, None, :-1]).sum(2)
    return torch.zeros(len(index), 10, dtype=torch.int64).scatter_add_(1, vote, torch.ones_like(vote))
