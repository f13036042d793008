"""Bounds of the region scores, on masks whose best regions are known by hand."""

from __future__ import annotations

import math

import pytest
import torch

from fra_zoo.evaluate.region_bounds import _alike_in_area, cell_parts, fixed_places, following, true_parts

LEFT_RIGHT = torch.tensor([[0, 0, 1, 1]] * 4)


def test_cells_count_the_pixels_of_each_part():
    mask = torch.tensor([[[0, 1, 2, 2], [1, 1, 2, 2], [0, 0, 0, 2], [0, 0, 2, 2]]])
    count = cell_parts(mask, 2)
    assert count[0].tolist() == [[1, 3, 0], [0, 0, 4], [4, 0, 0], [1, 0, 3]]


@pytest.mark.parametrize("same_area", [False, True])
def test_faces_that_are_alike_need_no_more_than_fixed_places(same_area):
    count = cell_parts(LEFT_RIGHT.expand(3, 4, 4), 2)
    for numbers in (true_parts(count), fixed_places(count, 2, same_area=same_area), following(count, 2)):
        assert numbers["region_mi"] == pytest.approx(math.log(2))
        assert numbers["region_iou"] == pytest.approx(1.0)
        assert numbers["region_told_by_face"] == pytest.approx(0.0)


def test_fixed_places_know_nothing_of_parts_that_move():
    count = cell_parts(torch.stack((LEFT_RIGHT, LEFT_RIGHT.flip(1))), 2)
    assert fixed_places(count, 2)["region_mi"] == pytest.approx(0.0)
    for numbers in (true_parts(count), following(count, 2)):
        assert numbers["region_mi"] == pytest.approx(math.log(2))


def test_the_same_area_has_to_mix_parts():
    count = cell_parts(torch.tensor([[[0, 1], [1, 1]]]), 2)
    whole = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert fixed_places(count, 2)["region_mi"] == pytest.approx(whole)
    for numbers in (fixed_places(count, 2, same_area=True), following(count, 2)):
        assert numbers["region_mi"] == pytest.approx(whole - 0.5 * math.log(2))  # half of the cells hold both parts


def test_the_same_area_is_the_same_to_within_a_cell():
    gain = torch.randn(5, 9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 50.0
    gain[:, :, 0] += 100.0  # all cells want the first region
    areas = torch.nn.functional.one_hot(_alike_in_area(gain), 4).sum(1)
    assert areas.sort(1).values.tolist() == [[2, 2, 2, 3]] * 5
