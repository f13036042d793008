"""A registry: a decorator that puts an object under a name, and a lookup that helps when the name is wrong."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from fnmatch import fnmatch
from typing import Generic, TypeVar

from fra_zoo.errors import FraZooError, nearest

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to objects of one kind.

    `package` is imported file by file before the first lookup, so that a new file in it registers itself and no list
    has to be edited.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: put the decorated object under `name`."""

        def put(entry: T) -> T:
            if name in self._entries and self._entries[name] is not entry:
                raise FraZooError(f"{self.kind} '{name}' is registered twice; give one of them another name")
            self._entries[name] = entry
            return entry

        return put

    def get(self, name: str) -> T:
        """The object under `name`; an unknown name raises `FraZooError` with the nearest one."""
        self._load()
        if name not in self._entries:
            raise FraZooError(f"unknown {self.kind} '{name}'; {nearest(name, self._entries)}")
        return self._entries[name]

    def list(self, pattern: str = "*") -> list[str]:
        """Sorted names that match a shell pattern."""
        self._load()
        return sorted(name for name in self._entries if fnmatch(name, pattern))

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
