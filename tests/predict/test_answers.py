"""The page of faces with answers."""

from __future__ import annotations

import torch

from fra_zoo.predict.answers import _RIGHT, _UNKNOWN, _WRONG, answers_page, right_and_wrong

CLASSES = ("sad", "glad")


def test_frames_say_right_wrong_and_unknown():
    faces = torch.full((3, 3, 20, 20), 200, dtype=torch.uint8)
    p = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    page = answers_page(faces, p, CLASSES, torch.tensor([0, 0, 1]), columns=2)
    tile, step = 104 + 6, 104 + 30 + 6
    corners = [tuple(page[y, x]) for y, x in ((0, 0), (0, tile), (step, 0))]
    assert corners == [_RIGHT, _WRONG, _RIGHT]
    assert page.shape == (2 * step, 2 * tile, 3)
    assert (page[50, 50] == 200).all()  # the face itself
    assert (page[106:134, :104] < 100).any()  # text under it
    unknown = answers_page(faces, p, CLASSES)
    assert {tuple(unknown[0, number * tile]) for number in range(3)} == {_UNKNOWN}


def test_right_ones_come_first_and_faces_without_a_label_never():
    p = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    labels = torch.tensor([1, 0, -1, 1, 0])
    assert right_and_wrong(p, labels, 2).tolist() == [1, 3, 0, 4]
    assert right_and_wrong(p, labels, 1).tolist() == [1, 0]
