"""The tables of models: the weights in the package, from what their folders say of themselves, and those of others.

    python recipes/model_table.py [--docs docs] [--check true]

Writes docs/models.csv, the tables and pictures of docs/models.md, and a shorter table in README.md. What is ours comes
from the folders in fra_zoo/models/pretrained (`recipes/measure.py` fills their results.json, `recipes/pictures.py`
draws), what is others' from docs/others.csv (`recipes/others.py`). Accuracies are per cent; what was not measured is
empty.
"""

import csv
import io
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fra_zoo.config import parse
from fra_zoo.config.fields import Options, option
from fra_zoo.errors import FraZooError, one_line_errors
from fra_zoo.hub.card import PICTURES
from fra_zoo.hub.run_facts import RunFacts, read_facts
from fra_zoo.models.zoo import BUNDLED

SHORT = ("name", "px", "MB", "CPU ms", "probe", "tuned", "LFW")  # columns of the README
MARK = "<!-- {}{} -->"  # what stands before a table and after it


@dataclass
class TableConfig(Options):
    docs: str = option("docs", "folder of models.md, whose table is written again, and of models.csv")
    check: bool = option(False, "write nothing; say whether they are current")


def row(folder: Path, facts: RunFacts) -> dict[str, str]:
    """One set of weights; a number that was not measured is empty."""
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "pt") as file:
        learned = [name for name in list(file.keys()) if "running_" not in name and "num_batches" not in name]
        parameters = sum(math.prod(file.get_slice(name).get_shape()) for name in learned)  # shapes alone are read
    test, measured = facts.results.get("selected_test", {}), facts.measured

    def share(numbers: dict[str, float], name: str) -> str:
        return f"{100 * numbers[name]:.1f}" if name in numbers else ""

    return {
        "name": folder.name,
        "trained by": facts.section("objective").get("name") or facts.section("method").get("name", ""),
        "faces of": ", ".join(part["name"] for part in _parts(facts)),
        "epochs": str(facts.section("optim").get("epochs", "")),
        "core-hours": f"{_core_hours(facts):.1f}",
        "px": str(facts.config["pretrained_cfg"]["input_size"][-1]),
        "M parameters": f"{parameters / 1e6:.1f}",
        "MB": f"{(folder / 'model.safetensors').stat().st_size / 2**20:.1f}",
        "CPU ms": f"{measured['speed']['cpu_ms']:.1f}" if "speed" in measured else "",
        "probe": share(measured.get("probe", {}), "test_accuracy"),
        "kNN": share(measured.get("knn", {}), "test_accuracy"),
        "tuned": share(test, "accuracy"),
        "mean class": share(test, "mean_class_accuracy"),
        "ECE": share(test, "ece"),
        "LFW": share(measured.get("verification", {}), "accuracy"),
    }


def _parts(facts: RunFacts) -> list[dict[str, str]]:
    faces = facts.section("dataset")
    return faces.get("parts") or [{"name": str(faces.get("name", ""))}]


def _core_hours(facts: RunFacts) -> float:
    run = facts.training.get("run", {})
    return run.get("core_seconds", run.get("seconds", 0.0) * run.get("threads", 1)) / 3600


def rows() -> Iterator[dict[str, str]]:
    """All sets of weights in the package."""
    for tags in BUNDLED.values():
        for one in tags.values():
            yield row(one.folder, read_facts(one.folder, one.folder))


def as_csv(table: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def as_markdown(table: list[dict[str, str]]) -> str:
    lines = [list(table[0]), ["---"] * len(table[0]), *(list(one.values()) for one in table)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def pictures(docs: Path) -> str:
    """What there is to look at of each set of weights, as links from the page into their folders."""
    parts = []
    for one in (one for tags in BUNDLED.values() for one in tags.values()):
        parts.append(f"### {one.folder.name}")
        for name, title in PICTURES.items():
            if (one.folder / name).is_file():
                place = Path(os.path.relpath(one.folder / name, docs.resolve())).as_posix()
                parts += [f"{title[0].upper()}{title[1:]}:", f"![{title}]({place})"]
    return "\n\n".join(parts)


def between(text: str, name: str, table: str, file: Path) -> str:
    """A page with a table put between its marks.

    Raises:
        FraZooError: if the page has no such marks.
    """
    begin, end = MARK.format("", name), MARK.format("/", name)
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise FraZooError(f"{file} has no {begin} … {end}; put them where the table belongs")
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"


def main(config: TableConfig) -> None:
    docs, table = Path(config.docs), list(rows())
    page, front, others = docs / "models.md", docs.parent / "README.md", docs / "others.csv"
    missing = [str(file) for file in (page, front, others) if not file.is_file()]
    if not table or missing:
        raise FraZooError(f"no weights come with the package, or not there: {missing}; call it from the repository")
    with others.open() as file:
        theirs = list(csv.DictReader(file))
    text = between(page.read_text(), "table", as_markdown(table), page)
    text = between(text, "pictures", pictures(docs), page)
    short = [{name: one[name] for name in SHORT} for one in table]
    wanted = {
        page: between(text, "others", as_markdown(theirs), page),
        front: between(front.read_text(), "table", as_markdown(short), front),
        docs / "models.csv": as_csv(table),
    }
    for file, text in wanted.items():
        if not config.check:
            file.write_text(text)
        elif not file.is_file() or file.read_text() != text:
            raise FraZooError(f"{file} is not current; run python recipes/model_table.py")


if __name__ == "__main__":
    with one_line_errors():
        config = parse(TableConfig, sys.argv[1:])
        main(config)
