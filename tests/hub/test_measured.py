"""Numbers and pictures that weights in the package get after their training, by the recipes, on a small stand-in."""

from __future__ import annotations

import json
import runpy

import PIL.Image
import pytest

from fra_zoo.errors import FraZooError
from fra_zoo.hub.measured import add_measured
from fra_zoo.hub.publish import stage
from fra_zoo.models import zoo
from fra_zoo.models.bundled import BundledWeights, _read
from tests.train.helpers import REPOSITORY


@pytest.fixture
def package(tuned, pretrained, tmp_path, monkeypatch):
    """A backbone and a classifier as published folders, in the place of what comes with the package."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "recipes"))  # as Python does for a script
    found: dict[str, BundledWeights] = {}
    for tag, run in (("faces", pretrained[0]), ("ferplus", tuned[0])):
        folder = tmp_path / "package" / f"test_resnet.{tag}"
        folder.mkdir(parents=True)
        stage(run, folder.name, folder)
        found[tag] = _read(folder)
    monkeypatch.setitem(zoo.BUNDLED, "test_resnet", found)
    return {tag: one.folder for tag, one in found.items()}


def recipe(name, **options):
    """Run a recipe's main function with a configuration of its own."""
    parts = runpy.run_path(str(REPOSITORY / "recipes" / f"{name}.py"))
    config = next(part for key, part in parts.items() if key == f"{name.capitalize()}Config")
    (parts.get("measure") or parts["main"])(config(**options))


def test_numbers_are_kept_beside_the_runs_own_and_said_by_the_card(package):
    folder = package["ferplus"]
    before = json.loads((folder / "results.json").read_text())
    add_measured(folder, {"fer": {"dataset": "ferplus", "accuracy": 0.25}, "speed": {"cpu_ms": 3.0}})
    add_measured(folder, {"fer": {"dataset": "ferplus", "split": "test", "accuracy": 0.75}})
    after = json.loads((folder / "results.json").read_text())
    assert after.pop("measured") == {
        "fer": {"dataset": "ferplus", "split": "test", "accuracy": 0.75},
        "speed": {"cpu_ms": 3.0},
    }
    assert after == before
    card = (folder / "README.md").read_text()
    assert "- fer on ferplus: split test, accuracy 0.7500" in card
    assert "| accuracy | 0.6000 |" in card  # the run's own
    with pytest.raises(FraZooError, match=r"is no export: it has no config\.json"):
        add_measured(folder / "none", {})


def test_measuring_times_an_image_and_a_backbone_needs_no_results_of_its_own(package, capsys):
    recipe("measure", model="test_resnet.faces", rounds=3, threads=1)
    (measured,) = json.loads((package["faces"] / "results.json").read_text()).values()
    assert 0 < measured["speed"]["cpu_ms"] < 10_000
    assert "- speed: cpu ms" in (package["faces"] / "README.md").read_text()
    assert "ms an image" in capsys.readouterr().out
    with pytest.raises(
        FraZooError, match=r"no weights 'test_resnet\.none' come with the package; with weights there are"
    ):
        recipe("measure", model="test_resnet.none")


def test_pictures_are_drawn_into_the_folder_and_shown_by_the_card(package):
    recipe("pictures", model="test_resnet.faces")
    recipe("pictures", model="test_resnet.ferplus", drawn=24, each=3)
    with PIL.Image.open(package["faces"] / "heatmaps_drawn.webp") as picture:
        assert picture.height > 64
    with PIL.Image.open(package["ferplus"] / "answers_drawn.webp") as picture:
        assert picture.width > 100
    assert "![regions on drawn faces](heatmaps_drawn.webp)" in (package["faces"] / "README.md").read_text()
    assert "](answers_drawn.webp)" in (package["ferplus"] / "README.md").read_text()
    measured = json.loads((package["ferplus"] / "results.json").read_text())["measured"]["fer_drawn"]
    assert 0 < measured["faces"] <= 24
    assert 0 <= measured["accuracy"] <= 1
