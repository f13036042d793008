"""The page that needs no Python, in Chromium; ONNXRUNTIME_WEB is the folder `dist` of the npm package.

ONNXRUNTIME_WEB=package/dist python -m pytest tests/demo/test_browser_page.py
"""

from __future__ import annotations

import functools
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import fra_zoo
from fra_zoo.data.pixels.opening import open_rgb
from tests.demo.browser import browsing, chromium
from tests.train.helpers import run

pytestmark = pytest.mark.slow


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def plain_server(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def runtime() -> str:
    folder = os.environ.get("ONNXRUNTIME_WEB")
    if folder is None:
        pytest.skip("ONNXRUNTIME_WEB is not set: npm pack onnxruntime-web, unpack it, and give its folder `dist`")
    return folder


@pytest.fixture(scope="module")
def desk(runtime, tmp_path_factory):
    """A page with the classifier of the package, and what it asked for and complained of."""
    chromium()
    folder = tmp_path_factory.mktemp("page")
    done = run("browser/build", "--onnxruntime_web", runtime, "--output", str(folder))
    assert done.returncode == 0, done.stderr
    asked, complaints = [], []
    with plain_server(folder) as address, browsing() as page:
        page.set_default_timeout(60_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto(address)
        wait_for(page, "is ready")
        yield page, address, folder, asked, complaints


def wait_for(page, words: str) -> str:
    page.wait_for_function("words => document.getElementById('said').textContent.includes(words)", arg=words)
    return page.inner_text("#said")


def bars(page) -> dict[str, float]:
    rows = page.locator("#bars .row").evaluate_all(
        "all => all.map(row => [...row.children].map(one => one.textContent))"
    )
    return {name: float(value) / 100 for name, _, value in rows}


def expected(pixels: np.ndarray, box) -> dict[str, float]:
    (prediction,) = fra_zoo.Predictor(detector=lambda _: [box])(pixels)
    return prediction.faces[0].probabilities


def test_it_answers_as_python_does(desk, real_data, tmp_path):
    """For the square in the middle, and for one that is drawn."""
    page = desk[0]
    if not (real_data / "lfw").is_dir():
        pytest.skip("no LFW among the real faces")
    rows = fra_zoo.create_dataset("lfw", "train", str(real_data / "lfw")).dataset
    for row in (6111, 4953):
        pixels = np.asarray(open_rgb(rows[row]["image"]))[:, 10:]
        PIL.Image.fromarray(pixels).save(tmp_path / f"{row}.png")
        page.evaluate("document.getElementById('said').textContent = ''")
        page.set_input_files("#file", str(tmp_path / f"{row}.png"))
        wait_for(page, " ms")
        assert bars(page) == pytest.approx(expected(pixels, (0, 5, 240, 240)), abs=0.01)
    frame = page.locator("#photo").bounding_box()
    page.evaluate("document.getElementById('said').textContent = ''")
    page.mouse.move(frame["x"] + 1 + 60, frame["y"] + 1 + 62)
    page.mouse.down()
    page.mouse.move(frame["x"] + 1 + 180, frame["y"] + 1 + 182, steps=4)
    page.mouse.up()
    said = wait_for(page, " ms")
    found = bars(page)
    wanted = expected(pixels, (60, 62, 120, 120))
    assert said.split()[0] == max(wanted, key=wanted.__getitem__)
    assert found == pytest.approx(wanted, abs=0.04)  # the corner may be a pixel off
    assert sum(found.values()) == pytest.approx(1, abs=0.005)


def test_a_broken_file_is_one_clear_line(desk, tmp_path):
    page = desk[0]
    (tmp_path / "broken.jpg").write_bytes(b"no picture" * 50)
    page.set_input_files("#file", str(tmp_path / "broken.jpg"))
    assert wait_for(page, "broken.jpg") == "broken.jpg could not be read: the browser knows no image in it"
    assert bars(page) == {}


def test_nothing_leaves_the_browser(desk):
    page, address, _, asked, complaints = desk
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []
    assert {Path(url).name for url in asked} >= {"page.js", "model.json", "model.onnx", "ort-wasm-simd-threaded.wasm"}
    assert complaints == []
    assert page.locator("#limits li").count() >= 4


def test_what_is_written_is_small_and_named(desk):
    folder = desk[2]
    about = json.loads((folder / "model.json").read_text())
    assert about["name"] in fra_zoo.list_models(pretrained=True)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 40e6


def test_a_missing_runtime_is_one_line(tmp_path):
    done = run("browser/build", "--onnxruntime_web", str(tmp_path), "--output", str(tmp_path / "page"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "npm pack onnxruntime-web" in done.stderr
    assert not (tmp_path / "page").exists()
