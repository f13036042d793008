"""The zoo's names: each is a timm architecture with our own configuration, and a timm entry point."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import timm
from timm.models import PretrainedCfg, generate_default_cfgs, is_model, model_entrypoint, register_model
from torch import nn

from fra_zoo.errors import FraZooError
from fra_zoo.io.files import read_mapping
from fra_zoo.io.remote import PREFIX, fetch
from fra_zoo.io.weights import CONFIG, WEIGHTS, read_safetensors
from fra_zoo.models.bundled import BundledWeights, bundled, bundled_names
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
        cfg: our configuration, without that of a set of weights.
        builder: of an architecture that timm does not have; its name is then the zoo's.
        preprocessing: what timm's configuration has no word for (`fra_zoo.models.preprocessing`).
    """

    architecture: str
    args: dict[str, Any] = field(default_factory=dict)
    cfg: dict[str, Any] = field(default_factory=dict)
    builder: Callable[..., nn.Module] | None = None
    preprocessing: dict[str, Any] = field(default_factory=dict)


def _cfg(paper: str, size: int = 224, channels: int = 3, **more: Any) -> dict[str, Any]:
    """Our preprocessing, which weights may have another of."""
    return {
        "input_size": (channels, size, size),
        "mean": VGGFACE2_MEAN,
        "std": VGGFACE2_STD,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "crop_mode": "squash",
        "num_classes": 0,
        "paper_ids": f"arXiv:{paper}",
        **more,
    }


_FRA, _BYOL, _MOCO_V2, _MOCO_V3 = _cfg("2403.02138"), _cfg("2006.07733"), _cfg("2003.04297"), _cfg("2104.02057")
_MAE, _FARL = _cfg("2111.06377", interpolation="bicubic"), _cfg("2112.03109", interpolation="bicubic")
_HALF = (0.5, 0.5, 0.5)

_log = logging.getLogger(__name__)

ZOO: dict[str, Entry] = {
    "fra_resnet18": Entry("resnet18", cfg=_FRA),
    "fra_resnet50": Entry("resnet50", cfg=_FRA),
    "fra_resnet50_reduced": Entry("resnet50", args={"layers": [3, 4, 1, 1]}, cfg=_FRA),
    "byol_resnet18": Entry("resnet18", cfg=_BYOL),
    "byol_resnet50": Entry("resnet50", cfg=_BYOL),
    "fra_vit_small_patch16_224": Entry("vit_small_patch16_224", cfg=_FRA),
    "fra_convnext_tiny": Entry("convnext_tiny", cfg=_FRA),
    "moco_v2_resnet50": Entry("resnet50", cfg=_MOCO_V2),
    "moco_v3_vit_base_patch16_224": Entry("vit_base_patch16_224", cfg=_MOCO_V3),
    "mae_vit_base_patch16_224": Entry("vit_base_patch16_224", cfg=_MAE),
    "farl_vit_base_patch16_224": Entry("vit_base_patch16_clip_quickgelu_224", cfg=_FARL),
    "dmue_resnet18": Entry(
        "dmue_resnet18",
        cfg=_cfg("2104.00232", mean=_HALF, std=_HALF, crop_pct=0.875, **DMUE_STRUCTURE),
        builder=dmue_resnet18,
    ),
    "ferplus_vgg13": Entry(
        "ferplus_vgg13",
        cfg=_cfg("1608.01041", 64, channels=1, mean=(0.0,), std=(1.0,), **VGG13_STRUCTURE),
        builder=ferplus_vgg13,
        preprocessing={"photometric": True, "load_size": 48},
    ),
}
BUNDLED: dict[str, dict[str, BundledWeights]] = {
    name: bundled(name) for name in dict.fromkeys([*ZOO, *bundled_names()])
}

_STRUCTURE = ("first_conv", "classifier", "pool_size", "fixed_input_size")


def _complete(entry: Entry, cfg: dict[str, Any]) -> dict[str, Any]:
    """Our configuration with what timm must know of the architecture's layers."""
    if entry.builder is not None:
        return cfg
    plain = timm.models.get_pretrained_cfg(entry.architecture)
    assert plain is not None
    return {**{key: getattr(plain, key) for key in _STRUCTURE}, **cfg}


def _from_weights(name: str) -> Entry | None:
    """The entry of a name that only its weights speak of; None, and a line, if timm lacks what they are of."""
    first = next(iter(BUNDLED[name].values()))
    architecture = first.config.get("architecture", "")
    if not is_model(architecture):
        _log.warning("weights %s are of '%s', which timm does not have; left out", first.folder.name, architecture)
        return None
    return Entry(architecture, cfg={key: value for key, value in first.cfg.items() if key != "file"})


ZOO |= {name: entry for name in BUNDLED if name not in ZOO and (entry := _from_weights(name))}


def _all_cfgs(name: str, entry: Entry) -> dict[str, dict[str, Any]]:
    """The configuration of each set of weights; without any, that of the architecture."""
    own = _complete(entry, entry.cfg)
    return {f"{name}.{tag}": {**own, **one.cfg} for tag, one in BUNDLED[name].items()} or {name: own}


default_cfgs = generate_default_cfgs(
    {tag: cfg for name, one in ZOO.items() for tag, cfg in _all_cfgs(name, one).items()}
)


def source(name: str) -> str | None:
    """Where the weights of a zoo name are, as `hf-hub:ORG/NAME` or `local-dir:FOLDER`; None for other names.

    The organisation that `FRA_ZOO_ORG` names wins over what comes with the package. A name without a tag has its first
    one.

    Raises:
        FraZooError: for a name without weights, or a tag that nobody has.
    """
    base, _, tag = name.partition(".")
    if base not in ZOO:
        return None
    tag = tag or next(iter(BUNDLED[base]), "")
    organisation = os.environ.get("FRA_ZOO_ORG")
    if organisation:
        return f"hf-hub:{organisation}/{base}{'.' if tag else ''}{tag}"
    if tag in BUNDLED[base]:
        return f"local-dir:{BUNDLED[base][tag].folder}"
    raise _no_tag(base, tag) if tag else _no_weights(base)


def list_zoo(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """Names of the zoo that match a shell pattern; with `pretrained`, `name.tag` of the weights that there are."""
    names = [f"{name}.{tag}" for name in ZOO for tag in BUNDLED[name]] if pretrained else ZOO
    return sorted(name for name in names if fnmatch(name, pattern))


def classifiers() -> list[str]:
    """Weights that come with the package and name expressions, as `name.tag`; the first is the default."""
    return [f"{name}.{tag}" for name in ZOO for tag, one in BUNDLED[name].items() if one.labels]


def backbones() -> list[str]:
    """Weights that come with the package and have no classifier, as `name.tag`; the first is the default."""
    return [f"{name}.{tag}" for name in ZOO for tag, one in BUNDLED[name].items() if not one.labels]


def packaged(name: str) -> BundledWeights:
    """The weights in the package that are called `name.tag`, wherever those of the Hub are; `FraZooError` if none."""
    base, _, tag = name.partition(".")
    if tag not in BUNDLED.get(base, {}):
        known = ", ".join(list_zoo(pretrained=True)) or "none"
        raise FraZooError(f"no weights '{name}' come with the package; with weights there are: {known}")
    return BUNDLED[base][tag]


def _no_tag(name: str, tag: str) -> FraZooError:
    tags = ", ".join(BUNDLED[name])
    return FraZooError(f"{name} has no tag '{tag}'; {f'known: {tags}' if tags else 'it has no weights yet'}")


def _no_weights(name: str) -> FraZooError:
    have = list_zoo(pretrained=True)
    others = f"; with weights there are: {', '.join(have)}" if have else ""
    return FraZooError(
        f"{name} has no weights yet{others}; give your own: create_model('{name}', checkpoint_path=FILE.safetensors) "
        "or create_model('local-dir:RUN'), or set FRA_ZOO_ORG to an organisation of the Hub that has them"
    )


def _weights(name: str, tag: str) -> BundledWeights:
    """Where timm finds the weights of a name: on the Hub where an organisation is set, else in the package; checked."""
    place = source(f"{name}.{tag}" if tag else name)
    assert place is not None
    folder = fetch(place) if place.startswith(PREFIX) else Path(place.removeprefix("local-dir:"))
    read_safetensors(folder / WEIGHTS)  # says what is damaged
    return BundledWeights(folder, read_mapping(folder / CONFIG))


def _entry_point(name: str, entry: Entry) -> Callable[..., nn.Module]:
    def build(pretrained: bool = False, pretrained_cfg: Any = None, **kwargs: Any) -> nn.Module:
        if pretrained_cfg is None or isinstance(pretrained_cfg, str):
            tag = pretrained_cfg or next(iter(BUNDLED[name]), "")
            if pretrained:
                weights = _weights(name, tag)
                kwargs = {**weights.model_args, **kwargs}
                pretrained_cfg = PretrainedCfg(**_complete(entry, {**entry.cfg, **weights.cfg}))
            elif tag in default_cfgs[name].cfgs:
                pretrained_cfg = default_cfgs[name].cfgs[tag]
            else:
                raise _no_tag(name, tag)
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
