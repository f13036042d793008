"""Where a step waits for its device, seen on a CPU.

Tensors that would lie on a GPU are marked, and so is what is made of them.
"""

from __future__ import annotations

import traceback
from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_MARK = "_on_the_device"
_WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "unique_dim", "unique_consecutive")


def mark(value: Any) -> Any:
    """The same, its tensors marked as lying on the device."""
    for leaf in tree_leaves(value):
        if isinstance(leaf, Tensor):
            setattr(leaf, _MARK, True)
    return value


def is_marked(value: Any) -> bool:
    return isinstance(value, Tensor) and hasattr(value, _MARK)


class HostSyncs(TorchDispatchMode):
    """Counts what waits, by the line of our code.

    That is numbers asked of marked tensors, shapes that depend on them, tensors of the host that are copied into them,
    and tensors that are made of Python's numbers with a `device`. `one_hot` with a number of classes looks at its
    values on a CPU alone, and does not count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self._tensor = torch.tensor

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves = tree_leaves((args, kwargs or {}))
        marked = any(is_marked(leaf) for leaf in leaves)
        name = func.overloadpacket.__name__
        if marked and (name in _WAITS or (name == "index" and _by_mask(args[1]))):
            self._note(name)
        if name == "copy_" and is_marked(args[0]) and not is_marked(args[1]) and not _in_flight(args, kwargs or {}):
            self._note(name)
        out = func(*args, **(kwargs or {}))
        return mark(out) if marked else out

    def __enter__(self) -> Any:
        torch.tensor = self._made  # type: ignore[assignment]
        return super().__enter__()

    def __exit__(self, *words: Any) -> None:
        torch.tensor = self._tensor
        super().__exit__(*words)

    def _made(self, value: Any, **options: Any) -> Tensor:
        if options.get("device") is not None:
            self._note("tensor")
        return self._tensor(value, **options)

    def _note(self, what: str) -> None:
        ours = [frame for frame in traceback.extract_stack() if "/fra_zoo/" in frame.filename]
        if ours and "one_hot(" in str(ours[-1].line):
            return
        line = f"{ours[-1].filename.rsplit('/fra_zoo/', 1)[1]}:{ours[-1].lineno} {ours[-1].line}" if ours else "?"
        self.found[f"{what} at {line}"] += 1


def _in_flight(args: Any, options: Any) -> bool:
    """Whether a `copy_` is one that nobody waits for."""
    return bool(options.get("non_blocking", args[2] if len(args) > 2 else False))


def _by_mask(indices: Any) -> bool:
    return any(is_marked(index) and index.dtype == torch.bool for index in indices)
