"""Small methods and their batches, for the tests over the registry."""

from __future__ import annotations

from dataclasses import fields

import torch

from fra_zoo.config.fields import WIDTH
from fra_zoo.errors import FraZooError
from fra_zoo.methods import create_method
from fra_zoo.methods.parts.method import METHODS
from fra_zoo.views.transforms import crop_transform, mirrored

SMALL = {
    "byol": {"dim": 16, "hidden_dim": 32},
    "farl": {"dim": 16, "text_width": 32, "text_layers": 1, "text_heads": 2, "mim_layers": 1},
    "fra": {"dim": 32, "hidden_dim": 48, "dropout": 0.0},
    "mae": {"decoder_dim": 32, "decoder_depth": 1, "decoder_heads": 2},
    "moco_v2": {"dim": 16, "queue": 256, "norm_groups": 2},
    "moco_v3": {"dim": 16, "hidden_dim": 32},
}
FAMILIES = ("test_resnet", "test_vit", "test_convnext", "test_efficientnet")
TEXTS = ["a happy face", "a sad face", "an angry face", "a face"]


def small_options(name):
    """Those of the table; of a method that it lacks, every wide layer is made narrow."""
    widths = (one for one in fields(METHODS.get(name).Config) if one.metadata.get("range") is WIDTH)
    return SMALL.get(name, {one.name: 32 for one in widths if one.default is not None and one.default > 32})


def families(name):
    """Those of four families of backbones that the method takes."""
    taken = []
    for backbone in FAMILIES:
        try:
            make(name, backbone)
            taken.append(backbone)
        except FraZooError as error:
            if f"backbone '{backbone}'" not in str(error):
                raise
    return taken


def make(name, backbone=None, preset=None, **options):
    """A small method; over a residual net, or a ViT where it takes nothing else."""
    options = {**small_options(name), **options}
    if backbone is not None:
        return create_method(name, backbone, image_size=64, preset=preset, **options)
    try:
        return create_method(name, "test_resnet", image_size=64, preset=preset, **options)
    except FraZooError as error:
        if "test_resnet" not in str(error):
            raise
        return create_method(name, "test_vit", image_size=64, preset=preset, **options)


def random_places(count, dtype):
    """Places of crops of half the side or more, some of them mirrored."""
    size, corner = 0.5 + 0.5 * torch.rand(count), torch.rand(count, 2)
    left, top = (corner * (1.0 - size)[:, None]).unbind(1)
    place = crop_transform(top, left, size, size, (1, 1))
    return mirrored(place, torch.rand(count) < 0.5).to(dtype)


def complete(method, views, keys=None):
    """A batch with the views' places and what the method makes of it on the host."""
    count = len(views[0])
    batch = {"views": views, "text": [TEXTS[i % len(TEXTS)] for i in range(count)]}
    keys = torch.arange(count) if keys is None else keys
    made = method.prepare(batch, keys)
    made = {name: v.to(views[0].dtype) if v.is_floating_point() else v for name, v in made.items()}
    places = [random_places(count, views[0].dtype) for _ in views]
    return {"views": views, "transforms": places, **made}


def batch_for(method, size=4):
    return complete(method, [torch.randn(size, 3, view.size, view.size) for view in method.views])
