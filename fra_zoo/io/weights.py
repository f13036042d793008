"""Reading weights from files, safely, with errors that say what does not fit."""

from __future__ import annotations

import argparse
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from fra_zoo.errors import FraZooError
from fra_zoo.io.diagnosis import diagnose_file
from fra_zoo.io.paths import display_path

CONFIG, WEIGHTS = "config.json", "model.safetensors"
HEADS, HEADS_CONFIG = "heads.safetensors", "heads.json"
LEFT_OUT = "left_out"  # in heads.json: heads of the method that were not published
# Entries of a saved mapping that hold its tensors; where a file has several, the first of them is read.
_STATES = ("state_dict", "model_state_dict", "model", "module", "teacher", "net", "network", "backbone", "encoder")
# Parts of names that DataParallel, torch.compile, FSDP, activation checkpointing and Lightning Fabric put in.
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}


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
        if what := diagnose_file(path):
            raise FraZooError(f"{display_path(path)} {what}") from error
        if _is_pickle(path):
            raise FraZooError(
                f"{display_path(path)} is a pickle, which may run code when read; give a .safetensors file "
                "(fra_zoo.convert_checkpoint reads published pickles with weights_only)"
            ) from error
        raise FraZooError(
            f"{display_path(path)} is not a whole safetensors file ({error}); copy or export it again"
        ) from error


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a published checkpoint: safetensors, or a pickle read with `weights_only`, so that no code runs.

    Wrapping entries such as `state_dict` or `model` are opened, one in another too; what is no tensor is left out, and
    so are the parts of names that wrappers of a model put in, such as `module.` and `_orig_mod.`.

    Raises:
        FraZooError: if the file cannot be read safely, or holds no tensors by name.
    """
    path = Path(path)
    if not path.is_file() or not _is_pickle(path):
        return without_wrappers(read_safetensors(path), path)
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # MAE's and others' options: values and no code
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise FraZooError(f"{display_path(path)} {_unsafe(error)}") from error
    content = _opened(content)
    if not isinstance(content, Mapping):
        raise FraZooError(f"{display_path(path)} holds a {type(content).__name__}, not a state dict")
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    return without_wrappers(tensors, path)


def without_wrappers(state: Mapping[str, Tensor], where: str | Path) -> dict[str, Tensor]:
    """Tensors under the names that they have without `module.`, `_orig_mod.` and the like, wherever these stand.

    Raises:
        FraZooError: if two tensors that differ come to the same name.
    """
    clean: dict[str, Tensor] = {}
    for name, value in state.items():
        short = ".".join(part for part in name.split(".") if part not in _WRAPPERS)
        if short in clean and not same_tensor(clean[short], value):
            raise FraZooError(
                f"{display_path(where)} holds {short} twice with other values, with and without what a wrapper puts "
                f"into names ({name}); save the state dict of one of the two models alone"
            )
        clean[short] = value
    return clean


def same_tensor(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same type, shape and values."""
    return one.dtype == other.dtype and torch.equal(one, other)


def _opened(content: Any) -> Any:
    """The mapping of tensors within the entries that a training script wraps around it."""
    while isinstance(content, Mapping):
        inner = [name for name in _STATES if _holds_state(content.get(name))]
        if not inner and not _has_tensors(content):
            others = [name for name, value in content.items() if "optim" not in str(name) and _holds_state(value)]
            inner = others if len(others) == 1 else []
        if not inner:
            break
        content = content[inner[0]]
    return content


def _holds_state(value: Any) -> bool:
    """Whether this is a mapping of tensors by name, or has such a mapping as one of its usual entries."""
    return isinstance(value, Mapping) and (_has_tensors(value) or any(_holds_state(value.get(one)) for one in _STATES))


def _has_tensors(content: Mapping[Any, Any]) -> bool:
    return any(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items())


def _unsafe(error: Exception) -> str:
    """Why a pickle is not read; follows its name."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    refused = re.search(r"GLOBAL ([\w.]+)", text) or re.search(r"[Uu]nsupported (?:class|operand)[: ]+([\w.]+)", text)
    if refused:
        return (
            f"cannot be read safely: it holds a {refused[1]} beside its tensors, which may run code; where you trust "
            "it, save the tensors alone: torch.save(torch.load(FILE, weights_only=False)['state_dict'], NEW)"
        )
    lines = text.strip().splitlines()
    reason = lines[0][:160] if lines else type(error).__name__
    if isinstance(error, pickle.UnpicklingError):
        return f"holds more than tensors and cannot be read safely ({reason}); save its state_dict alone"
    return f"is no whole checkpoint ({reason}); copy or download it again"


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
