"""A run from somebody else: what it links to or names outside of itself is never published."""

from __future__ import annotations

import json
import tempfile

import pytest
import timm

from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.hub.publish import publish
from fra_zoo.labels import FERPLUS
from fra_zoo.views.spec import ViewSpec

SECRET = "a key that nobody may see"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run folder, beside a secret; what is staged lies in `staged`."""
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "secret.json").write_text(json.dumps({"seed": SECRET}))
    (tmp_path / "staged").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "staged"))
    model = timm.create_model("test_resnet", num_classes=8).eval()
    export_model(model, tmp_path / "run" / "export", view=ViewSpec(32), labels=FERPLUS)
    return tmp_path / "run"


def named(picture):
    def change(run):
        measured = {"probe": {"dataset": "x", "accuracy": 0.5, "picture": picture}}
        (run / "results.json").write_text(json.dumps({"measured": measured}))

    return change


def linked(name, target="secret.txt"):
    def change(run):
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(run.parent / target)

    return change


def linked_export(run):
    (run / "export").rename(run.parent / "elsewhere")
    (run / "export").symlink_to(run.parent / "elsewhere")


def named_link(run):
    named("probe.png")(run)
    linked("probe.png")(run)


WAYS = {
    "up": named("../secret.txt"),
    "up, as a picture": named("../secret.png"),
    "absolute": named("/etc/hostname"),
    "no text": named(["secret.txt"]),
    "hidden": named(".secret.png"),
    "another file of the run": named("metrics.jsonl"),
    "a picture of the run that is a link": named_link,
    "curves": linked("curves.png"),
    "settings": linked("training.json", "secret.json"),
    "command": linked("run.json", "secret.json"),
    "numbers": linked("metrics.jsonl", "secret.json"),
    "weights": linked("export/model.safetensors"),
    "heads": linked("export/heads.safetensors"),
    "export": linked_export,
    "measured is no mapping": lambda run: (run / "results.json").write_text('{"measured": [1]}'),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_file_outside_of_the_run_is_published(run, way):
    WAYS[way](run)
    with pytest.raises(FraZooError) as caught:
        publish(run, "acme/x", dry_run=True)
    assert "\n" not in str(caught.value)
    staged = [file for file in (run.parent / "staged").rglob("*") if file.is_file()]
    assert not [file for file in staged if SECRET.encode() in file.read_bytes()]


def test_a_run_as_it_is_is_published_and_its_checkpoints_may_lie_elsewhere(run):
    (run / "checkpoints").symlink_to(run.parent)
    named("probe.png")(run)
    (run / "probe.png").write_bytes(b"picture")
    address = "https://me:geheimnis@data.example/faces.tar?X-Amz-Signature=geheimnis"
    (run / "training.json").write_text(json.dumps({"dataset": {"name": "x", "parts": [address]}}))
    (run / "run.json").write_text(
        json.dumps({"command": f"fra-zoo finetune --x {address} 'open", "hardware": "x", "seconds": 1})
    )
    staged = publish(run, "acme/x", dry_run=True)
    files = {file.name: file.read_bytes() for file in (run.parent / "staged").rglob("*") if file.is_file()}
    assert files["probe.png"] == b"picture"
    assert staged.startswith(str(run.parent / "staged"))
    assert not [name for name, content in files.items() if b"geheimnis" in content]
    assert b"https://***@data.example/faces.tar?X-Amz-Signature=***" in files["training.json"]
