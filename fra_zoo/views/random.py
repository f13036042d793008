"""Random numbers as a function of what they are for.

A draw depends on (seed, epoch, sample index, view, place) alone: not on the number of processes or workers, the order
of the data, the device, or whether the run was resumed. A counter-based generator (SplitMix64's finaliser,
https://doi.org/10.1145/2660193.2660195) hashes that tuple; drawn on the CPU, where the indices are.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def _signed(word: int) -> int:
    return word - (1 << 64) if word >= 1 << 63 else word


_STEP, _MIX1, _MIX2 = (_signed(word) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of 64-bit words."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Int[Tensor, "*n"]) -> Int[Tensor, "*n"]:
    """Hash of 64-bit words."""
    x = (x ^ _shift(x, 30)) * _MIX1
    x = (x ^ _shift(x, 27)) * _MIX2
    return x ^ _shift(x, 31)


def fold(key: Int[Tensor, "*n"], word: int | Int[Tensor, "*n"]) -> Int[Tensor, "*n"]:
    """A new key from a key and one more word."""
    return mix(key + (torch.as_tensor(word, dtype=torch.int64) + 1) * _STEP)


def sample_keys(seed: int, epoch: int, index: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
    """One key for each sample of an epoch."""
    base = fold(fold(torch.tensor(seed, dtype=torch.int64), epoch), 0)
    return fold(base.expand(index.shape), index.to(torch.int64))


def uniform(keys: Int[Tensor, " b"], count: int) -> Float[Tensor, "b count"]:
    """`count` numbers in [0, 1) for each key, 53 bits each, float64."""
    positions = torch.arange(1, count + 1, dtype=torch.int64)
    return _shift(mix(keys[:, None] + positions * _STEP), 11).to(torch.float64) * 2.0**-53


def skip(keys: Int[Tensor, "*n"], count: int) -> Int[Tensor, "*n"]:
    """Keys whose draws are those of `keys` after the first `count`."""
    return keys + torch.tensor(count, dtype=torch.int64) * _STEP
