"""The `official` preset against numbers of the published FRA code, in float64 to 1e-9.

`FRA_ZOO_GOLDEN` may name another folder of files of the same form.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from fra_zoo.hub.convert import method_from_checkpoint
from fra_zoo.layers.ema import momentum_at
from fra_zoo.models.layouts.fra import rename_fra

FILES = sorted(Path(os.environ.get("FRA_ZOO_GOLDEN", Path(__file__).parent / "golden")).glob("*.safetensors"))
close = {"rtol": 0.0, "atol": 1e-9}


class Identity(nn.Module):
    """A backbone whose images are feature maps already."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.default_cfg = {"input_size": (channels, 0, 0), "architecture": "identity"}

    def forward(self, maps):
        return maps


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def golden(request, tmp_path):
    with safe_open(request.param, "pt") as file:
        numbers = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        settings = file.metadata()
    weights = {f"module.{n.removeprefix('weights.')}": t for n, t in numbers.items() if n.startswith("weights.")}
    save_file(weights, tmp_path / "published.safetensors")
    method = method_from_checkpoint(
        tmp_path / "published.safetensors",
        Identity(int(settings["channels"])),
        image_size=8,
        decoder_heads=int(settings["decoder_heads"]),
        dropout=float(settings["dropout"]),
        beta=1.0 / float(settings["scale"]),
        global_weight=float(settings["loss_weight"]),
        relation_weight=float(settings["cluster_weight"]),
        student_temperature=float(settings["student_temp"]),
        teacher_temperature=float(settings["teacher_temp"]),
        uniformity_weight=float(settings["uniformity_weight"]),
        ema_momentum=float(settings["base_momentum"]),
    ).double()
    method.load_state_dict({n: t.double() if t.is_floating_point() else t for n, t in rename_fra(weights).items()})
    return method.train(), numbers, settings


def test_there_are_golden_files():
    assert FILES, "no golden file found; FRA_ZOO_GOLDEN names a folder without any"


def test_outputs(golden):
    method, numbers, _ = golden
    for side in ("online", "target"):
        for view in (1, 2):
            out = getattr(method, side)(numbers[f"inputs.features_{view}"])
            expected = {k: numbers[f"expected.{side}.{k}_{view}"] for k in ("global", "local", "similarity", "heatmap")}
            torch.testing.assert_close(out.z, expected["global"], **close)
            torch.testing.assert_close(out.z_regions.transpose(1, 2), expected["local"], **close)
            torch.testing.assert_close(out.similarity, expected["similarity"], **close)
            torch.testing.assert_close(out.heatmaps, expected["heatmap"], **close)


def test_loss_gradients_and_update(golden):
    method, numbers, settings = golden
    views = [numbers[f"inputs.features_{view}"].clone().requires_grad_() for view in (1, 2)]
    out = method({"views": views})
    out["loss"].backward()
    share = float(settings["loss_weight"])
    for ours, name in (
        (out["loss"], "loss"),
        (share * out["loss_whole"], "loss_inst"),
        ((1 - share) * out["loss_regions"], "loss_obj"),
        (out["loss_relation"], "loss_clu"),
        (share * out["loss_whole"] + (1 - share) * out["loss_regions"], "loss_base"),
    ):
        torch.testing.assert_close(ours.detach(), numbers[f"expected.{name}"][0], **close)
    for view in (1, 2):
        torch.testing.assert_close(views[view - 1].grad, numbers[f"expected.grad_features_{view}"], **close)
    parameters = dict(method.named_parameters())
    gradients = {n.removeprefix("expected.grad."): t for n, t in numbers.items() if n.startswith("expected.grad.")}
    assert gradients
    for name, expected in gradients.items():
        (ours,) = rename_fra({name: expected})
        torch.testing.assert_close(parameters[ours].grad.reshape(expected.shape), expected, **close)
    torch.testing.assert_close(method.online.prototypes, numbers["expected.proto_online"], **close)
    torch.testing.assert_close(method.target.prototypes, numbers["expected.proto_target"], **close)


def test_moving_average(golden):
    method, numbers, settings = golden
    expected = numbers["expected.momentum_after_30_of_100"].item()
    assert momentum_at(30, 100, float(settings["base_momentum"])) == pytest.approx(expected, abs=1e-12)
    method.after_step(30, 100)
    weight = numbers["expected.target_after_update.proj.mlp.0.weight"]
    torch.testing.assert_close(method.target.projector[0].weight, weight.squeeze(-1), **close)
