"""What is FaRL's own: texts, prompts, the learned temperature."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from fra_zoo.data import create_dataset
from fra_zoo.data.loading import FaceLoader, Faces
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate import EvaluationData, Subject, create_evaluator
from fra_zoo.labels import FERPLUS
from fra_zoo.labels.captions import caption, prompt
from fra_zoo.layers.text import LENGTH, byte_tokens, cut_tokens
from fra_zoo.methods import load_method
from tests.methods import batch_for, make


def test_prompts_and_captions():
    assert prompt("anger") == "a photo of an angry face"
    assert prompt("wink") == "a photo of a wink face"
    assert caption(FERPLUS.index("sadness"), FERPLUS) == "a photo of a sad face"
    assert caption(-1, FERPLUS) == "a photo of a face"


def test_bytes_are_tokens_and_long_texts_are_cut():
    tokens = byte_tokens(["ä", "x" * 500])
    assert tokens.shape == (2, LENGTH)
    assert tokens[0, :4].tolist() == [256, 0xC3, 0xA4, 257]
    assert int(tokens[1, -1]) == 257
    assert cut_tokens(tokens[:1], 257).shape == (1, 16)
    assert cut_tokens(tokens, 257).shape == (2, LENGTH)


def test_cutting_changes_no_embedding():
    tower = make("farl").contrast.text.eval()
    tokens = byte_tokens(["a photo of a happy face", "a face"])
    torch.testing.assert_close(tower(cut_tokens(tokens, 257)), tower(tokens))


def test_temperature_is_learned_and_bounded():
    method = make("farl")
    assert method.contrast.log_scale.item() == pytest.approx(math.log(1 / 0.07))
    method(batch_for(method))["loss"].backward()
    assert method.contrast.log_scale.grad is not None
    with torch.no_grad():
        method.contrast.log_scale.fill_(9.0)
    method.after_step(0, 1)
    assert method.contrast.log_scale.exp().item() == pytest.approx(100.0)


def test_without_texts_it_says_so():
    with pytest.raises(FraZooError, match="needs texts"):
        make("farl").prepare({}, torch.arange(2))
    data = replace(create_dataset("synthetic-faces", "train", size=16, count=4), labels=None)
    with pytest.raises(FraZooError, match="neither texts nor labels"):
        data.with_texts()


def test_texts_reach_the_batch_with_and_without_a_cache():
    data = create_dataset("synthetic-faces", "train", size=16, count=8).with_texts()
    for cache in ("none", "ram"):
        batch = next(FaceLoader(Faces(data, 16), 4, cache=cache).epoch(0))
        assert batch["text"] == [caption(label, FERPLUS) for label in batch["label"].tolist()]


def test_zero_shot_finds_what_the_texts_say(monkeypatch):
    """With the image tower replaced by the label itself, every face is found."""
    data = create_dataset("synthetic-faces", "valid", size=64, count=12).labelled()
    given = EvaluationData(lambda split: data, 64)
    labels = next(given.loader(data).epoch(0))["label"]
    method = make("farl").eval()
    prompts = [prompt(name) for name in FERPLUS.classes]
    texts = method.contrast.text(method.tokenize(prompts))
    method.contrast.image = torch.nn.Identity()
    monkeypatch.setattr(method, "embed", lambda images: texts[labels])
    subject = Subject("farl", method, method.views[0])
    assert create_evaluator("zero_shot").evaluate(subject, given)["accuracy"] == 1.0


def test_zero_shot_refuses_other_methods():
    data = EvaluationData(lambda split: create_dataset("synthetic-faces", split, size=64, count=4), 64)
    said = create_evaluator("zero_shot").refusal(Subject("byol", make("byol"), make("byol").views[0]), data)
    assert said.startswith("zero_shot needs a method of images and texts")
    assert "this is BYOL" in said


def test_an_exported_run_loads_with_its_text_tower(tmp_path):
    from fra_zoo.hub import export_model
    from tests.methods import small_options

    method = make("farl").eval()
    about = {"method": "farl", "image_size": 64, "options": small_options("farl")}
    export_model(
        method.backbone, tmp_path, view=method.views[0], license="mit", heads=method.heads(), heads_config=about
    )
    again = load_method(tmp_path)
    images = torch.randn(2, 3, 64, 64)
    prompts = ["a happy face", "a sad face"]
    torch.testing.assert_close(again.class_probabilities(images, prompts), method.class_probabilities(images, prompts))
