"""The weights that a pre-training starts from: any name, repository, folder or file, or one line that says what lacks.

A file may be of any layout that `fra-zoo convert` reads, of timm's own names, or have them behind prefixes that a
trainer put there, such as `backbone.` or `encoder.`. Nothing of the backbone is left as it was drawn: a tensor that is
missing, unknown or of another shape ends with its name. What is no part of a backbone, such as a classifier or heads,
is left out and said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timm.models import is_model, split_model_name_tag
from torch import Tensor, nn

from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import display_path, public_name, user_path
from fra_zoo.io.remote import PREFIX
from fra_zoo.io.weights import WEIGHTS, read_checkpoint, same_tensor
from fra_zoo.models import create_model, model_folder
from fra_zoo.models.build import check_name
from fra_zoo.models.finite import require_finite
from fra_zoo.models.fit import classifier_names, fit_state
from fra_zoo.models.layout import LAYOUTS, State
from fra_zoo.models.zoo import ZOO

_LOCAL = "local-dir:"
_FILES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
_CLASSIFIERS = ("fc", "head", "classifier", "last_linear")
_COUNTER = "num_batches_tracked"  # of batch norms: old files lack it, and nothing is computed from it
# The part of a name that says that a network only follows the one that learns.
_FOLLOWS = re.compile(r"(^|[._])(target|teacher|momentum|ema|key|k)(?=[._]|$)")


@dataclass(frozen=True)
class LoadedWeights:
    """What became of initial weights.

    Attributes:
        source: what they are called to others: a name, or a file's or folder's own name without its path.
        prefix: the beginning of names that was taken off.
        tensors: number of tensors of the backbone.
        left_out: names of tensors that are no part of a backbone.
    """

    source: str
    prefix: str
    tensors: int
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        behind = f" (behind '{self.prefix}')" if self.prefix else ""
        groups = Counter(name.split(".")[0] for name in self.left_out)
        others = ", ".join(f"{name}.* ({count})" for name, count in sorted(groups.items())[:5])
        more = f", and {len(groups) - 5} more" if len(groups) > 5 else ""
        return f"starts from {self.source}: {self.tensors} tensors{behind}; left out: {others or 'none'}{more}"


def load_initial_weights(backbone: nn.Module, source: str | Path) -> LoadedWeights:
    """Load a backbone's weights from anywhere, in place.

    Args:
        backbone: a timm model without a classifier, or another module with the same names.
        source: a zoo or timm name, with or without a tag; `hf-hub:ORG/NAME[@REVISION]`; a run folder or an export; or a
            file, safetensors or a pickle, which is read with `weights_only`.

    Raises:
        FraZooError: if there is no such source, or its tensors are not those of the backbone; it names them.
    """
    name = str(source)
    where = f"init '{display_path(name)}'"
    try:
        state = _read(name)
    except FraZooError as error:
        raise FraZooError(f"init: {error}") from error
    prefix, chosen = _choose(state, backbone, where)
    require_finite(chosen, where)
    fitted = fit_state(backbone, chosen, where)
    own = backbone.state_dict()
    left_out = [key for key in fitted if key not in own and _may_go(key, own, backbone)]
    _check(fitted, left_out, own, type(backbone).__name__, where)
    backbone.load_state_dict({key: fitted.get(key, value) for key, value in own.items()})
    taken = {id(value) for value in chosen.values()}
    elsewhere = [key for key, value in state.items() if id(value) not in taken]
    if len(elsewhere) == len(state):  # a layout computed other tensors
        elsewhere = []
    return LoadedWeights(public_name(name), prefix, len(own), (*elsewhere, *left_out))


def _read(source: str) -> State:
    """The tensors of a source, under the names that it has for them."""
    if source.startswith((PREFIX, _LOCAL)):
        return read_checkpoint(model_folder(source) / WEIGHTS)
    path = user_path(source, "init")
    if path.is_file():
        return read_checkpoint(path)
    if path.is_dir():
        return read_checkpoint(model_folder(f"{_LOCAL}{path}") / WEIGHTS)
    if split_model_name_tag(source)[0] in ZOO:
        return read_checkpoint(model_folder(source) / WEIGHTS)
    if ":" not in source and is_model(split_model_name_tag(source)[0]):
        return create_model(source, pretrained=True, num_classes=0).state_dict()
    if path.suffix in _FILES or "/" in source or path.is_absolute():
        repository = f"; for a repository of the Hub write 'hf-hub:{source}'" if source.count("/") == 1 else ""
        raise FraZooError(f"no such file or folder: {display_path(source)}{repository or '; give the path of weights'}")
    check_name(source)
    raise FraZooError(f"'{display_path(source)}' has no weights; give a name, a folder or a file that has")


def _choose(state: State, backbone: nn.Module, where: str) -> tuple[str, State]:
    """The tensors that are the backbone's, and the prefix of names that was taken off."""
    names = [key for key in backbone.state_dict() if not key.endswith(_COUNTER)]
    layout = _by_layout(state)
    prefix = _by_prefix(state, names, where) if layout is None or not _holds(layout, names) else ""
    behind = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    by_coverage = [("", layout)] if layout is not None else []
    by_coverage.append((prefix, behind))
    best = max(by_coverage, key=lambda pair: _count(pair[1], names))
    if _count(best[1], names) < len(names):  # names of original code, which timm's filter of the family may know
        try:
            filtered = fit_state(backbone, state, where)
        except FraZooError:
            return best
        if _count(filtered, names) > _count(best[1], names):
            return "", filtered
    return best


def _by_layout(state: State) -> State | None:
    """The backbone of other code's checkpoint, where exactly one layout fits."""
    fitting = [LAYOUTS.get(name) for name in LAYOUTS.list() if LAYOUTS.get(name).fits(state)]
    if len(fitting) != 1:
        return None
    try:
        return fitting[0].read(state).weights
    except (FraZooError, KeyError):  # it only looked like it
        return None


def _by_prefix(state: State, names: Iterable[str], where: str) -> str:
    """The prefix behind which most of the backbone's names stand; of two networks, the one that learns.

    Raises:
        FraZooError: if several networks with other values have them all.
    """
    wanted, counts = set(names), Counter[str]()
    for key in state:
        parts = key.split(".")
        for first in range(len(parts)):
            if ".".join(parts[first:]) in wanted:
                counts["".join(f"{part}." for part in parts[:first])] += 1
    most = max(counts.values(), default=0)
    best = [prefix for prefix, count in counts.items() if count == most]
    if len(best) > 1:
        best = [prefix for prefix in best if not _FOLLOWS.search(prefix)] or best
    first = min(best, key=len, default="")
    for other in (prefix for prefix in best if prefix != first):
        for name in wanted:
            one, two = state.get(first + name), state.get(other + name)
            if one is not None and two is not None and not same_tensor(one, two):
                raise FraZooError(
                    f"{where} holds the backbone {len(best)} times, behind {', '.join(map(repr, sorted(best)))}; save "
                    "the one to start from alone"
                )
    return first


def _holds(state: Mapping[str, Any], names: list[str]) -> bool:
    return _count(state, names) == len(names)


def _count(state: Mapping[str, Any], names: Iterable[str]) -> int:
    return sum(name in state for name in names)


def _may_go(key: str, own: Mapping[str, Tensor], backbone: nn.Module) -> bool:
    """Whether a tensor that the backbone lacks is no part of a backbone: a classifier's, or of another module."""
    heads = (*classifier_names(backbone), *_CLASSIFIERS)
    modules = {name.split(".")[0] for name in own}
    return key.startswith(tuple(f"{head}." for head in heads)) or key.split(".")[0] not in modules


def _check(
    state: Mapping[str, Tensor], left_out: Iterable[str], own: Mapping[str, Tensor], kind: str, where: str
) -> None:
    faults = {
        "missing": [key for key in own if key not in state and not key.endswith(_COUNTER)],
        "of another shape": [
            f"{key} {tuple(value.shape)} for {tuple(own[key].shape)}"
            for key, value in state.items()
            if key in own and value.shape != own[key].shape
        ],
        "of another type": [
            f"{key} {value.dtype}"
            for key, value in state.items()
            if key in own and value.is_floating_point() != own[key].is_floating_point()
        ],
        "unknown": [key for key in state if key not in own and key not in set(left_out)],
    }
    told = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for what, names in faults.items()
        if names
    ]
    if told:
        first = "" if any(key in own for key in state) else f"; its first names are {', '.join(list(state)[:3])}"
        raise FraZooError(
            f"{where} does not fit the backbone ({kind}): {'; '.join(told)}{first}; give weights of this architecture, "
            "or another --backbone"
        )
