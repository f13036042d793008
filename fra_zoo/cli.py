"""`fra-zoo`: finds the subcommands, shows their help and runs one.

A subcommand is a file in `fra_zoo/commands/` with a function `run(argv)`; `data_inspect.py` is `fra-zoo data inspect`.
The file's docstring is its help: a first line that says what it does, then the usage. It is read without importing
the file, so that `fra-zoo --help` answers at once. Options are the fields of a dataclass `Config` in the file, if it
has one; else `run` is asked for its `--help`. Packages of others bring commands as entry points that name a module:

    [project.entry-points."fra_zoo.commands"]
    count = "their_package.count"  # fra-zoo count
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import io
import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

import fra_zoo
from fra_zoo.errors import FraZooError, nearest, one_line_errors

_PACKAGE = "fra_zoo.commands"
_HELP = ("-h", "--help")
_HEAD = """fra-zoo: a model zoo for faces

usage: fra-zoo COMMAND ...
"""
_FOOT = """
fra-zoo COMMAND --help shows the command's options.
With several GPUs: accelerate launch -m fra_zoo.cli pretrain ..."""


def commands() -> dict[str, str]:
    """Names of the subcommands, sorted, to the modules that hold them; a name of ours cannot be taken by others."""
    found = {entry.name.replace("_", " "): entry.value for entry in entry_points(group=_PACKAGE)}
    package = importlib.import_module(_PACKAGE)
    for module in pkgutil.iter_modules(package.__path__):
        found[module.name.replace("_", " ")] = f"{_PACKAGE}.{module.name}"
    return dict(sorted(found.items()))


def help_of(module: str) -> str:
    """The docstring of a module, which is not imported (but for the packages that it lies in)."""
    try:
        spec = importlib.util.find_spec(module)
        source = Path(spec.origin).read_text("utf-8") if spec and spec.origin else ""
        return ast.get_docstring(ast.parse(source)) or f"(no help in {module})"
    except Exception as error:  # code of others
        return f"(cannot be loaded: {type(error).__name__}: {next(iter(str(error).splitlines()), '')})"


def overview() -> str:
    """The text of `fra-zoo --help`: a line for each subcommand."""
    found = commands()
    width = max(map(len, found))
    lines = [f"  {name:<{width}}  {help_of(module).splitlines()[0]}" for name, module in found.items()]
    return "\n".join([_HEAD, *lines, _FOOT])


def family_of(word: str) -> dict[str, str]:
    """The commands of two words that begin with this one, to their modules."""
    return {name: module for name, module in commands().items() if name.startswith(f"{word} ")}


def choose(argv: Sequence[str]) -> tuple[str, list[str]]:
    """The module of the subcommand that the words begin with, and the words after it.

    Raises:
        FraZooError: for an unknown one, with the nearest.
    """
    found = commands()
    for count in (2, 1):
        name = " ".join(argv[:count])
        if name in found:
            return found[name], list(argv[count:])
    family = family_of(argv[0])
    if family:
        raise FraZooError(f"unknown command '{' '.join(argv[:2])}'; known: {', '.join(family)}")
    raise FraZooError(f"unknown command '{argv[0]}'; {nearest(argv[0], found)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run a subcommand; bad input ends with one line and status 2."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a code page that lacks a letter shows it escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        _run(words)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has enough, as in `fra-zoo --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _run(words: list[str]) -> None:
    if not words or words[0] in _HELP:
        print(overview())
        return
    if words == ["--version"]:
        print(f"fra-zoo {fra_zoo.__version__}")
        return
    if len(words) == 2 and words[1] in _HELP and words[0] not in commands() and (family := family_of(words[0])):
        print("\n".join(f"{name}: {help_of(module).splitlines()[0]}" for name, module in family.items()))
        return
    with one_line_errors():
        module, rest = choose(words)
        asked = any(word in _HELP for word in rest)
        if asked:
            print(help_of(module), end="\n\n")
        try:
            command = importlib.import_module(module)
        except ImportError as error:
            raise FraZooError(f"{module} cannot be imported ({error}); install what it needs, or fix it") from error
        if asked and hasattr(command, "Config"):
            importlib.import_module("fra_zoo.config").parse(command.Config, ["--help"])
        else:
            command.run(rest)


if __name__ == "__main__":
    main()
