"""`--help` in whole phrases: what an option does, its unit and its default, and no range that says nothing."""

from __future__ import annotations

import re

import pytest

from fra_zoo.budget.estimate import BudgetConfig
from fra_zoo.config import read
from fra_zoo.config.fields import COUNT, PROBABILITY, SEED, SIDE, Range
from fra_zoo.methods import list_methods
from fra_zoo.train.config import FinetuneConfig, PretrainConfig

KINDS = [(PretrainConfig, ["--method", name]) for name in list_methods()]
KINDS += [(FinetuneConfig, []), (BudgetConfig, [])]


def options_of(kind, words, capsys):
    """Section, name and text of each option that the help lists."""
    with pytest.raises(SystemExit):
        read(kind, [*words, "--help"])
    section, options = "", []
    for line in capsys.readouterr().out.splitlines():
        if found := re.match(r"(\w+):", line):
            section = found[1]
        elif found := re.match(r"  --(\S+) \S+\s*(.*)", line):
            options.append([section, found[1], found[2]])
        elif line.startswith("   ") and options:
            options[-1][2] += f" {line.strip()}"
    return options


@pytest.mark.parametrize(("kind", "words"), KINDS, ids=lambda value: getattr(value, "__name__", None))
def test_every_option_says_what_it_does(kind, words, capsys):
    for section, name, text in options_of(kind, words, capsys):
        if section in ("dataset", "objective"):  # those of a part are its own to say
            continue
        text = text.strip()
        assert len(re.sub(r"\(default: .*\)", "", text).split()) >= 3, f"{name}: {text}"
        assert not text.startswith(("of ", "over ", "where it", "its ")), f"{name}: {text}"
        assert "4294967295" not in text
        assert "65536 " not in text


def test_a_range_is_told_where_it_says_something():
    assert [one.told for one in (SEED, COUNT, PROBABILITY)] == ["", "", ""]
    assert SIDE.told == "at least 8"
    assert Range(at_least=0, below=1).told == "below 1"
    assert Range(at_least=0, at_most=10).told == "at most 10"
