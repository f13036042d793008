"""Metrics, probes, verification and the region score on cases known by hand."""

from __future__ import annotations

import math

import pytest
import torch

from fra_zoo.data.disk.pairs import read_pairs
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.evaluators.knn import knn
from fra_zoo.evaluate.evaluators.probe import probe
from fra_zoo.evaluate.evaluators.regions import overlap, score
from fra_zoo.evaluate.evaluators.verification import area_under_curve, best_threshold, verification
from fra_zoo.evaluate.features import Features
from fra_zoo.evaluate.metrics import calibration_error, classification_metrics, confusion_matrix


def test_classification_metrics_by_hand():
    predicted, label = torch.tensor([0, 0, 1, 1, 1, 2]), torch.tensor([0, 0, 0, 1, 1, 1])
    numbers = classification_metrics(torch.eye(4)[predicted], label)
    assert numbers["accuracy"] == pytest.approx(4 / 6)
    assert numbers["mean_class_accuracy"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert numbers["macro_f1"] == pytest.approx((4 / 5 + 4 / 6 + 0) / 3)
    assert numbers["ece"] == pytest.approx(2 / 6)
    assert confusion_matrix(predicted, label, 3).tolist() == [[2, 1, 0], [0, 2, 1], [0, 0, 0]]


def test_calibration_error_by_hand():
    p = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]])
    assert calibration_error(p, torch.tensor([0, 1, 0]), bins=10) == pytest.approx((2 * 0.4 + 0.4) / 3, abs=1e-6)


def clusters(n, spread):
    y = torch.arange(n) % 3
    return Features(torch.eye(3)[y].repeat(1, 4) * 3 + spread * torch.randn(n, 12), y)


def test_probe_and_knn_separate_clusters_and_not_noise():
    train, valid = clusters(300, 0.5), clusters(150, 0.5)
    numbers = probe(train, valid, 3, clusters(150, 0.5))
    assert min(numbers["accuracy"], numbers["test_accuracy"]) > 0.95
    assert knn(train, valid, 3)["accuracy"] > 0.95
    noise = Features(torch.randn(300, 12), torch.arange(300) % 3)
    assert knn(noise, Features(torch.randn(150, 12), torch.arange(150) % 3), 3)["accuracy"] < 0.5


def test_auc_and_threshold_by_hand():
    score_, same = torch.tensor([0.9, 0.8, 0.8, 0.1]), torch.tensor([True, True, False, False])
    assert area_under_curve(score_, same) == pytest.approx(3.5 / 4)
    assert best_threshold(score_, same).item() == pytest.approx(0.45)


@pytest.fixture
def pairs_file(tmp_path):
    lines = ["2\t2"]
    for fold in range(2):
        lines += [f"p{fold}\t1\t2", f"q{fold}\t1\t2", f"p{fold}\t1\tq{fold}\t1", f"p{fold}\t2\tq{fold}\t2"]
    (tmp_path / "pairs.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "pairs.txt"


def test_verification_of_perfect_and_random_embeddings(pairs_file):
    people = ["p0", "q0", "p1", "q1"]
    rows = {(name, number): 2 * i + number - 1 for i, name in enumerate(people) for number in (1, 2)}
    pairs = read_pairs(pairs_file, rows)
    assert pairs.fold.tolist() == [0] * 4 + [1] * 4
    assert pairs.same.tolist() == [True, True, False, False] * 2
    perfect = torch.eye(4).repeat_interleave(2, 0) + 0.01 * torch.randn(8, 4)
    numbers = verification(perfect, pairs)
    assert numbers["accuracy"] == 1.0
    assert numbers["auc"] == 1.0
    assert numbers["tar_at_far_0.01"] == 1.0


def test_bad_pairs_files(pairs_file, tmp_path):
    with pytest.raises(FraZooError, match="the dataset does not have"):
        read_pairs(pairs_file, {})
    with pytest.raises(FraZooError, match="no such file"):
        read_pairs(tmp_path / "none.txt", {})
    (tmp_path / "bad.txt").write_text("10 300\na b\n")
    with pytest.raises(FraZooError, match="not in the form"):
        read_pairs(tmp_path / "bad.txt", {})


def test_region_score_of_the_true_parts():
    true = torch.tensor([[[0, 0, 1, 1], [0, 0, 1, 1]]])
    numbers = score(overlap(true, true, 3))
    assert numbers["region_mi"] == pytest.approx(math.log(2))
    assert numbers["region_nmi"] == numbers["region_iou"] == numbers["region_purity"] == pytest.approx(1.0)
    assert numbers["region_told_by_face"] == pytest.approx(0.0)


def test_region_score_by_hand():
    true = torch.tensor([[[0, 0, 1, 1], [0, 0, 1, 1]]])
    blurred = torch.tensor([[[2, 2, 2, 1], [2, 2, 2, 1]]])  # region 2 lies on part 0 and a little on part 1
    numbers = score(overlap(blurred, true, 3))
    assert numbers["region_iou"] == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert numbers["region_purity"] == pytest.approx(6 / 8)
    joint = {(2, 0): 4 / 8, (2, 1): 2 / 8, (1, 1): 2 / 8}
    region, part = {1: 2 / 8, 2: 6 / 8}, {0: 0.5, 1: 0.5}
    information = sum(p * math.log(p / region[r] / part[t]) for (r, t), p in joint.items())
    spread = -sum(p * math.log(p) for p in region.values()) + math.log(2)
    assert numbers["region_mi"] == pytest.approx(information)
    assert numbers["region_nmi"] == pytest.approx(2 * information / spread)


def test_a_map_of_one_region_knows_nothing():
    true = torch.tensor([[[0, 0, 1, 1], [0, 0, 1, 1]]])
    numbers = score(overlap(torch.zeros_like(true), true, 3))
    assert numbers["region_mi"] == numbers["region_nmi"] == 0.0
    assert numbers["region_purity"] == pytest.approx(0.5)
    assert numbers["region_iou"] == pytest.approx(0.25)  # the other part is found nowhere


def test_regions_that_stand_for_kinds_of_faces_are_told_by_the_face():
    true = torch.tensor([[[0, 1], [0, 1]]]).expand(2, -1, -1)
    kinds = torch.tensor([[[0, 0], [0, 0]], [[1, 1], [1, 1]]])
    assert score(overlap(kinds, true, 2))["region_told_by_face"] == pytest.approx(1.0)
    assert score(overlap(true, true, 2))["region_told_by_face"] == pytest.approx(0.0)
