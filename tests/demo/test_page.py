"""The page over HTTP, without a browser: what it answers, and that nothing speaks to elsewhere."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request

import numpy as np
import PIL.Image
import pytest

from fra_zoo.cli import main
from fra_zoo.predict import Predictor
from tests.demo.serving import serving

pytest.importorskip("cv2", reason="OpenCV is not installed")
_EXTRA = [f"fra_zoo.demo.{name}" for name in ("extra", "page", "serve")]


@pytest.fixture(scope="module")
def served(classifier, regions, repository, tmp_path_factory):
    """The page, and a client of it."""
    client = pytest.importorskip("gradio_client", reason="Gradio is not installed: pip install 'fra-zoo[demo]'")
    pytest.importorskip("gradio", reason="Gradio is not installed: pip install 'fra-zoo[demo]'")
    folder = tmp_path_factory.mktemp("desk")
    words = ["demo", "--model", str(classifier), "--detector", "center", "--regions", str(regions)]
    with serving(folder, words, ALSO_BUILD=str(repository / "recipes" / "space" / "app.py")) as one:
        downloads = tmp_path_factory.mktemp("client")
        yield one, client.Client(one.address, verbose=False, download_files=str(downloads))
    assert one.process.returncode == 0
    assert list(one.uploads.glob("fra_zoo-demo-*")) == []
    assert {file.name for file in folder.iterdir()} == {"errors.txt", "spoken.txt", "temporary", "built.json"}


def read(served, file, regions=False, step=1.0):
    from gradio_client import handle_file

    _, client = served
    return client.predict(handle_file(str(file)), step, regions, api_name="/read")


def test_a_photo_gives_boxes_and_bars(served, classifier, photo):
    said, picture, _, bars, *_ = read(served, photo)
    (prediction,) = Predictor(classifier, detector="center")(photo)
    (face,) = prediction.faces
    assert said.endswith("1 face")
    assert bars["label"] == face.label
    assert {one["label"]: one["confidence"] for one in bars["confidences"]} == pytest.approx(face.probabilities)
    tinted = read(served, photo, regions=True)[1]
    with PIL.Image.open(picture) as plain, PIL.Image.open(tinted) as other:
        assert plain.size == other.size == (90, 60)
        assert plain.convert("RGB").tobytes() != other.convert("RGB").tobytes()


def test_a_film_gives_its_frames_its_tracks_and_a_table(served, classifier, video):
    said, _, _, bars, gallery, over_time, table = read(served, video)
    assert said == "video.mp4: read to 2.00 s"
    frames = gallery["value"] if isinstance(gallery, dict) else gallery
    assert [one["caption"] for one in frames] == ["0.00 s", "1.00 s", "2.00 s"]
    table = table.get("value", table)
    assert table["headers"] == ["time", "track", "expression", "probability", "uncertainty"]
    expected = list(Predictor(classifier, detector="center").stream(video, every="1s"))
    assert [row[:3] for row in table["data"]] == [
        [f"{one.seconds:.2f} s", face.track, face.label] for one in expected for face in one.faces
    ]
    assert {one["label"]: one["confidence"] for one in bars["confidences"]} == pytest.approx(
        expected[-1].faces[0].probabilities
    )
    with PIL.Image.open(over_time["value"] if isinstance(over_time, dict) else over_time) as drawn:
        assert (np.ptp(np.asarray(drawn.convert("RGB")), axis=2) > 25).mean() > 0.05  # bars in colour


def test_no_picture_is_given_twice(served, photo, video):
    """The browser loads it while the next answer is made, and Gradio writes the file of the same pixels again."""
    from gradio_client import handle_file

    for file, count in ((photo, 1), (video, 3)):
        job = served[1].submit(handle_file(str(file)), 1.0, False, api_name="/read")
        job.result(60)
        lines = [answer[0] for answer in job.outputs()]
        assert len(lines) == len(set(lines)) == count


def test_a_photo_has_nothing_of_a_video(served, photo):
    *_, gallery, over_time, table = read(served, photo)
    assert gallery in ([], {"visible": False, "value": [], "__type__": "update"})
    assert (over_time.get("value") if isinstance(over_time, dict) else over_time) is None
    assert table.get("visible") is False


def test_a_broken_file_is_one_clear_line(served, tmp_path):
    file = tmp_path / "broken.jpg"
    file.write_bytes(b"\xff\xd8\xff\xe0 no picture" * 20)
    said, picture, _, bars, *_ = read(served, file)
    assert said.startswith("broken.jpg could not be read: ")
    assert picture is None
    assert not bars or bars.get("label") is None


def test_nothing_is_fetched_from_elsewhere(served, photo):
    """Neither by this process nor, by the page's own policy, by the browser; and nobody comes in by another name."""
    one, address = served[0], served[0].address
    read(served, photo)
    assert one.log.read_text()
    assert one.spoken() == set()
    assert address.startswith("http://127.0.0.1:")
    assert "this machine alone" in one.line
    with urllib.request.urlopen(address) as answer:
        policy, text = answer.headers["content-security-policy"], answer.read().decode()
    assert policy.startswith("default-src 'self' ")
    assert "http" not in policy
    assert "fonts.g" not in text
    stranger = urllib.request.Request(address, headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(stranger)


def test_the_space_builds_the_same_page(served):
    """With the classifier of the package."""
    config = json.loads((served[0].log.parent / "built.json").read_text())
    words = " ".join(str(one["props"].get("value")) for one in config["components"])
    assert "sent to the machine that serves this page" in words
    assert "An expression is not a feeling" in words
    ids = {one["props"].get("elem_id") for one in config["components"]}
    assert {"file", "camera", "said", "picture", "bars", "regions", "limits", "card"} <= ids


def test_the_space_says_what_it_needs(repository):
    import yaml

    folder = repository / "recipes" / "space"
    about = yaml.safe_load((folder / "README.md").read_text().split("---")[1])
    assert about["sdk"] == "gradio"
    assert (folder / about["app_file"]).is_file()
    assert (folder / "requirements.txt").read_text().split() == ["fra-zoo[demo]"]
    pinned = dict(line.split("==") for line in (repository / "constraints.txt").read_text().split())
    assert about["sdk_version"] == pinned["gradio"]


def test_without_gradio_there_is_one_line(monkeypatch, capsys):
    for name in _EXTRA:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(SystemExit) as stopped:
        main(["demo"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "error: the demo needs gradio: pip install 'fra-zoo[demo]'\n"


def test_a_wrong_word_is_told_before_anything_is_loaded(capsys):
    with pytest.raises(SystemExit):
        main(["demo", "--prot", "7860"])
    assert "did you mean" in capsys.readouterr().err
