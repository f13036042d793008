"""Landmark agreement on maps known by hand, and the table of landmarks."""

from __future__ import annotations

import pytest
import torch

from fra_zoo.data.disk.landmarks import POINTS, Landmarks, read_landmarks, write_landmarks
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.evaluators.landmarks import (
    agreement,
    information,
    mutual_information,
    points_in_view,
    random_transforms,
    regions_at,
    transformed,
)
from fra_zoo.views.random import sample_keys


def test_the_region_at_a_point():
    maps = torch.zeros(1, 3, 4, 4)
    maps[0, 0] = 0.5
    maps[0, 1, 0, 3] = 1.0  # the upper right corner
    maps[0, 2, 3, :] = 1.0  # the lowest row
    points = torch.tensor([[[0.9, 0.1], [0.5, 0.95], [0.3, 0.3], [1.4, -0.2]]])
    assert regions_at(maps, points).tolist() == [[1, 2, 0, 1]]


def test_agreement_counts_the_usual_region_of_each_landmark():
    found = torch.tensor([[0, 0, 1, 2, 2], [0, 0, 1, 2, 2], [0, 1, 1, 2, 0], [0, 2, 1, 2, 1]])
    usage = torch.tensor([[[50, 0, 0], [0, 30, 20]]])  # two cells: the left one region 0's, the right one region 1's
    points = torch.tensor([0.2, 0.3, 0.4, 0.6, 0.9])[None, :, None].repeat(4, 1, 2)
    points[:2, 0, 0] = 0.9  # on two faces the first landmark lies in the right cell
    numbers = agreement(found, usage, points)
    assert [numbers[f"landmark_{name}"] for name in POINTS] == [1.0, 0.5, 1.0, 1.0, 0.5]
    assert numbers["landmark_agreement"] == pytest.approx(0.8)
    assert numbers["landmark_chance"] == pytest.approx(0.5)
    assert numbers["landmark_fixed"] == pytest.approx((0.5 + 1 + 1 + 1 + 1) / 5)
    assert numbers["landmark_regions"] == 3


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = [(0, [0.1 * i for i in range(10)]), (7, [0.05 * i for i in range(10)])]
    write_landmarks(tmp_path / "points.csv", rows)
    found = read_landmarks(tmp_path / "points.csv", 8)
    assert found.row.tolist() == [0, 7]
    torch.testing.assert_close(found.points.flatten(1), torch.tensor([values for _, values in rows]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first line"),
        ("row,x\n1,2\n", "first line"),
        ("{head}\n1,2\n", "damaged"),
        ("{head}\n9{points}\n", "rows 0 to 7"),
    ],
)
def test_a_table_of_another_form_is_one_line(tmp_path, text, said):
    write_landmarks(tmp_path / "points.csv", [])
    head = (tmp_path / "points.csv").read_text().strip()
    (tmp_path / "points.csv").write_text(text.format(head=head, points=",0.5" * 10))
    with pytest.raises(FraZooError, match=said) as caught:
        read_landmarks(tmp_path / "points.csv", 8)
    assert "\n" not in str(caught.value)


def test_points_move_with_a_crop_around_the_centre():
    points = torch.tensor([[[0.5, 0.5], [0.25, 0.75], [0.5, 0.4], [0.4, 0.6], [0.6, 0.6]]])
    cropped = Landmarks(torch.tensor([0]), points).cropped(0.5).points
    torch.testing.assert_close(cropped[0, :2], torch.tensor([[0.5, 0.5], [0.0, 1.0]]))


def test_points_move_with_the_image():
    """A white square lies at the moved point of a transformed black image."""
    transform = random_transforms(sample_keys(3, 0, torch.arange(8)))
    images = torch.zeros(8, 1, 64, 64, dtype=torch.uint8)
    images[:, :, 22:27, 34:39] = 255
    point = torch.tensor([36.5 / 64, 24.5 / 64]).expand(8, 1, 2)
    moved = points_in_view(point, transform)[:, 0] * 64
    pixels = transformed(images, transform)[:, 0].double()
    grid = torch.arange(64) + 0.5
    weight = pixels.sum((1, 2))
    centre = torch.stack([(pixels.sum(1) * grid).sum(1) / weight, (pixels.sum(2) * grid).sum(1) / weight], 1)
    torch.testing.assert_close(moved.double(), centre, atol=0.5, rtol=0)


def test_regions_that_go_with_the_face_know_more_than_fixed_places():
    """Two regions, left and right of the nose wherever it is: a bit of information that fixed places lose."""
    torch.manual_seed(0)
    points = torch.tensor([[0.3, 0.4], [0.7, 0.4], [0.5, 0.55], [0.35, 0.7], [0.65, 0.7]]).repeat(400, 1, 1)
    points = points + 0.3 * (torch.rand(400, 1, 2) - 0.5)
    follows = (points[:, :, 0] > points[:, 2:3, 0]).long()
    usage = torch.zeros(1, 8, 2, dtype=torch.long)
    usage[:, :4, 0] = usage[:, 4:, 1] = 1
    numbers = information(follows, usage, points)
    assert numbers["landmark_information"] == pytest.approx(0.673, abs=1e-3)  # entropy of two and three of five
    assert numbers["landmark_information_fixed"] < 0.9 * numbers["landmark_information"]
    assert numbers["landmark_information_cells"] > numbers["landmark_information_fixed"]
    assert numbers["landmark_information_faces"] == 400
    points[0, 0, 0] = 1.01  # outside
    assert information(follows, usage, points)["landmark_information_faces"] == 399


def test_mutual_information_by_hand():
    assert mutual_information(torch.tensor([[0, 1, 2, 3, 4]] * 3), 5) == pytest.approx(1.6094, abs=1e-4)
    assert mutual_information(torch.tensor([[0, 0, 0, 0, 0]] * 3), 5) == 0.0
