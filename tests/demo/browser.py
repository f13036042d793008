"""A real Chromium without a window, over Playwright; a skip where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """Its file, from CHROMIUM or the path."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium-headless-shell, or set CHROMIUM to its file")
    return found


@contextmanager
def browsing(words: Sequence[str] = ()) -> Iterator[Any]:
    """A page of 1280 x 1000 pixels; `words` are switches of Chromium."""
    program = chromium()
    playwright = pytest.importorskip("playwright.sync_api", reason="no driver: pip install playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", *words])
        try:
            yield browser.new_page(viewport={"width": 1280, "height": 1000})
        finally:
            browser.close()
