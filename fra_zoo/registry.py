"""A registry: a decorator that puts an object under a name, and a lookup that helps when the name is wrong."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Callable
from fnmatch import fnmatch
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from fra_zoo.errors import FraZooError, nearest

T = TypeVar("T")
E = TypeVar("E")  # what is registered keeps its own type
_log = logging.getLogger(__name__)


class Registry(Generic[T]):
    """Names to objects of one kind.

    Before the first lookup every file of `package` is imported, so that a new file in it registers itself and no list
    has to be edited. Then come the modules that installed packages of others name as entry points of the group
    `fra_zoo.methods` (for the kind `method`; `fra_zoo.datasets`, `fra_zoo.objectives` and so on for the others):

        [project.entry-points."fra_zoo.methods"]
        mine = "my_package.my_method"  # a module that uses the same decorator

    One that fails is left out and said in one line.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.group = f"fra_zoo.{kind}s"
        self._package = package
        self._entries: dict[str, T] = {}
        self._broken: list[str] = []
        self._loaded = False

    def register(self, name: str) -> Callable[[E], E]:
        """Decorator: put the decorated object under `name`."""

        def put(entry: E) -> E:
            if name in self._entries and self._entries[name] is not entry:
                raise FraZooError(f"{self.kind} '{name}' is registered twice; give one of them another name")
            self._entries[name] = cast(T, entry)
            return entry

        return put

    def get(self, name: str) -> T:
        """The object under `name`; an unknown name raises `FraZooError` with the nearest one."""
        self._load()
        if name not in self._entries:
            broken = f"; {'; '.join(self._broken)}" if self._broken else ""
            raise FraZooError(f"unknown {self.kind} '{name}'; {nearest(name, self._entries)}{broken}")
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
        for entry in entry_points(group=self.group):
            self._load_plugin(entry)

    def _load_plugin(self, entry: EntryPoint) -> None:
        """Import what another package registers; whatever it raises is said and does not stop the others."""
        try:
            entry.load()
        except Exception as error:  # code of others
            owner = f"of package '{entry.dist.name}' " if entry.dist else ""
            reason = next(iter(str(error).splitlines()), "") or "no reason given"
            line = (
                f"plugin '{entry.name}' {owner}({self.group}: {entry.value}) cannot be loaded "
                f"({type(error).__name__}: {reason}); fix or uninstall it"
            )
            self._broken.append(line)
            _log.warning(line)
