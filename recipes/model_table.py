"""The table of the weights that come with the package, from what their folders say: docs/models.csv and docs/models.md.

python recipes/model_table.py [--docs docs] [--check true]
"""

import csv
import io
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fra_zoo.config import parse, read_words
from fra_zoo.errors import FraZooError, one_line_errors
from fra_zoo.fields import Options, json_option, option
from fra_zoo.hub.run_facts import RunFacts, read_facts
from fra_zoo.models.zoo import EMBEDDED

BEGIN, END = "<!-- table -->", "<!-- /table -->"


@dataclass
class TableConfig(Options):
    docs: str = option("docs", "folder of models.md, whose table is written anew, and of models.csv")
    check: bool = option(False, "write nothing; say whether they are current")


def row(folder: Path, facts: RunFacts) -> dict[str, str]:
    """One set of weights; a number that was not measured is empty."""
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "pt") as file:
        learned = [name for name in list(file.keys()) if "running_" not in name and "num_batches" not in name]
        parameters = sum(math.prod(file.get_slice(name).get_shape()) for name in learned)  # shapes alone are read
    test = facts.results.get("selected_test", {})

    def share(numbers: dict[str, float], name: str) -> str:
        return f"{100 * numbers[name]:.1f}" if name in numbers else ""

    return {
        "name": folder.name,
        "trained by": facts.training.get("objective") or facts.training.get("method", ""),
        "faces of": ", ".join(part["name"] for part in _parts(facts)),
        "epochs": str(facts.training.get("epochs", "")),
        "core-hours": f"{_core_hours(facts):.1f}",
        "px": str(facts.config["pretrained_cfg"]["input_size"][-1]),
        "M parameters": f"{parameters / 1e6:.1f}",
        "MB": f"{(folder / 'model.safetensors').stat().st_size / 2**20:.1f}",
        "probe": share(facts.monitored, "probe_accuracy"),
        "kNN": share(facts.monitored, "knn_accuracy"),
        "test accuracy": share(test, "accuracy"),
        "mean class": share(test, "mean_class_accuracy"),
        "ECE": share(test, "ece"),
    }


def _parts(facts: RunFacts) -> list[dict[str, str]]:
    options = json_option("dataset_args", facts.training.get("dataset_args") or "{}")
    return options.get("parts") or [{"name": str(facts.training.get("dataset", ""))}]


def _core_hours(facts: RunFacts) -> float:
    run = facts.training.get("run", {})
    return run.get("seconds", 0.0) * run.get("threads", 1) / 3600


def rows() -> Iterator[dict[str, str]]:
    """All sets of weights in the package."""
    for tags in EMBEDDED.values():
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


def main(config: TableConfig) -> None:
    docs, table = Path(config.docs), list(rows())
    page = docs / "models.md"
    if not table or not page.is_file():
        raise FraZooError(f"{page} is not there, or no weights come with the package; call it from the repository")
    before, _, rest = page.read_text().partition(BEGIN)
    wanted = {page: f"{before}{BEGIN}\n\n{as_markdown(table)}\n\n{END}{rest.partition(END)[2]}"}
    wanted[docs / "models.csv"] = as_csv(table)
    for file, text in wanted.items():
        if not config.check:
            file.write_text(text)
        elif not file.is_file() or file.read_text() != text:
            raise FraZooError(f"{file} is not current; run python recipes/model_table.py")


if __name__ == "__main__":
    with one_line_errors():
        (config,) = parse([TableConfig], read_words(sys.argv[1:]))
        main(config)
