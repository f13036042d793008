"""What every objective can be told: mixup, an average of the weights, layer-wise decay; and the temperature."""

from __future__ import annotations

import json

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.calibration import fit_temperature, scale_classifier, scaled
from fra_zoo.evaluate.metrics import calibration_error
from fra_zoo.fer import create_objective
from fra_zoo.fer.mixup import SHARE, draw_share
from fra_zoo.train.config import FinetuneConfig
from fra_zoo.views.random import sample_keys
from tests.train.helpers import run


def make(name="cross_entropy", **options):
    torch.manual_seed(0)
    return create_objective(name, timm.create_model("test_resnet", num_classes=4), image_size=32, **options)


def test_mixup_is_the_loss_of_the_blended_labels():
    task = make(mixup=0.2).eval()
    images, target = torch.randn(6, 3, 32, 32), torch.rand(6, 4).softmax(1)
    share = torch.tensor(0.7)
    batch = {"views": [images], "target": target, "label": target.argmax(1)}
    loss = task({**batch, SHARE: share})["loss"]
    order = [5, 0, 1, 2, 3, 4]
    logits = task.model(0.7 * images + 0.3 * images[order])
    expected = -((0.7 * target + 0.3 * target[order]) * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(task({**batch, SHARE: torch.tensor(1.0)})["loss"], task(batch)["loss"])


def test_the_share_is_a_function_of_the_key_and_has_its_distribution():
    keys = sample_keys(0, 0, torch.arange(4000))
    shares = torch.stack([draw_share(key[None], 1.0) for key in keys])
    assert shares.min() >= 0.5
    assert shares.max() <= 1.0
    assert shares.mean().item() == pytest.approx(0.75, abs=0.01)  # of max(u, 1 - u) for a uniform u
    assert draw_share(keys[:8], 0.2) == draw_share(keys[:3], 0.2)
    task = make(mixup=0.2)
    assert task.prepare({}, keys[:2])[SHARE] == draw_share(keys, 0.2)
    assert make().prepare({}, keys[:2]) == {}


def test_the_average_follows_weights_and_running_statistics():
    task = make(model_ema_decay=0.2)
    expected = {name: value.clone() for name, value in task.model.state_dict().items()}
    for step, momentum in enumerate((1 / 10, 2 / 11, 0.2)):
        for value in (*task.model.parameters(), *task.model.buffers()):
            value.data.add_(1)
        task.after_step(step, 3)
        for name, value in task.model.state_dict().items():
            whole = not value.is_floating_point()
            expected[name] = value.clone() if whole else momentum * expected[name] + (1 - momentum) * value
    torch.testing.assert_close(dict(task.classifier().state_dict()), expected)
    assert task.classifier() is not task.model
    assert not any(parameter.requires_grad for parameter in task.classifier().parameters())
    plain = make()
    assert plain.classifier() is plain.model


def test_rates_fall_from_the_classifier_to_the_stem():
    task = make(layer_decay=0.5)
    groups = task.param_groups(0.1)
    scale = {id(p): group["lr_scale"] for group in groups for p in group["params"]}
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    named = dict(task.model.named_parameters())
    assert len(scale) == len(named) == sum(len(group["params"]) for group in groups)
    assert scale[id(named["fc.weight"])] == 1.0
    assert scale[id(named["layer4.0.conv1.weight"])] == 0.5
    assert scale[id(named["conv1.0.weight"] if "conv1.0.weight" in named else named["conv1.weight"])] == min(
        scale.values()
    )
    assert decay[id(named["fc.weight"])] == 0.1
    assert decay[id(named["fc.bias"])] == 0.0
    groups = make(layer_decay=0.5, weight_decay_exclude_1d=False).param_groups(0.1)
    assert all(group["weight_decay"] == 0.1 for group in groups)


def test_the_temperature_is_found_and_goes_into_the_classifier():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 5, generator=generator)
    label = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    loud = (3.0 * logits).softmax(1)
    temperature = fit_temperature(loud, label)
    assert temperature == pytest.approx(3.0, rel=0.03)
    classifier = torch.nn.Linear(5, 5)
    with torch.no_grad():
        classifier.weight.copy_(3.0 * torch.eye(5))
        classifier.bias.zero_()
        scale_classifier(classifier, temperature)
        calm = classifier(logits).softmax(1)
    assert calibration_error(loud, label) > 0.1
    assert calibration_error(calm, label) < 0.02
    assert calm.argmax(1).equal(loud.argmax(1))
    assert F.cross_entropy(calm.log(), label) < F.cross_entropy(loud.log(), label)


def test_what_has_no_place_is_refused_in_one_line():
    with pytest.raises(FraZooError, match=r"dmue trains copies .*; mixup, model_ema_decay is for the other objectives"):
        make("dmue", mixup=0.2, model_ema_decay=0.9)
    with pytest.raises(FraZooError, match="the fra protocol has no valid to calibrate on"):
        FinetuneConfig(protocol="fra", calibrate=True)
    with pytest.raises(FraZooError, match="model_ema_decay must be at least 0 and below 1, got 1"):
        FinetuneConfig(model_ema_decay=1.0)
    with pytest.raises(FraZooError, match="unknown option 'mixp'"):
        make(mixp=0.2)


@pytest.mark.slow
def test_scaled_probabilities_are_those_of_the_scaled_classifier():
    torch.manual_seed(0)
    classifier, x = torch.nn.Linear(6, 4), 3.0 * torch.randn(50, 6)
    with torch.no_grad():
        before = classifier(x).softmax(1)
        scale_classifier(classifier, 1.7)
        after = classifier(x).softmax(1)
    torch.testing.assert_close(scaled(before, 1.7), after)
    assert not torch.allclose(before, after)


def test_all_of_it_trains_resumes_exactly_and_is_exported_calibrated(tmp_path):
    words = [
        *("--dataset_args", '{"size": 32, "count": 160}', "--tracker", "none", "--image_size", "32", "--epochs", "2"),
        *("--model", "test_resnet", "--precision", "fp32", "--batch_size", "16", "--objective", "cross_entropy"),
        *("--augmentation", "crops", "--mixup", "0.2", "--layer_decay", "0.8", "--model_ema_decay", "0.9"),
        *("--calibrate", "true", "--flip_average", "true", "--threads", "1", "--resume", "auto"),
    ]
    for name, stops in {"whole": ([],), "halves": (["--max_steps", "7"], [])}.items():
        for stop in stops:
            done = run("finetune", *words, *stop, "--output", str(tmp_path / name))
            assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "whole" / "results.json").read_text())
    assert 0.05 <= results["temperature"] <= 20
    assert np.isfinite(results["ece_before"])
    exports = [load_file(tmp_path / name / "export" / "model.safetensors") for name in ("whole", "halves")]
    assert all(exports[0][name].equal(exports[1][name]) for name in exports[0])
    last = load_file(max((tmp_path / "whole" / "checkpoints").glob("step-*")) / "model.safetensors")
    assert {name.partition(".")[0] for name in last} == {"model", "average"}
