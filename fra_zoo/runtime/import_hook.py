"""Import one module right after another, without importing the other one now."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any


def import_after(trigger: str, module: str) -> None:
    """Import `module` as soon as `trigger` has been imported; now, if it already has."""
    if trigger in sys.modules:
        importlib.import_module(module)
    elif not any(isinstance(finder, _ImportAfter) and finder.trigger == trigger for finder in sys.meta_path):
        sys.meta_path.insert(0, _ImportAfter(trigger, module))


class _ImportAfter(importlib.abc.MetaPathFinder):
    """Finds `trigger` as usual and imports `module` once it has been executed."""

    def __init__(self, trigger: str, module: str) -> None:
        self.trigger, self.module = trigger, module

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> Any:
        if fullname != self.trigger:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_import(module: ModuleType) -> None:
                execute(module)
                importlib.import_module(self.module)

            spec.loader.exec_module = execute_and_import  # type: ignore[method-assign]
        return spec
