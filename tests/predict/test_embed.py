"""Faces in, vectors out: `Embedder`, `Predictor.embed` and `fra-zoo embed`."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import datasets
import numpy as np
import PIL.Image
import pytest
import timm
import torch

from fra_zoo.cli import main
from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS
from fra_zoo.models import create_model, zoo
from fra_zoo.predict import Embedder, Predictor
from fra_zoo.predict.embedder import embedding_rows, embeddings_entry
from fra_zoo.predict.writers import Journal
from fra_zoo.views.spec import ViewSpec

BOXES = ((2, 2, 20, 20), (10, 12, 12, 12))
NAMES = ["source", "frame", "seconds", "face", "x", "y", "width", "height", "score", "vector", "error"]


def two_faces(pixels):
    return BOXES


@pytest.fixture
def photos(tmp_path):
    """Three of other colours, since a fresh network tells little else apart."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate("bcd"):
        pixels = np.random.default_rng(number).integers(0, 60, (32 + number, 40, 3), dtype=np.uint8)
        pixels[:, 20:, number] += 190
        PIL.Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def exported(folder, name, **options):
    torch.manual_seed(1)
    labels = FERPLUS if options["num_classes"] else None
    return export_model(timm.create_model(name, **options).eval(), folder, view=ViewSpec(32), labels=labels)


@pytest.fixture
def small(tmp_path):
    return exported(tmp_path / "small", "test_resnet", num_classes=8)


@pytest.fixture
def backbone(tmp_path):
    return exported(tmp_path / "backbone", "test_vit", num_classes=0, img_size=32)


def read(file):
    return datasets.Dataset.from_parquet(str(file), cache_dir=str(file.parent / "cache")).to_list()


def embed(source, model, out, *more):
    main(["embed", str(source), "--model", str(model), "--detector", "none", "--out", str(out), *more])


@pytest.mark.parametrize("which", ["small", "backbone"])
def test_a_vector_is_the_models_features_of_the_cut_out_face(which, photos, request):
    folder = request.getfixturevalue(which)
    whole = Embedder(folder, detector="none", batch_size=2)(photos)
    assert [Path(one.source).name for one in whole] == ["b.png", "c.png", "d.png"]
    model = create_model(f"local-dir:{folder}").eval()
    mean, std = (torch.tensor(model.pretrained_cfg[key])[:, None, None] for key in ("mean", "std"))
    with PIL.Image.open(photos / "b.png") as image:
        pixels = torch.from_numpy(np.array(image.resize((32, 32), PIL.Image.Resampling.BILINEAR))).permute(2, 0, 1)
    with torch.no_grad():
        features = model.forward_features(((pixels / 255.0 - mean) / std)[None])
        expected = model.forward_head(features, pre_logits=True)[0]
    vector = whole[0].faces[0].vector
    assert vector.dtype == torch.float32
    assert vector.shape == (model.num_features,)
    assert torch.cosine_similarity(vector, expected, dim=0) > 0.999  # bf16, and another resize filter than PIL's
    assert torch.cosine_similarity(vector, whole[1].faces[0].vector, dim=0) < 0.9999


def test_each_face_has_its_own_vector_whatever_shares_its_pass(small, photos):
    together = Embedder(small, detector=two_faces, batch_size=64)(photos)
    assert [[face.box for face in one.faces] for one in together] == [list(BOXES)] * 3
    with PIL.Image.open(photos / "c.png") as image:
        pixels = np.array(image)
    for number, (x, y, w, h) in enumerate(BOXES):
        (alone,) = Embedder(small, detector=lambda _, box=(x, y, w, h): [box], batch_size=1)(pixels)
        torch.testing.assert_close(together[1].faces[number].vector, alone.faces[0].vector, rtol=0.02, atol=0.02)
    assert not torch.equal(together[1].faces[0].vector, together[1].faces[1].vector)


def test_a_predictor_embeds_the_faces_that_it_answers_for(small, photos):
    predictor = Predictor(small, detector=two_faces)
    (one,) = predictor.embed(photos / "b.png")
    (said,) = predictor(photos / "b.png")
    assert [face.box for face in one.faces] == [face.box for face in said.faces]
    logits = predictor.model.get_classifier()(torch.stack([face.vector for face in one.faces])).softmax(1)
    for face, expected in zip(said.faces, logits, strict=True):
        assert list(face.probabilities.values()) == pytest.approx(expected.tolist(), abs=0.03)


def test_the_table_holds_what_the_embedder_gives(small, photos, tmp_path, capsys):
    (photos / "a.png").write_bytes(b"no image")
    embed(photos, small, tmp_path / "out.parquet")
    assert "4 image(s), 3 face(s) of 96 numbers, 1 with an error" in capsys.readouterr().out
    dataset = Embedder(small, detector="none").dataset(photos)
    assert dataset.column_names == NAMES
    assert dataset.features["vector"] == datasets.List(datasets.Value("float32"))
    rows = read(tmp_path / "out.parquet")
    assert dataset.to_list() == rows
    assert list(rows[0]) == NAMES
    assert [Path(row["source"]).name for row in rows] == ["a.png", "b.png", "c.png", "d.png"]
    assert rows[0]["vector"] is None
    assert rows[0]["error"]
    assert [row["width"] for row in rows[1:]] == [40, 40, 40]
    embed(photos, small, tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [np.float32(row["vector"]).tolist() for row in lines[1:]] == [row["vector"] for row in rows[1:]]
    assert not list(tmp_path.glob("*.journal"))


def test_a_run_that_broke_off_goes_on(small, photos, tmp_path, capsys):
    embedder = Embedder(small, detector="none", batch_size=1)
    about = {"source": str(photos), "detector": "none", "every": "1", "model": embedder.fingerprint}
    out = tmp_path / "out.parquet"
    journal = Journal(out, about, keep=embeddings_entry, rows=embedding_rows)
    for _ in islice(journal.write(embedder.embed(photos)), 2):
        pass
    (photos / "c.png").unlink()
    embed(photos, small, out)
    said = capsys.readouterr().out
    assert "1 image(s), 1 face(s)" in said
    assert "went on with out.parquet.journal, which held 2 image(s)" in said
    embed(photos, small, tmp_path / "whole.parquet")
    again, whole = read(out), read(tmp_path / "whole.parquet")
    assert [Path(row["source"]).name for row in again] == ["b.png", "d.png"]
    for one, other in zip(again, whole, strict=True):
        np.testing.assert_allclose(one.pop("vector"), other.pop("vector"), rtol=0.02, atol=0.02)
    assert again == whole


def test_another_model_does_not_go_on(small, backbone, photos, tmp_path, capsys):
    embedder = Embedder(backbone, detector="none")
    about = {"source": str(photos), "detector": "none", "every": "1", "model": embedder.fingerprint}
    Journal(tmp_path / "out.parquet", about, keep=embeddings_entry, rows=embedding_rows)
    with pytest.raises(SystemExit):
        embed(photos, small, tmp_path / "out.parquet")
    assert "is of another run; remove it, or write to another file (it differs in: model)" in capsys.readouterr().err


def test_frames_of_a_film_have_numbers_and_times(small, tmp_path):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    writer = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10.0, (48, 48))
    for number in range(9):
        writer.write(np.full((48, 48, 3), 20 * number, dtype=np.uint8))
    writer.release()
    embed(tmp_path / "clip.mp4", small, tmp_path / "out.parquet", "--every", "4")
    rows = read(tmp_path / "out.parquet")
    assert [row["frame"] for row in rows] == [0, 4, 8]
    assert [row["seconds"] for row in rows] == pytest.approx([0.0, 0.4, 0.8])


def test_the_default_is_the_first_backbone_of_the_package(small, photos, monkeypatch):
    embedder = Embedder(detector="none")
    assert zoo.backbones()[0] == "fra_resnet18.faces42k_48px_e14"
    assert embedder.fingerprint == Embedder("fra_resnet18", detector="none").fingerprint
    assert embedder.fingerprint != Embedder(small, detector="none").fingerprint
    assert embedder(photos / "b.png")[0].faces[0].vector.shape == (512,)
    monkeypatch.setattr(zoo, "BUNDLED", {name: {} for name in zoo.ZOO})
    with pytest.raises(FraZooError, match="no backbone comes with the package; give a model"):
        Embedder()


def test_a_vector_that_is_not_finite_is_an_error_of_its_image_alone(small, photos):
    embedder = Embedder(small, detector="none")
    plain = embedder.model.forward_head

    def broken(features, **how):
        found = plain(features, **how)
        found[1, 3] = torch.nan
        return found

    embedder.model.forward_head = broken
    good, bad, other = embedder(photos)
    assert good.error is None is other.error
    assert len(good.faces) == len(other.faces) == 1
    assert bad.faces == ()
    assert bad.error is not None
    assert "not finite" in bad.error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "embed needs --out FILE.parquet"),
        (["--out", "faces.csv"], "cannot write faces.csv: "),
        (["--out", "f.parquet", "--model", "vit_tiny"], "unknown model 'vit_tiny'"),
        (["--out", "f.parquet", "--model", "byol_resnet50"], "byol_resnet50 has no weights yet"),
        (["--out", "f.parquet", "--every", "0"], "every must be a whole number of frames or seconds"),
    ],
)
def test_bad_words_are_one_line(words, expected, photos, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["embed", str(photos), *words])
    assert expected in capsys.readouterr().err
