"""Dropout with cheap draws, and attention with it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fra_zoo.layers.dropout import Dropout, attention, dropout
from fra_zoo.layers.region_decoder import RegionDecoder, attend


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_the_asked_share_is_zero_and_the_mean_stays(p):
    torch.manual_seed(0)
    out = dropout(torch.ones(1_000_001), p)
    zero = out == 0
    assert zero.float().mean().item() == pytest.approx(p, abs=0.002)
    torch.testing.assert_close(out[~zero], torch.full_like(out[~zero], 1 / (1 - p)), rtol=1e-4, atol=0)
    # neighbours come out of one random word, and must not know of each other
    pairs = zero[:1_000_000].view(-1, 2)
    assert pairs.all(1).float().mean().item() == pytest.approx(p * p, abs=0.002)


@pytest.mark.parametrize("shape", [(), (3,), (2, 5, 7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_takes_any_shape_and_type(shape, dtype):
    out = dropout(torch.ones(shape, dtype=dtype), 0.3)
    assert out.shape == shape
    assert out.dtype == dtype


def test_the_gradient_passes_where_the_value_does():
    x = torch.randn(50, requires_grad=True)
    out = dropout(x, 0.5)
    out.sum().backward()
    torch.testing.assert_close(x.grad, torch.where(out == 0, 0.0, 2.0))


def test_the_generator_decides():
    x = torch.randn(64)
    torch.manual_seed(3)
    first = dropout(x, 0.5)
    assert not torch.equal(first, dropout(x, 0.5))
    torch.manual_seed(3)
    assert torch.equal(first, dropout(x, 0.5))


def test_nothing_is_dropped_in_evaluation():
    x = torch.randn(9)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(dropout(x, 0.0), x)
    assert torch.equal(dropout(x, 1.0), torch.zeros(9))


def test_attention_with_dropout_is_the_plain_one_in_the_mean():
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, n, 4, dtype=torch.float64) for n in (3, 5, 5))
    mean = attention(*(x.expand(20_000, -1, -1, -1) for x in (q, k, v)), 0.2).mean(0, keepdim=True)
    torch.testing.assert_close(mean, attention(q, k, v, 0.0), rtol=0, atol=0.02)


def test_projecting_what_is_alike_once_is_the_plain_module():
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, batch_first=True).double()
    query, memory = torch.randn(1, 3, 8).double(), torch.randn(4, 5, 8).double()
    expected, _ = layer(query.expand(4, -1, -1), memory, memory)
    torch.testing.assert_close(attend(layer, query, memory, memory, 4), expected)


def test_faces_have_masks_of_their_own():
    torch.manual_seed(0)
    decoder = RegionDecoder(6, dim=8, regions=3, heads=2, dropout=0.5)
    one = decoder(torch.randn(1, 6, 2, 2).expand(5, -1, -1, -1))
    assert not torch.allclose(one[0], one[1])
