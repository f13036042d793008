"""Who is ahead, and by how many standard errors: the runs of one comparison as a Markdown table.

    python recipes/evidence.py --runs EVIDENCE [--keep docs/evidence.csv] [--output evidence.md]

EVIDENCE holds run folders of recipes/pretrain.py and recipes/finetune.py, and files of recipes/evaluate.py's --output
(`EVIDENCE/METHOD_sSEED/probe.json`; of random weights `EVIDENCE/random_sSEED/probe.json`), as the heads of
recipes/configs/evidence_*.yaml say. What a row started from is read in the runs, not in their names.

With --keep, what they hold is added to a table of numbers, which is what is compared: runs that were made elsewhere, or
are gone, stay in it; one that was made again takes the place of its numbers.

The standard error of a mean over k seeds counts the test faces and the seeds: sqrt(p (1 - p) / n + s^2 / k), where s is
the deviation between seeds; intervals are 1.96 of it. Two starts are compared as if their test faces were not the same,
which makes a lead look smaller than it is, never larger.
"""

import csv
import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from fra_zoo.config import parse
from fra_zoo.config.fields import COUNT, Options, option
from fra_zoo.errors import FraZooError, one_line_errors
from fra_zoo.io.files import read_mapping
from fra_zoo.io.paths import display_path, output_file, user_path

COLUMNS = ("probe", "kNN", "all labels", "LFW")  # first; shares of the labels stand between them
LOCAL = "local-dir:"


@dataclass
class EvidenceConfig(Options):
    runs: str = option("evidence", "folder of the runs", place=True)
    test_faces: int = option(3137, "faces behind the accuracy of probe and kNN; FER+ test by majority", COUNT)
    pairs: int = option(6000, "pairs behind the accuracy of verification; LFW's View 2", COUNT)
    keep: str | None = option(None, "CSV file of numbers to add to and to compare; made if it is not there")
    output: str | None = option(None, "file for the tables; else they are printed")


@dataclass(frozen=True)
class Measured:
    """One number of one run: where it started, its seed, and how many faces it was measured on."""

    start: str
    seed: int
    column: str
    accuracy: float
    faces: int


@dataclass(frozen=True)
class Mean:
    """A column's mean over the seeds of a start."""

    value: float
    error: float
    seeds: int

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} ± {196 * self.error:.1f}"


def start_of(model: str, seed: int, pretrained: bool = False) -> tuple[str, int]:
    """What weights a run began with, and their seed."""
    if not model.startswith(LOCAL):
        return (model if pretrained else "random"), seed
    run = Path(model.removeprefix(LOCAL))
    config = read_mapping(run / "config.yaml")
    if "method" not in config:
        raise FraZooError(f"{display_path(run)} is no pre-training run; the rows of a comparison start from such runs")
    return str(config["method"]["name"]), int(config["seed"])


def tuned(run: Path, config: dict[str, Any]) -> Iterator[Measured]:
    """The test accuracy of a fine-tuning run, by the share of the labels that it saw."""
    results = read_mapping(run / "results.json")
    model = config["model"]
    start, _ = start_of(model["name"], config["seed"], bool(model.get("pretrained")))
    share = float(config.get("label_fraction", 1.0))
    column = "all labels" if share == 1 else f"{100 * share:g} % of them"
    yield Measured(
        start, config["seed"], column, results["selected_test"]["accuracy"], results["splits"]["test"]["faces"]
    )


def evaluated(file: Path, config: EvidenceConfig) -> Iterator[Measured]:
    """What an output of recipes/evaluate.py says of test faces and of pairs."""
    numbers = read_mapping(file)
    if "model" not in numbers:
        return
    start, seed = start_of(numbers["model"], numbers.get("seed", 0), bool(numbers.get("pretrained")))
    for name, column in (("probe", "probe"), ("knn", "kNN")):
        if "test_accuracy" in numbers.get(name, {}):
            yield Measured(start, seed, column, numbers[name]["test_accuracy"], config.test_faces)
    if "verification" in numbers:
        yield Measured(start, seed, "LFW", numbers["verification"]["accuracy"], config.pairs)


def collect(folder: Path, config: EvidenceConfig) -> list[Measured]:
    """All numbers under a folder; a run that has not ended has none."""
    found: list[Measured] = []
    for run in sorted(place for place in folder.iterdir() if place.is_dir()):
        settings = read_mapping(run / "config.yaml") if (run / "config.yaml").is_file() else {}
        if "objective" in settings:
            found += tuned(run, settings) if (run / "results.json").is_file() else ()
            continue
        for file in sorted(run.glob("*.json")):
            found += evaluated(file, config)
    if not found:
        raise FraZooError(f"{display_path(folder)} holds no numbers yet: no fine-tuning run that ended, no evaluation")
    return found


def kept(file: Path, found: list[Measured]) -> list[Measured]:
    """The numbers of a file and those that were found, which win; the file holds them all afterwards."""
    rows: dict[tuple[str, int, str], Measured] = {}
    if file.is_file():
        with open(file, newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                one = Measured(row["start"], int(row["seed"]), row["column"], float(row["accuracy"]), int(row["faces"]))
                rows[one.start, one.seed, one.column] = one
    rows |= {(one.start, one.seed, one.column): one for one in found}
    with open(output_file(file, "keep"), "w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow([field.name for field in fields(Measured)])
        writer.writerows(astuple(rows[key]) for key in sorted(rows))
    return list(rows.values())


def means(found: list[Measured]) -> dict[str, dict[str, Mean]]:
    """By column and start."""
    grouped: dict[str, dict[str, list[Measured]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        grouped[one.column][one.start].append(one)
    return {column: {start: _mean(ones) for start, ones in starts.items()} for column, starts in grouped.items()}


def _mean(ones: list[Measured]) -> Mean:
    values = [one.accuracy for one in ones]
    value = statistics.mean(values)
    between = statistics.variance(values) / len(values) if len(values) > 1 else 0.0
    return Mean(value, math.sqrt(value * (1 - value) / min(one.faces for one in ones) + between), len(values))


def _order(columns: Any) -> list[str]:
    known = {column: 2 * place for place, column in enumerate(COLUMNS)}
    return sorted(columns, key=lambda column: (known.get(column, 5), column))


def tables(found: list[Measured]) -> str:
    """Two Markdown tables: accuracies in per cent, and who leads each column by how much."""
    table = means(found)
    columns = _order(table)
    starts = sorted({one.start for one in found})
    lines = [f"| start | seeds | {' | '.join(columns)} |", f"|{'---|' * (len(columns) + 2)}"]
    for start in starts:
        counts = {str(table[column][start].seeds) for column in columns if start in table[column]}
        cells = [str(table[column].get(start, "")) for column in columns]
        lines.append(f"| {start} | {'/'.join(sorted(counts))} | {' | '.join(cells)} |")
    lines += ["", "| column | ahead | of | by, points | standard errors |", "|---|---|---|---|---|"]
    for column in columns:
        leader, *others = sorted(table[column], key=lambda start: -table[column][start].value)
        best = table[column][leader]
        for other in others:
            behind = table[column][other]
            lead, error = best.value - behind.value, math.hypot(best.error, behind.error)
            lines.append(f"| {column} | {leader} | {other} | {100 * lead:.1f} | {lead / error:.1f} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str]) -> None:
    config = parse(EvidenceConfig, argv)
    runs = user_path(config.runs, "runs")
    if not runs.is_dir():
        raise FraZooError(f"no such folder: {display_path(runs)}; give the folder that holds the runs")
    found = collect(runs, config)
    if config.keep is not None:
        found = kept(user_path(config.keep, "keep"), found)
    text = tables(found)
    if config.output is None:
        print(text, end="")
    else:
        output_file(config.output, "output").write_text(text)


if __name__ == "__main__":
    with one_line_errors():
        main(sys.argv[1:])
