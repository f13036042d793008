"""Landmark agreement on maps known by hand, and the table of landmarks."""

from __future__ import annotations

import pytest
import torch

from fra_zoo.data.disk.landmarks import POINTS, Landmarks, read_landmarks, write_landmarks
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.evaluators.landmarks import agreement, regions_at


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
