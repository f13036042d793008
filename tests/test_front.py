"""The files at the front say what is there: citation, Makefile, issue forms."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

import fra_zoo

REPOSITORY = Path(__file__).parents[1]


def test_the_citation_is_of_this_version_and_names_the_paper():
    cited = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert cited["version"] == fra_zoo.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    (paper,) = cited["references"]
    assert paper["year"] == 2024
    assert [person["family-names"] for person in paper["authors"]] == ["Gao", "Patras"]


def test_commands_of_the_makefile_are_those_that_contributing_names():
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"test", "lint", "docs", "quickstart", "gpu"} <= targets
    assert all(re.search(rf"^{target}:  ## ", makefile, re.MULTILINE) for target in targets)
    named = set(re.findall(r"\bmake ([a-z]+)\b", (REPOSITORY / "CONTRIBUTING.md").read_text()))
    assert {"install", "lint", "test"} <= named <= targets
    for file in re.findall(r"recipes/\w+\.py|constraints\.txt", makefile):
        assert (REPOSITORY / file).is_file()


def test_issue_forms_ask_something():
    forms = [file for file in (REPOSITORY / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if file.stem != "config"]
    assert len(forms) >= 3
    for file in forms:
        form = yaml.safe_load(file.read_text())
        assert {"name", "description", "body"} <= set(form), file.name
        ids = [part["id"] for part in form["body"]]
        assert len(ids) == len(set(ids)), file.name
        assert any(part.get("validations", {}).get("required") for part in form["body"]), file.name


def test_changelog_has_this_version_or_says_that_nothing_is_released():
    text = (REPOSITORY / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in text
    assert f"## [{fra_zoo.__version__}]" in text or "Nothing has been released" in text
