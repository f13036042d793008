"""Reading weights from files, safely, with errors that say what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from fra_zoo.errors import FraZooError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
HEADS, HEADS_CONFIG = "heads.safetensors", "heads.json"


def export_folder(path: str | Path) -> Path:
    """The export of a run folder, or the folder itself if it is one."""
    path = Path(path)
    return path / "export" if (path / "export" / CONFIG).is_file() else path


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file; anything else raises `FraZooError`."""
    path = Path(path)
    if not path.is_file():
        raise FraZooError(f"no such file: {path}; give the path of a .safetensors file")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        if _is_pickle(path):
            raise FraZooError(
                f"{path} is a pickle, which may run code when read; give a .safetensors file "
                "(fra_zoo.convert reads published pickles with weights_only)"
            ) from error
        raise FraZooError(f"{path} is not a whole safetensors file ({error}); copy or export it again") from error


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a published checkpoint: safetensors, or a pickle read with `weights_only`, so that no code runs.

    A wrapping `state_dict`, `model` or `teacher` entry is opened; what is no tensor is left out.
    """
    path = Path(path)
    if not path.is_file() or not _is_pickle(path):
        return read_safetensors(path)
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise FraZooError(f"{path} holds more than tensors and cannot be read safely ({reason})") from error
    for wrapper in ("state_dict", "model", "teacher"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise FraZooError(f"{path} holds a {type(content).__name__}, not a state dict")
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _is_pickle(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(2)
    return head == b"PK" or head[:1] == b"\x80"


def load_into(module: nn.Module, state: Mapping[str, Tensor], where: str, *, ignore: tuple[str, ...] = ()) -> None:
    """Load `state` into `module`; every key and shape must fit, but for keys that start with one of `ignore`.

    Raises:
        FraZooError: names the first keys that are missing, unknown or of another shape.
    """
    own = module.state_dict()
    state = {name: value for name, value in state.items() if not name.startswith(ignore or ("\0",))}
    missing = [name for name in own if name not in state and not name.startswith(ignore or ("\0",))]
    unknown = [name for name in state if name not in own]
    shapes = [
        f"{name} {tuple(value.shape)} for {tuple(own[name].shape)}"
        for name, value in state.items()
        if name in own and own[name].shape != value.shape
    ]
    faults = [
        f"{label} {len(names)} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for label, names in (("missing", missing), ("unknown", unknown), ("wrong shape", shapes))
        if names
    ]
    if faults:
        raise FraZooError(
            f"{where} is a checkpoint of another architecture than {type(module).__name__}: {'; '.join(faults)}"
        )
    module.load_state_dict(dict(state), strict=not ignore)
