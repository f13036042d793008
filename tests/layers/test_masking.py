"""Masks are functions of their draws, hide exactly what they should, and blocks are blocks."""

from __future__ import annotations

import torch

from fra_zoo.layers.masking import BLOCK_DRAWS, block_patches, shuffled_patches
from fra_zoo.views.random import uniform


def blocks(count, height=14, width=14, samples=200):
    draws = uniform(torch.arange(samples), BLOCK_DRAWS + height * width)
    return block_patches(draws, height, width, count)


def test_blocks_hide_the_exact_count():
    for count in (1, 40, 75, 150):
        hidden = blocks(count)
        assert hidden.shape == (200, count)
        assert all(len(set(row.tolist())) == count for row in hidden)
        assert 0 <= int(hidden.min()) <= int(hidden.max()) < 196


def test_blocks_lie_together():
    """A patch of a block has more hidden neighbours than one of as many scattered patches."""

    def neighbours(hidden):
        grid = torch.zeros(len(hidden), 196).scatter_(1, hidden, 1.0).view(-1, 1, 14, 14)
        kernel = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]])[None, None]
        return ((torch.nn.functional.conv2d(grid, kernel, padding=1) * grid).sum() / grid.sum()).item()

    scattered = uniform(torch.arange(200), 196).argsort(1)[:, :75]
    assert neighbours(blocks(75)) > neighbours(scattered) + 1.0


def test_every_place_is_hidden_sometimes():
    assert len(blocks(75).flatten().unique()) == 196


def test_shuffling_and_back():
    order, back = shuffled_patches(torch.rand(3, 9))
    torch.testing.assert_close(order.gather(1, back), torch.arange(9).expand(3, 9))
