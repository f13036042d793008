"""Losses against slow, plain loops."""

from __future__ import annotations

import math

import pytest
import torch

from fra_zoo.losses.cosine import cosine_distance, cross_region_similarity
from fra_zoo.losses.region import (
    cells_within,
    heatmaps,
    mean_entropy_gap,
    mean_entropy_gap_within,
    pool_regions,
    region_sharpness,
    region_similarity,
    region_usage_entropy,
    relation_cross_entropy,
)
from fra_zoo.losses.sinkhorn import sinkhorn, sinkhorn_across, sinkhorn_within


def cosine(a, b):
    return float(sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(a * a) * sum(b * b)))


def test_cosine_distance():
    p, z = torch.randn(5, 7), torch.randn(5, 7)
    expected = torch.tensor([2 - 2 * cosine(a, b) for a, b in zip(p, z, strict=True)])
    torch.testing.assert_close(cosine_distance(p, z), expected)


def test_cross_region_similarity():
    p, z = torch.randn(3, 4, 6), torch.randn(3, 4, 6)
    terms = [sum(cosine(p[b, q], z[b, k]) ** 2 for k in range(4) if k != q) / 4 for b in range(3) for q in range(4)]
    assert cross_region_similarity(p, z).item() == pytest.approx(sum(terms) / len(terms), abs=1e-6)


def test_similarity_heatmaps_and_pooling():
    q, f, maps = torch.randn(2, 3, 5), torch.randn(2, 5, 2, 4), torch.randn(2, 6, 2, 4)
    s = region_similarity(q, f)
    m = heatmaps(s, 10.0)
    pooled = pool_regions(maps, m)
    for b in range(2):
        for n in range(3):
            total, weight = torch.zeros(6), 0.0
            for i in range(2):
                for j in range(4):
                    logits = [10.0 * cosine(q[b, k], f[b, :, i, j]) for k in range(3)]
                    share = math.exp(logits[n]) / sum(map(math.exp, logits)) + 1e-7
                    assert m[b, n, i, j].item() == pytest.approx(share, abs=1e-5)
                    total, weight = total + share * maps[b, :, i, j], weight + share
            torch.testing.assert_close(pooled[b, n], total / weight, atol=1e-5, rtol=1e-5)


def test_relation_cross_entropy():
    student, teacher = torch.randn(6, 3), torch.rand(6, 3).softmax(1)
    expected = 0.0
    for s, t in zip(student, teacher, strict=True):
        total = sum(math.exp(x / 0.1) for x in s)
        expected -= sum(float(t[k]) * math.log(math.exp(s[k] / 0.1) / total) for k in range(3))
    assert relation_cross_entropy(student, teacher, 0.1).item() == pytest.approx(expected / 6, rel=1e-5)


def test_relation_cross_entropy_with_weights():
    student, teacher = torch.randn(4, 3), torch.rand(4, 3).softmax(1)
    weight = torch.tensor([0.5, 0.0, 0.25, 0.25])
    rows = [relation_cross_entropy(student[i : i + 1], teacher[i : i + 1], 0.1) for i in range(4)]
    expected = sum(w * row for w, row in zip(weight, rows, strict=True))
    torch.testing.assert_close(relation_cross_entropy(student, teacher, 0.1, weight), expected)


def test_cells_within_average_each_face_and_then_the_faces():
    inside = torch.tensor([[[True, False], [False, False]], [[True, True], [True, False]], [[False] * 2] * 2])
    third, ninth = 1 / 3, 1 / 9
    expected = torch.tensor([third, 0, 0, 0, ninth, ninth, ninth, 0, 0, 0, 0, 0])
    torch.testing.assert_close(cells_within(inside), expected)


def test_mean_entropy_gap_within_faces_sees_what_the_batch_hides():
    """Each face wholly in a region of its own: even over the batch, one region alone within a face."""
    maps = (50.0 * torch.eye(4))[:, :, None, None].expand(-1, -1, 2, 3)
    rows = maps.permute(0, 2, 3, 1).flatten(0, 2)
    assert mean_entropy_gap(rows, 0.1).item() == pytest.approx(0.0, abs=1e-5)
    assert mean_entropy_gap_within(maps, 0.1).item() == pytest.approx(math.log(4), abs=1e-5)
    each = torch.eye(4).view(1, 4, 2, 2) * 50.0
    assert mean_entropy_gap_within(each, 0.1).item() == pytest.approx(0.0, abs=1e-5)


def test_sinkhorn_within_balances_every_face_by_itself():
    logits = 20.0 * torch.randn(3, 4, 2, 6, dtype=torch.float64)
    q = sinkhorn_within(logits, iterations=2000)
    torch.testing.assert_close(q.sum(1), torch.ones(3, 2, 6, dtype=torch.float64))
    torch.testing.assert_close(q.sum((2, 3)), torch.full((3, 4), 3.0, dtype=torch.float64), atol=0.01, rtol=0)


def test_sinkhorn_within_one_face_is_sinkhorn_on_its_pixels():
    logits = torch.randn(1, 4, 3, 5, dtype=torch.float64)
    rows = sinkhorn(logits.softmax(1).permute(0, 2, 3, 1).flatten(0, 2), 3)
    torch.testing.assert_close(sinkhorn_within(logits, 3).permute(0, 2, 3, 1).flatten(0, 2), rows)


def test_sinkhorn_across_balances_the_batch_and_not_its_faces():
    """Face 0 is for region 0 by 4 nats, face 1 is undecided: sharing the batch evenly leaves each with 2."""
    logits = torch.zeros(2, 2, 3, 3, dtype=torch.float64)
    logits[0, 0] = 4.0
    q = sinkhorn_across(logits, iterations=200)
    share = torch.sigmoid(torch.tensor(2.0, dtype=torch.float64))
    torch.testing.assert_close(q[0], torch.stack([share, 1 - share]).view(2, 1, 1).expand(2, 3, 3))
    torch.testing.assert_close(q[1], q[0].flip(0))
    torch.testing.assert_close(sinkhorn_across(logits, iterations=0), logits.softmax(1))


def test_sinkhorn_within_stands_extreme_logits():
    logits = 1e4 * torch.randn(2, 4, 3, 3)
    assert sinkhorn_within(logits, 3).isfinite().all()


def test_mean_entropy_gap_is_zero_for_even_use_and_log_n_for_one_region():
    even = 50.0 * torch.eye(4)
    assert mean_entropy_gap(even, 0.1).item() == pytest.approx(0.0, abs=1e-5)
    assert mean_entropy_gap(even[:1].expand(4, -1), 0.1).item() == pytest.approx(math.log(4), abs=1e-5)


def test_sinkhorn_balances_rows_and_columns():
    q = sinkhorn(torch.rand(12, 4, dtype=torch.float64) + 0.1, iterations=200)
    torch.testing.assert_close(q.sum(1), torch.ones(12, dtype=torch.float64))
    torch.testing.assert_close(q.sum(0), torch.full((4,), 3.0, dtype=torch.float64))


def test_monitors_of_regions():
    even = torch.full((2, 4, 3, 3), 0.25)
    one = torch.zeros(2, 4, 3, 3)
    one[:, 1] = 1.0
    checker = torch.eye(4)[torch.randperm(16) % 4].view(1, 4, 4, 4).permute(0, 3, 1, 2)
    assert region_usage_entropy(even).item() == pytest.approx(1.0)
    assert region_usage_entropy(one).item() == pytest.approx(0.0)
    assert region_usage_entropy(checker).item() == pytest.approx(1.0)
    assert region_sharpness(even).item() == pytest.approx(0.0, abs=1e-6)
    assert region_sharpness(checker).item() == pytest.approx(1.0)
