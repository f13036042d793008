"""Probe and kNN in parts: the numbers of the plain way, in bounded memory."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from fra_zoo.data import create_dataset
from fra_zoo.data.loading import FaceLoader, Faces
from fra_zoo.evaluate import chunks, features
from fra_zoo.evaluate.chunks import Chunks, mean_and_deviation
from fra_zoo.evaluate.evaluators.knn import knn_scores
from fra_zoo.evaluate.evaluators.probe import fit_logistic, probe
from fra_zoo.evaluate.features import Features, embed_faces
from fra_zoo.views.spec import ViewSpec


def some(count, dtype=torch.float32):
    y = torch.arange(count) % 3
    return Features((torch.randn(count, 12) + 2.0 * F.one_hot(y, 12) + 5.0).to(dtype), y)


def plain_knn(train, x, classes, k, temperature):
    """All cosines at once."""
    centre = train.x.mean(0)
    cosine = F.normalize(x - centre, dim=1) @ F.normalize(train.x - centre, dim=1).T
    scores = torch.zeros(len(x), classes)
    for row in range(len(x)):
        nearest = cosine[row].argsort(descending=True)[:k]
        weight = (cosine[row][nearest] / temperature).exp()
        for vote, neighbour in zip(weight / weight.sum(), nearest, strict=True):
            scores[row, train.y[neighbour]] += vote
    return scores


def test_neighbours_in_parts_are_those_of_the_whole(monkeypatch):
    train, x = some(101), some(53).x
    expected = plain_knn(train, x, 3, 20, 0.07)
    torch.testing.assert_close(knn_scores(train, x, 3), expected)
    monkeypatch.setattr(chunks, "ROWS", 16)  # below k, and the last part is smaller still
    torch.testing.assert_close(knn_scores(train, x, 3), expected)
    few = Features(train.x[:7], train.y[:7])
    torch.testing.assert_close(knn_scores(few, x, 3), plain_knn(few, x, 3, 7, 0.07))


def test_a_regression_in_parts_is_that_of_the_whole(monkeypatch):
    train, valid, test = some(300), some(100), some(100)
    centre, scale = mean_and_deviation(train.x)
    whole = fit_logistic(Chunks(train.x, centre=centre, scale=scale), train.y, 3, 1e-2)
    parts = fit_logistic(Chunks(train.x, centre=centre, scale=scale, rows=64), train.y, 3, 1e-2)
    # float32 sums of other lengths; processors differ by some 3e-4 in what the optimizer then stops at
    torch.testing.assert_close(parts, whole, atol=5e-4, rtol=0)
    expected = probe(train, valid, 3, test)
    monkeypatch.setattr(chunks, "ROWS", 64)
    found = probe(train, valid, 3, test)
    assert found.keys() == expected.keys()
    assert all(abs(found[name] - expected[name]) < 1e-3 for name in expected)


def test_mean_and_deviation_in_parts(monkeypatch):
    x = some(300).x
    expected = mean_and_deviation(x)
    assert expected[0].equal(x.mean(0))
    assert expected[1].equal(x.std(0))
    monkeypatch.setattr(chunks, "ROWS", 64)
    for found, value in zip(mean_and_deviation(x), expected, strict=True):
        torch.testing.assert_close(found, value)


def test_large_tables_are_held_in_half_precision(monkeypatch):
    data = create_dataset("synthetic-faces", "valid", count=30, size=16)
    loader = FaceLoader(Faces(data, 16), 8, shuffle=False)
    view = ViewSpec(16)
    plain = embed_faces(lambda images: images.flatten(1), loader, view)
    monkeypatch.setattr(features, "LARGE", 1000)
    half = embed_faces(lambda images: images.flatten(1), loader, view)
    assert (plain.x.dtype, half.x.dtype) == (torch.float32, torch.float16)
    assert half.x.equal(plain.x.half())
    assert half.y.equal(plain.y)
    train, valid = some(300, torch.float16), some(100, torch.float16)
    whole = Features(train.x.float(), train.y), Features(valid.x.float(), valid.y)
    assert probe(train, valid, 3) == probe(*whole, 3)
    assert knn_scores(train, valid.x, 3).equal(knn_scores(whole[0], whole[1].x, 3))
