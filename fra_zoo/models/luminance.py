"""Classifiers that read luminance alone: a colour photo gets the answer of its gray version.

Datasets of expressions such as FER+ are gray. A network that learned from them has never seen a difference between its
three input channels, so what its filters do with one is left over from their initialisation: on colour photos it is
noise. Here the first convolution is replaced by one that sees `luma = 0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601, as
PIL's `convert("L")`): for gray images it computes the same, and it stays a plain convolution over three channels, so
timm, transformers and ONNX run it as any other.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from fra_zoo.errors import FraZooError

LUMA = (0.299, 0.587, 0.114)
_TOLERANCE = 2e-3  # of float16 weights


def read_luminance(model: nn.Module) -> None:
    """Make the first convolution see luma alone, in place: `w_c = luma_c * (w_R + w_G + w_B)`.

    Gray images get the same answer as before if mean and std of the normalisation are equal for the three channels
    (see `use_gray_normalization`). A model with one input channel is left as it is.

    Raises:
        FraZooError: if the normalisation differs between channels, or the model has no plain first convolution.
    """
    cfg = _cfg(model)
    if _channels(cfg) == 1:
        return
    if len(set(cfg["mean"])) > 1 or len(set(cfg["std"])) > 1:
        raise FraZooError(
            f"a model that reads luminance needs one mean and one std for all channels, got {cfg['mean']} and "
            f"{cfg['std']}; call use_gray_normalization first"
        )
    conv = _first_conv(model)
    with torch.no_grad():
        gray = conv.weight.sum(1, keepdim=True)
        conv.weight.copy_(gray * torch.tensor(LUMA, dtype=gray.dtype, device=gray.device)[None, :, None, None])


def reads_luminance(model: nn.Module) -> bool:
    """Whether a model answers a colour image as its gray version: its first convolution sees luma alone.

    Example:
        >>> import timm
        >>> reads_luminance(timm.create_model("resnet18"))
        False
    """
    cfg = _cfg(model)
    if _channels(cfg) == 1:
        return True
    if len(set(cfg["mean"])) > 1 or len(set(cfg["std"])) > 1:
        return False
    try:
        weight = _first_conv(model).weight.detach().float()
    except FraZooError:
        return False
    expected = weight.sum(1, keepdim=True) * torch.tensor(LUMA)[None, :, None, None].to(weight.device)
    return bool((weight - expected).abs().max() <= _TOLERANCE * weight.abs().max())


def use_gray_normalization(model: nn.Module) -> None:
    """Give a model one mean and one std for all channels, and change its first convolution so that it sees gray alike.

    Both are the means over the channels of what the model has. The filters are scaled by the ratio of the deviations,
    so that differences between pixels count as before, and the constant offset that is left goes into the bias, or the
    running mean of the batch norm behind the convolution. Gray images are then answered as before, but for the border,
    where a convolution pads with the mean.
    """
    cfg = _cfg(model)
    mean, std = cfg["mean"], cfg["std"]
    if _channels(cfg) == 1 or (len(set(mean)) == 1 and len(set(std)) == 1):
        return
    level, deviation = sum(mean) / len(mean), sum(std) / len(std)
    conv = _first_conv(model)
    with torch.no_grad():
        ratio = torch.tensor([deviation / value for value in std], dtype=conv.weight.dtype, device=conv.weight.device)
        offsets = [(level - m) / s for m, s in zip(mean, std, strict=True)]
        offset = (
            conv.weight.sum((2, 3)) * torch.tensor(offsets, dtype=conv.weight.dtype, device=conv.weight.device)
        ).sum(1)
        conv.weight.mul_(ratio[None, :, None, None])
        norm = _norm_behind(model, conv)
        if conv.bias is not None:
            conv.bias.add_(offset)
        elif norm is not None and norm.running_mean is not None:
            norm.running_mean.sub_(offset)
    equal = {"mean": (level,) * len(mean), "std": (deviation,) * len(std)}
    net: Any = model
    net.pretrained_cfg = net.default_cfg = {**net.pretrained_cfg, **equal}


def _norm_behind(model: nn.Module, conv: nn.Conv2d) -> nn.BatchNorm2d | None:
    """The batch norm that comes next after a convolution in the order of the modules, if it has its width."""
    modules = list(model.modules())
    following = modules[next(i for i, module in enumerate(modules) if module is conv) + 1 :]
    norm = next((module for module in following if isinstance(module, (nn.Conv2d, nn.BatchNorm2d))), None)
    return norm if isinstance(norm, nn.BatchNorm2d) and norm.num_features == conv.out_channels else None


def _cfg(model: nn.Module) -> dict[str, Any]:
    return dict(getattr(model, "pretrained_cfg", None) or {})


def _channels(cfg: dict[str, Any]) -> int:
    return int((cfg.get("input_size") or (3,))[0])


def _first_conv(model: nn.Module) -> nn.Conv2d:
    name = _cfg(model).get("first_conv")
    names = [name] if isinstance(name, str) else list(name or ())
    modules = dict(model.named_modules())
    convs = [module for part in names if isinstance(module := modules.get(part), nn.Conv2d)]
    if len(convs) != 1 or convs[0].in_channels != 3 or convs[0].groups != 1:
        architecture = _cfg(model).get("architecture") or type(model).__name__
        raise FraZooError(
            f"model '{architecture}' has no plain first convolution over three channels, so it cannot read luminance "
            "alone; choose --luminance never, or another model"
        )
    return convs[0]
