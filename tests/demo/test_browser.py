"""The demo as a person uses it: Chromium, the classifier of the package, faces of LFW.

    python -m pytest tests/demo/test_browser.py

DEMO_SCREENSHOT=docs/assets/demo.webp keeps a picture of the page.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import fra_zoo
from fra_zoo.data.pixels.opening import open_rgb
from tests.demo.browser import browsing, chromium
from tests.demo.serving import serving
from tests.demo.videos import write_video

pytestmark = pytest.mark.slow
ROWS = (6111, 5288, 4953)
SLOW = 60_000  # milliseconds, on a busy machine


@pytest.fixture(scope="module")
def faces(real_data):
    if not (real_data / "lfw").is_dir():
        pytest.skip("no LFW among the real faces")
    rows = fra_zoo.create_dataset("lfw", "train", str(real_data / "lfw")).dataset
    return [np.asarray(open_rgb(rows[row]["image"])) for row in ROWS]


@pytest.fixture(scope="module")
def camera(faces, tmp_path_factory):
    """What Chromium's camera sees: a face, as motion JPEG."""
    file = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    return write_video(file, [faces[2]] * 20, rate=10, codec="mjpeg", pix_fmt="yuvj420p")


@pytest.fixture(scope="module")
def desk(camera, tmp_path_factory):
    """The demo, and a page that it is shown on, with what the page asked for and complained of."""
    chromium()
    pytest.importorskip("gradio", reason="Gradio is not installed: pip install 'fra-zoo[demo]'")
    words = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    words.append(f"--use-file-for-fake-video-capture={camera}")
    with serving(tmp_path_factory.mktemp("desk"), ["demo"]) as served, browsing(words) as page:
        asked, complaints = [], []
        page.set_default_timeout(SLOW)
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto(served.address)
        page.wait_for_selector("#limits")
        yield served, page, asked, complaints


def give(page, file: Path, said: str) -> str:
    """Upload a file, and wait until the line above the picture holds `said`."""
    if page.locator("#file button[aria-label='Clear']").count():
        page.locator("#file button[aria-label='Clear']").click()
    page.set_input_files("#file input[type=file]", str(file))
    return wait_for(page, said)


def wait_for(page, said: str) -> str:
    page.wait_for_function(
        "said => [...document.querySelectorAll('#said textarea, #said input')].some(box => box.value.includes(said))",
        arg=said,
    )
    return page.locator("#said textarea, #said input").first.input_value()


def bars(page) -> dict[str, int]:
    """Names and per cents as a person reads them."""
    lines = page.locator("#bars").inner_text().splitlines()
    values = [number for number, line in enumerate(lines) if line.endswith("%")]
    return {lines[number - 1]: int(lines[number][:-1]) for number in values}


def test_a_photo_of_three_people(desk, faces, tmp_path):
    _, page, _, _ = desk
    photo = tmp_path / "three.png"
    PIL.Image.fromarray(np.concatenate(faces, axis=1)).save(photo)
    (expected,) = fra_zoo.Predictor()(photo)
    assert len(expected.faces) == 3
    assert give(page, photo, "three.png") == "three.png: 3 faces, the largest first"
    names = [f"{number + 1}: {face.label} {face.confidence:.0%}" for number, face in enumerate(expected.faces)]
    page.wait_for_selector(f"text={names[-1]}")
    assert page.locator("#face label").all_inner_texts() == names
    for number, face in enumerate(expected.faces):
        page.locator("#face label").nth(number).click()
        page.wait_for_function("name => document.querySelector('#bars h2').innerText == name", arg=face.label)
        page.wait_for_timeout(500)
        assert bars(page) == pytest.approx({name: 100 * p for name, p in face.probabilities.items()}, abs=0.51)
    widths = page.locator("#bars .bar").evaluate_all("all => all.map(one => parseFloat(one.style.width))")
    shares = sorted((100 * p for p in expected.faces[-1].probabilities.values()), reverse=True)
    assert widths == pytest.approx(shares, abs=1.0)


def test_regions_are_switched_on_and_off(desk, faces, tmp_path):
    _, page, _, _ = desk
    PIL.Image.fromarray(faces[0]).save(tmp_path / "one.png")
    give(page, tmp_path / "one.png", "one.png: 1 face")
    picture = page.locator("#picture img")
    page.wait_for_timeout(500)
    plain = picture.screenshot()
    for state in (True, False):
        before = picture.get_attribute("src")
        page.set_checked("#regions input", state)
        page.wait_for_function("src => document.querySelector('#picture img').src != src", arg=before)
        page.wait_for_timeout(500)
        assert (picture.screenshot() != plain) is state


@pytest.mark.parametrize("name", ["broken.jpg", "broken.mp4", "words.txt"])
def test_a_broken_file_is_one_clear_line(desk, tmp_path, name):
    _, page, _, _ = desk
    (tmp_path / name).write_bytes(b"this is no picture" * 40)
    said = give(page, tmp_path / name, name)
    assert said.startswith(f"{name} could not be read: ")
    assert page.locator("#picture img").count() == 0
    assert bars(page) == {}


def test_a_film_shows_its_frames(desk, faces, tmp_path):
    _, page, _, _ = desk
    write_video(tmp_path / "video.mp4", (face for face in faces for _ in range(4)), rate=4)
    give(page, tmp_path / "video.mp4", "read to 2.50 s")
    page.wait_for_selector("#video button img")
    assert page.locator("#video button img").count() == 6
    assert "2.50 s" in page.locator("#table").inner_text()
    last = page.locator("#picture img").get_attribute("src")
    page.locator("#video button img").first.click()
    page.wait_for_function("src => document.querySelector('#picture img').src != src", arg=last)


def test_a_face_of_a_film_stays_chosen_from_frame_to_frame(desk, faces, tmp_path):
    """One of two people comes nearer, the other goes; who is chosen stays so, though the order by size changes."""
    _, page, _, _ = desk
    write_video(tmp_path / "two.mp4", nearer_and_farther(faces[0], faces[1]), rate=4)
    expected = list(fra_zoo.Predictor().stream(tmp_path / "two.mp4", every="0.5s"))
    assert [[face.track for face in expected[place].faces] for place in (0, -1)] == [[0, 1], [1, 0]]
    give(page, tmp_path / "two.mp4", "two.mp4: read to 2.00 s")
    page.wait_for_function("document.querySelectorAll('#video button img').length == 5")
    assert page.locator("#over_time img").count() == 1
    assert "track" in page.locator("#table").inner_text()
    first, last = (
        [f"track {face.track}: {face.label} {face.confidence:.0%}" for face in one.faces]
        for one in (expected[0], expected[-1])
    )
    for place in (0, 1):  # the largest at the end is the other one at the beginning
        page.locator("#video button img").last.click()
        wait_for_choices(page, last)
        page.locator("#face label").nth(place).click()
        page.locator("#video button img").first.click()
        wait_for_choices(page, first)
        page.wait_for_selector(f"#face label.selected >> text={first[1 - place]}")
        label = expected[0].faces[1 - place].label
        page.wait_for_function("name => document.querySelector('#bars h2').innerText == name", arg=label)


def wait_for_choices(page, names: list[str]) -> None:
    """Wait until these are the faces that can be chosen."""
    shown = "[...document.querySelectorAll('#face label')].map(one => one.innerText.trim()).join()"
    page.wait_for_function(f"names => {shown} == names.join()", arg=names)


def nearer_and_farther(one, other):
    """Frames of 500 x 250 px with two photos: the left one goes from 250 to 150 px, the right one comes likewise."""
    for side in np.linspace(250, 150, 10).round().astype(int).tolist():
        canvas = PIL.Image.new("RGB", (500, 250), (128, 128, 128))
        canvas.paste(PIL.Image.fromarray(one).resize((side, side)), (0, 0))
        canvas.paste(PIL.Image.fromarray(other).resize((400 - side, 400 - side)), (250, 0))
        yield np.asarray(canvas)


def test_a_picture_of_the_page(desk, faces, tmp_path):
    _, page, _, _ = desk
    kept = os.environ.get("DEMO_SCREENSHOT")
    PIL.Image.fromarray(np.concatenate(faces, axis=1)).save(tmp_path / "three.png")
    give(page, tmp_path / "three.png", "three.png: 3 faces")
    page.set_checked("#regions input", True)
    page.wait_for_timeout(2500)  # bars grow
    page.screenshot(path=str(tmp_path / "page.png"), full_page=True)
    with PIL.Image.open(tmp_path / "page.png") as picture:
        assert picture.width == 1280
        if kept:
            picture.convert("RGB").resize((960, round(picture.height * 0.75)), PIL.Image.Resampling.LANCZOS).save(
                kept, quality=80, method=6
            )


def test_the_camera_is_read(desk, faces):
    _, page, _, _ = desk
    page.get_by_role("tab", name="Camera").click()
    page.locator("#camera").get_by_text("Click to Access Webcam").click()
    page.locator("#camera .capture-button").click()
    assert wait_for(page, "camera: 1 face")
    (expected,) = fra_zoo.Predictor()(faces[2])
    page.wait_for_function("name => document.querySelector('#bars h2').innerText == name", arg=expected.faces[0].label)
    page.locator("#camera .capture-button").click()
    page.get_by_role("tab", name="Photo or video").click()


def test_nothing_leaves_the_machine(desk):
    """After all of the above: no address of elsewhere was asked for, and the policy had nothing to refuse."""
    served, _, asked, complaints = desk
    own = (served.address, served.address.replace("http:", "ws:"), "data:", "blob:")
    assert len(asked) > 50
    assert [url for url in asked if not url.startswith(own)] == []
    assert complaints == []
    assert served.spoken() == set()
