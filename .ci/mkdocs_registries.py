"""For mkdocs: the lists of what is registered, written from the registries whenever the site is built.

A page says `<!-- registered: methods -->` where each method stands with its options, `<!-- options: pretrain -->` where
those of a command do, and `<!-- reference: methods -->` where the classes of each do. So one more method, dataset or
evaluator edits no page.
"""

import inspect
import re
from dataclasses import MISSING, fields, is_dataclass

from griffe import Docstring

from fra_zoo.config.fields import ranges
from fra_zoo.data.dataset import DATASETS
from fra_zoo.evaluate.command import EvaluateConfig
from fra_zoo.evaluate.evaluator import EVALUATORS
from fra_zoo.fer.augmentation import AUGMENTATIONS
from fra_zoo.fer.objective import OBJECTIVES
from fra_zoo.methods.parts.method import METHODS
from fra_zoo.models.layout import LAYOUTS
from fra_zoo.predict.detectors import DETECTORS
from fra_zoo.train.config import FinetuneConfig, PretrainConfig
from fra_zoo.views.operation import OPERATIONS

REGISTRIES = {
    f"{one.kind}s": one
    for one in (METHODS, OBJECTIVES, AUGMENTATIONS, DATASETS, EVALUATORS, DETECTORS, LAYOUTS, OPERATIONS)
}
COMMANDS = {"pretrain": PretrainConfig, "finetune": FinetuneConfig, "evaluate": EvaluateConfig}
MARK = re.compile(r"^<!-- (registered|options|reference): (\w+) -->$", re.MULTILINE)
OF_EVERY_DATASET = ("split", "root", "streaming")


def on_page_markdown(markdown, **_):
    """Write the lists where a page asks for them."""
    return MARK.sub(lambda mark: WRITERS[mark[1]](mark[2]), markdown)


def registered(kind):
    """Each name of a kind: its description, and a table of its options."""
    return "\n\n".join(_described(name, REGISTRIES[kind].get(name)) for name in REGISTRIES[kind].list())


def options(command):
    """The table of the options of a command."""
    return _table(_fields(COMMANDS[command]))


def reference(kind):
    """What mkdocstrings makes the reference of: the class of each name, and that of its options."""
    entries = {}
    for name in REGISTRIES[kind].list():
        entry = REGISTRIES[kind].get(name)
        members = entries.setdefault(entry.__module__, [])
        members += [one.__name__ for one in (entry.Config, entry) if one.__module__ == entry.__module__]
    return "\n".join(
        f"::: {module}\n    options: {{members: [{', '.join(dict.fromkeys(members))}]}}"
        for module, members in entries.items()
    )


WRITERS = {"registered": registered, "options": options, "reference": reference}


def _described(name, entry):
    """A heading, what its docstring says before any section, and its options."""
    # a dataset and a layout are records around the function that somebody wrote
    entry = getattr(entry, "build", None) or getattr(entry, "read", None) or entry
    config = entry if is_dataclass(entry) else getattr(entry, "Config", None)
    rows = _arguments(entry) if config is None else _fields(config)
    return f"### `{name}`\n\n{_prose(entry)}\n\n{_table(rows)}".rstrip()


def _prose(entry):
    parts = _parsed(entry)
    return next((part.value for part in parts if part.kind.value == "text"), "")


def _parsed(entry):
    return Docstring(inspect.cleandoc(entry.__doc__ or "")).parse("google", warnings=False)


def _said(entry):
    """What a docstring says of each argument or attribute; `momentum, dim: …` is said of both."""
    rows = [row for part in _parsed(entry) if part.kind.value in ("attributes", "parameters") for row in part.value]
    return {name.strip(): " ".join(row.description.split()) for row in rows for name in row.name.split(",")}


def _fields(config, section=""):
    """Name, default and meaning of each field of a configuration; a section's have its name before them."""
    said = {}
    for kind in reversed(config.__mro__):
        said |= _said(kind)
    for one in fields(config):
        default = one.default if one.default_factory is MISSING else one.default_factory()
        if is_dataclass(default):
            yield from _fields(type(default), f"{section}{one.name}.")
            continue
        meaning = one.metadata.get("help") or said.get(one.name, "")
        bounds = str(one.metadata.get("range") or "") or ", ".join(one.metadata.get("choices") or ())
        yield section + one.name, default, meaning, bounds


def _arguments(function):
    """The same of a function's arguments."""
    said, bounds = _said(function), ranges(function)
    for name, one in inspect.signature(function).parameters.items():
        if name not in OF_EVERY_DATASET and one.default is not inspect.Parameter.empty:
            yield name, one.default, said.get(name, ""), str(bounds[name][1] or "")


def _table(rows):
    lines = []
    for name, default, meaning, bounds in rows:
        default = f"{default:.6g}" if isinstance(default, float) else default
        shown = "" if default in (None, MISSING, "") else f"`{default}`"
        told = "; ".join(part.rstrip(".") for part in (meaning, bounds) if part).replace("|", "\\|")
        lines.append(f"| `{name}` | {shown} | {told} |")
    return "\n".join(["| option | default | meaning |", "|---|---|---|", *lines]) if lines else ""
