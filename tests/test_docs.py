"""Every Python block of README and docs runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text()))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_block_runs(block):
    exec(compile(block, "docs", "exec"), {})


def test_commands_name_recipes_and_configs_that_exist():
    for page in PAGES:
        for name in re.findall(r"recipes/[\w/]+\.(?:py|yaml)", page.read_text()):
            assert (REPOSITORY / name).is_file(), f"{page.name} names {name}"
