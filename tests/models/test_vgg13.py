"""FER+'s network and its preprocessing against golden numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import fra_zoo
from fra_zoo.fer.objective import FERPLUS_OPTIM, unit_gain
from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS
from fra_zoo.models.preprocessing import eval_view_of, load_size
from fra_zoo.views.apply import make_views
from fra_zoo.views.operations.photometric import photometric
from fra_zoo.views.operations.warp import warp, warp_matrix
from fra_zoo.views.spec import ViewSpec


@pytest.fixture
def grid():
    i = np.arange(48)
    return torch.from_numpy((7 * i[:, None] + 13 * i[None]) % 256).double()[None, None] / 255.0


def pairs(*values):
    return torch.tensor([values], dtype=torch.float64)


def test_parameters_and_shapes():
    model = fra_zoo.create_model("ferplus_vgg13", num_classes=8)
    assert sum(p.numel() for p in model.parameters()) == 8_757_704
    assert model.forward_features(torch.zeros(2, 1, 64, 64)).shape == (2, 256, 4, 4)
    assert model(torch.zeros(2, 1, 64, 64)).shape == (2, 8)
    assert model.pretrained_cfg["input_size"] == (1, 64, 64)
    model.reset_classifier(0)
    assert model(torch.zeros(2, 1, 64, 64)).shape == (2, 1024)
    bound = (6.0 / (9 * 64 + 9 * 64)) ** 0.5
    assert model.features[2].weight.abs().max().item() == pytest.approx(bound, rel=0.01)


def test_warp_without_jitter_is_golden(grid):
    matrix, offset = warp_matrix(pairs(0, 0), pairs(1, 1), torch.zeros(1).double(), pairs(0, 0), 48, 64)
    torch.testing.assert_close(matrix[0], torch.eye(2).double() * 47 / 63)
    assert offset[0].tolist() == pytest.approx([0.126984] * 2, abs=1e-6)
    pixels = (warp(grid, matrix, offset, 64) * 255).round()[0, 0]
    assert pixels[0, :8].tolist() == [3, 12, 22, 32, 41, 51, 61, 70]
    assert pixels[63, -4:].tolist() == [145, 154, 164, 172]


def test_warp_with_jitter_is_golden(grid):
    scale, skew = pairs(1.05, 1 / 1.05), pairs(-0.05, 0.05)
    matrix, offset = warp_matrix(pairs(-5.12, 5.12), scale, torch.tensor([20.0]).double(), skew, 48, 64)
    expected = [[0.72085653, -0.27639039], [0.30405062, 0.65550727]]
    torch.testing.assert_close(matrix[0], torch.tensor(expected, dtype=torch.float64), atol=1e-8, rtol=0)
    assert offset[0].tolist() == pytest.approx([-6.6629825, 7.0969439], abs=1e-6)
    pixels = (warp(grid, matrix, offset, 64) * 255).round()[0, 0]
    assert pixels.sum() == 539_589
    assert pixels[10, 10:14].tolist() == [167, 177, 188, 199]


def test_photometric_step_is_golden(grid):
    faces = (grid * 255).round().byte().expand(1, 3, -1, -1).contiguous()
    spec = ViewSpec(64).gray()
    (view,) = make_views(faces, [spec], seed=0, epoch=0, index=torch.arange(1))
    assert view.shape == (1, 1, 64, 64)
    assert view[0, 0, 0, :4].tolist() == pytest.approx([-1.759894, -1.706607, -1.561111, -1.409693], abs=2e-6)
    assert view.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert view.std(unbiased=False).item() == pytest.approx(1.0, abs=1e-6)


def test_a_flat_face_stays_finite():
    assert photometric(torch.full((1, 3, 16, 16), 0.5)).isfinite().all()


def test_preprocessing_travels_with_an_export(tmp_path):
    model = fra_zoo.create_model("ferplus_vgg13", num_classes=8).eval()
    task = fra_zoo.create_objective("majority", model, image_size=64)
    assert task.views[0].photometric
    export_model(model, tmp_path, view=task.views[0].eval_view(), labels=FERPLUS, load_size=48)
    loaded = fra_zoo.create_model(f"local-dir:{tmp_path}").eval()
    assert eval_view_of(loaded) == task.views[0].eval_view()
    assert load_size(loaded, 64) == 48
    x = torch.randn(2, 1, 64, 64)
    torch.testing.assert_close(loaded(x), model(x))


def test_unit_gain_rate_is_the_same_walk():
    """CNTK's `v = m v + (1 - m) g; w -= lr v` and PyTorch's `v = m v + g; w -= lr' v`."""
    ours = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = torch.optim.SGD([ours], lr=unit_gain(0.05), momentum=0.9)
    w, v = ours.detach().clone(), torch.zeros(2)
    for step in range(20):
        optimizer.zero_grad()
        (ours.square().sum() * (1 + step % 3)).backward()
        v = 0.9 * v + 0.1 * (2 * w * (1 + step % 3))
        w = w - 0.05 * v
        optimizer.step()
    torch.testing.assert_close(ours.detach(), w)
    assert FERPLUS_OPTIM.lr_per_256 * 32 / 256 == pytest.approx(0.005)
