"""The zoo's names: each is a timm architecture with our own configuration, and a timm entry point."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

import timm
from timm.models import PretrainedCfg, generate_default_cfgs, model_entrypoint, register_model
from torch import nn

from fra_zoo.errors import FraZooError
from fra_zoo.models.dmue_resnet import DMUE_STRUCTURE, dmue_resnet18
from fra_zoo.models.preprocessing import PREPROCESSING
from fra_zoo.models.vgg13 import VGG13_STRUCTURE, ferplus_vgg13
from fra_zoo.views.spec import VGGFACE2_MEAN, VGGFACE2_STD


@dataclass(frozen=True)
class Entry:
    """A name of the zoo.

    Attributes:
        architecture: the plain timm name that is published.
        args: what is passed to timm besides.
        tags: name of a set of weights to its configuration.
        builder: of an architecture that timm does not have; its name is then the zoo's.
        preprocessing: what timm's configuration has no word for (`fra_zoo.models.preprocessing`).
    """

    architecture: str
    args: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    builder: Callable[..., nn.Module] | None = None
    preprocessing: dict[str, Any] = field(default_factory=dict)


def _cfg(size: int = 224, channels: int = 3, **more: Any) -> dict[str, Any]:
    """Our preprocessing; `url` and `hf_hub_id` are filled when weights are published."""
    return {
        "input_size": (channels, size, size),
        "mean": VGGFACE2_MEAN,
        "std": VGGFACE2_STD,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "crop_mode": "squash",
        "num_classes": 0,
        **more,
    }


FRA_PAPER = "arXiv:2403.02138"


def _faces(method: str, paper: str = FRA_PAPER, **more: Any) -> dict[str, Any]:
    """Weights of a method on VGGFace2 by its config."""
    return _cfg(
        description=f"VGGFace2 faces without labels; recipes/configs/{method}_vggface2.yaml",
        license="research only (VGGFace2)",
        paper_ids=paper,
        **more,
    )


ZOO: dict[str, Entry] = {
    "fra_resnet18": Entry("resnet18", tags={"vggface2_e50": _faces("fra")}),
    "fra_resnet50": Entry("resnet50", tags={"vggface2_e50": _faces("fra")}),
    "fra_resnet50_reduced": Entry(
        "resnet50",
        args={"layers": [3, 4, 1, 1]},
        tags={"vggface2_e50": _faces("fra")},
    ),
    "byol_resnet18": Entry("resnet18", tags={"vggface2_e50": _faces("byol", "arXiv:2006.07733")}),
    "byol_resnet50": Entry("resnet50", tags={"vggface2_e50": _faces("byol", "arXiv:2006.07733")}),
    "fra_vit_small_patch16_224": Entry("vit_small_patch16_224", tags={"vggface2_e50": _faces("fra")}),
    "fra_convnext_tiny": Entry("convnext_tiny", tags={"vggface2_e50": _faces("fra")}),
    "moco_v2_resnet50": Entry("resnet50", tags={"vggface2_e200": _faces("moco_v2", "arXiv:2003.04297")}),
    "moco_v3_vit_base_patch16_224": Entry(
        "vit_base_patch16_224", tags={"vggface2_e300": _faces("moco_v3", "arXiv:2104.02057")}
    ),
    "mae_vit_base_patch16_224": Entry(
        "vit_base_patch16_224", tags={"vggface2_e800": _faces("mae", "arXiv:2111.06377", interpolation="bicubic")}
    ),
    "farl_vit_base_patch16_224": Entry(
        "vit_base_patch16_clip_quickgelu_224",
        tags={
            "laion_face_e16": _cfg(
                description="LAION-Face with texts; recipes/configs/farl_laion_face.yaml",
                license="unknown: that of the images (LAION-Face)",
                paper_ids="arXiv:2112.03109",
                interpolation="bicubic",
            )
        },
    ),
    "dmue_resnet18": Entry(
        "dmue_resnet18",
        tags={
            "affectnet8": _cfg(
                mean=(0.5, 0.5, 0.5),
                std=(0.5, 0.5, 0.5),
                crop_pct=0.875,
                description="DMUE's published ResNet-18; fra-zoo convert",
                license="research only (AffectNet)",
                paper_ids="arXiv:2104.00232",
                **DMUE_STRUCTURE,
            )
        },
        builder=dmue_resnet18,
    ),
    "ferplus_vgg13": Entry(
        "ferplus_vgg13",
        tags={
            "ferplus": _cfg(
                64,
                channels=1,
                mean=(0.0,),
                std=(1.0,),
                description="FER+ by majority; recipes/configs/ferplus_vgg13.yaml",
                license="research only (FER2013)",
                paper_ids="arXiv:1608.01041",
                **VGG13_STRUCTURE,
            )
        },
        builder=ferplus_vgg13,
        preprocessing={"photometric": True, "load_size": 48},
    ),
}

_STRUCTURE = ("first_conv", "classifier", "pool_size", "fixed_input_size")


def _complete(entry: Entry, cfg: dict[str, Any]) -> dict[str, Any]:
    """Our configuration with what timm must know of the architecture's layers."""
    if entry.builder is not None:
        return cfg
    plain = timm.models.get_pretrained_cfg(entry.architecture)
    assert plain is not None
    return {**{key: getattr(plain, key) for key in _STRUCTURE}, **cfg}


default_cfgs = generate_default_cfgs(
    {f"{name}.{tag}": _complete(entry, cfg) for name, entry in ZOO.items() for tag, cfg in entry.tags.items()}
)


def has_weights(cfg: PretrainedCfg) -> bool:
    """Whether a tag's weights are published."""
    return bool(cfg.url or cfg.hf_hub_id or cfg.file)


def repository(name: str) -> str | None:
    """Where the weights of a zoo name lie on the Hub, if anywhere; `FRA_ZOO_ORG` says whose.

    A name without a tag has its first one.
    """
    base, _, tag = name.partition(".")
    organisation = os.environ.get("FRA_ZOO_ORG")
    if base not in ZOO:
        return None
    tag = tag or default_cfgs[base].tags[0]
    if organisation:
        return f"{organisation}/{base}.{tag}"
    cfg = default_cfgs[base].cfgs.get(tag)
    return cfg.hf_hub_id if cfg is not None else None


def list_zoo(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """Names of the zoo that match a shell pattern; with `pretrained`, `name.tag` of published weights alone."""
    if not pretrained:
        return sorted(name for name in ZOO if fnmatch(name, pattern))
    named = ((f"{name}.{tag}", cfg) for name, d in default_cfgs.items() for tag, cfg in d.cfgs.items())
    return sorted(name for name, cfg in named if has_weights(cfg) and fnmatch(name, pattern))


def _entry_point(name: str, entry: Entry) -> Callable[..., nn.Module]:
    def build(pretrained: bool = False, pretrained_cfg: Any = None, **kwargs: Any) -> nn.Module:
        tags = default_cfgs[name]
        if pretrained_cfg is None or isinstance(pretrained_cfg, str):
            tag = pretrained_cfg or tags.tags[0]
            if tag not in tags.cfgs:
                raise FraZooError(f"{name} has no tag '{tag}'; known: {', '.join(tags.cfgs)}")
            pretrained_cfg = tags.cfgs[tag]
            if pretrained and not has_weights(pretrained_cfg):
                raise FraZooError(
                    f"no weights of {name} are published yet (tags: {', '.join(tags.cfgs)}); give your own: "
                    f"create_model('{name}', checkpoint_path=FILE.safetensors) or create_model('local-dir:RUN'), or "
                    "set FRA_ZOO_ORG to an organisation of the Hub that has them"
                )
        model: Any = (entry.builder or model_entrypoint(entry.architecture))(
            pretrained=pretrained, pretrained_cfg=pretrained_cfg, **{**entry.args, **kwargs}
        )
        # An export names the plain architecture and what makes it ours, so that it loads without fra_zoo.
        model.pretrained_cfg["architecture"] = model.default_cfg["architecture"] = entry.architecture
        model._model_args = dict(entry.args)
        if entry.preprocessing:
            model.pretrained_cfg[PREPROCESSING] = model.default_cfg[PREPROCESSING] = entry.preprocessing
        return model

    build.__name__ = build.__qualname__ = name
    build.__module__ = __name__
    whose = "" if entry.builder else "timm's "
    build.__doc__ = f"{whose}`{entry.architecture}` {entry.args or ''} with the zoo's configuration."
    return build


for _name, _entry in ZOO.items():
    register_model(_entry_point(_name, _entry))
