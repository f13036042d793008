"""The four schemes of FER+: golden rows and counts, and losses against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fra_zoo.data import create_dataset
from fra_zoo.errors import FraZooError
from fra_zoo.fer import ferplus_targets
from fra_zoo.labels import FERPLUS
from fra_zoo.losses.label_distribution import any_label_loss, drawn_label_loss, soft_cross_entropy

NEUTRAL = {"neutral": 1.0}
# votes, then majority, probabilistic and cross-entropy, and the support of multi-label; None is dropped
GOLDEN = [
    ("4 0 0 1 3 2 0 0 0 0", None, {"neutral": 4 / 7, "anger": 3 / 7}, {"neutral", "anger"}),
    ("6 0 1 1 0 0 0 0 2 0", NEUTRAL, NEUTRAL, {"neutral"}),
    ("5 0 0 3 1 0 0 0 1 0", NEUTRAL, {"neutral": 0.625, "sadness": 0.375}, {"neutral", "sadness"}),
    ("4 0 0 0 1 0 0 4 1 0", None, {"neutral": 0.5, "contempt": 0.5}, {"neutral", "contempt"}),
    ("3 0 0 0 0 0 0 0 7 0", None, None, None),
    ("3 3 2 2 0 0 0 0 0 0", None, None, {"neutral", "happiness"}),
    ("5 0 0 0 0 0 0 0 5 0", None, None, {"neutral"}),
    ("4 0 0 2 0 0 0 0 4 0", None, None, {"neutral"}),
    ("2 2 2 2 2 0 0 0 0 0", None, None, None),
]
COUNTS = {
    "train": {"majority": 25_045, "probabilistic": 27_947, "cross_entropy": 27_947, "multi_label": 27_667},
    "valid": {"majority": 3_191, "probabilistic": 3_508, "cross_entropy": 3_508, "multi_label": 3_472},
    "test": {"majority": 3_137, "probabilistic": 3_507, "cross_entropy": 3_507, "multi_label": 3_466},
}


def votes_of(text):
    return np.array([list(map(int, text.split()))])


def named(row):
    return {name: pytest.approx(float(p), abs=1e-6) for name, p in zip(FERPLUS.classes, row, strict=True) if p > 0}


@pytest.mark.parametrize(("votes", "majority", "gathered", "support"), GOLDEN)
def test_golden_rows(votes, majority, gathered, support):
    for scheme, expected in (("majority", majority), ("probabilistic", gathered), ("cross_entropy", gathered)):
        targets, keep = ferplus_targets(votes_of(votes), scheme)
        assert bool(keep[0]) == (expected is not None), scheme
        assert named(targets[0]) == (expected or {}), scheme
    targets, keep = ferplus_targets(votes_of(votes), "multi_label")
    assert bool(keep[0]) == (support is not None)
    assert set(named(targets[0])) == (support or set())


def test_all_rows_at_once_are_the_rows_alone():
    rows = np.concatenate([votes_of(row[0]) for row in GOLDEN])
    for scheme in COUNTS["train"]:
        together = ferplus_targets(rows, scheme)
        alone = [ferplus_targets(row[None], scheme) for row in rows]
        np.testing.assert_array_equal(together[0], np.concatenate([targets for targets, _ in alone]))
        tensors = ferplus_targets(torch.from_numpy(rows), scheme)
        assert tensors[0].numpy().tolist() == together[0].tolist()
        assert tensors[1].dtype == torch.bool


@pytest.mark.parametrize("split", COUNTS)
def test_counts_of_the_real_votes(real_data, split):
    votes = np.asarray(create_dataset("ferplus", split, str(real_data / "ferplus")).dataset["votes"])
    for scheme, expected in COUNTS[split].items():
        targets, keep = ferplus_targets(votes, scheme)
        assert keep.sum() == expected
        assert not targets[~keep].any()
        np.testing.assert_allclose(targets[keep].sum(1), 1.0, atol=1e-6)
    if split == "train":
        targets, keep = ferplus_targets(votes, "cross_entropy")
        assert np.bincount((targets > 0).sum(1)[keep]).tolist() == [0, 19_021, 7_878, 1_048]
        assert np.bincount(targets[keep].argmax(1)).tolist() == [10_107, 7_501, 3_517, 3_445, 2_401, 170, 643, 163]
        targets, keep = ferplus_targets(votes, "multi_label")
        assert np.bincount((targets > 0).sum(1)[keep]).tolist() == [0, 20_543, 6_985, 139]


def test_bad_votes():
    with pytest.raises(FraZooError, match="unknown label scheme 'majorty'; did you mean 'majority'"):
        ferplus_targets(votes_of(GOLDEN[0][0]), "majorty")
    with pytest.raises(FraZooError, match=r"must be \(n, 10\) integers, got \(1, 8\)"):
        ferplus_targets(np.zeros((1, 8), dtype=int), "majority")
    with pytest.raises(FraZooError, match="float"):
        ferplus_targets(np.zeros((1, 10)), "majority")


@pytest.fixture
def logits():
    return torch.randn(6, 8, dtype=torch.float64)


@pytest.fixture
def target():
    t = torch.rand(6, 8, dtype=torch.float64) * (torch.rand(6, 8) < 0.4)
    t[:, 2] += 0.1
    return t / t.sum(1, keepdim=True)


def test_losses_against_loops(logits, target):
    p = logits.softmax(1)
    soft = [
        -sum(float(q) * math.log(float(x)) for q, x in zip(*row, strict=True)) for row in zip(target, p, strict=True)
    ]
    assert soft_cross_entropy(logits, target).item() == pytest.approx(sum(soft) / 6)
    any_label = []
    for q, x in zip(target, p, strict=True):
        t = [(0.999 if float(share) > 0 else 0.0) + 0.001 for share in q]
        any_label.append(-math.log(max(a * float(b) for a, b in zip(t, x, strict=True))))
    assert any_label_loss(logits, target).item() == pytest.approx(sum(any_label) / 6)


def test_drawn_labels_follow_the_target_and_change(logits, target):
    losses = torch.stack([drawn_label_loss(logits[:1], target[:1]) for _ in range(4000)])
    expected = -(target[:1] * logits[:1].log_softmax(1)).sum()
    assert losses.mean().item() == pytest.approx(expected.item(), rel=0.05)
    assert len(losses.unique()) == int((target[0] > 0).sum())


def test_schemes_choose_the_rows_they_train_on():
    data = create_dataset("synthetic-faces", "train", count=300, size=16)
    votes = np.asarray(data.dataset["votes"])
    for scheme in ("multi_label", "probabilistic", "cross_entropy"):
        targets, keep = ferplus_targets(votes, scheme)
        chosen = data.for_scheme(scheme)
        assert len(chosen) == keep.sum()
        np.testing.assert_allclose(chosen.dataset["target"][:], targets[keep], atol=1e-6)
        assert chosen.dataset["label"][:] == targets[keep].argmax(1).tolist()
    assert len(data.for_scheme("majority")) == len(data.labelled())
