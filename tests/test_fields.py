"""Every number that anybody can give says its range, and is checked wherever it comes from."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import runpy
import typing

import pytest

import fra_zoo
from fra_zoo.config import parse, published, read
from fra_zoo.config.fields import Options, Range, check_number, checked, number_kind, ranges
from fra_zoo.config.optim import OptimConfig
from fra_zoo.data import create_dataset
from fra_zoo.data.dataset import DATASETS
from fra_zoo.errors import FraZooError
from fra_zoo.fer.objective import OBJECTIVES
from fra_zoo.hub.convert import convert_checkpoint
from fra_zoo.methods import create_method
from fra_zoo.methods.fra import FRAConfig
from fra_zoo.methods.mae import MAEConfig
from fra_zoo.methods.parts.method import METHODS
from fra_zoo.models.model_config import ModelConfig
from fra_zoo.predict import Predictor
from fra_zoo.train.config import FinetuneConfig, PretrainConfig


def all_configs():
    """Every configuration of the package and of the recipes, those of registered parts included."""
    for module in pkgutil.walk_packages(fra_zoo.__path__, "fra_zoo."):
        importlib.import_module(module.name)
    found, waiting = set(), [Options]
    while waiting:
        more = waiting.pop().__subclasses__()
        found |= set(more)
        waiting += more
    found.add(runpy.run_path("recipes/benchmark.py")["BenchmarkConfig"])
    return sorted(found, key=lambda kind: kind.__qualname__)


def outside(one: Range) -> float:
    if one.at_least is not None or one.above is not None:
        return (one.at_least if one.at_least is not None else one.above or 0) - 1
    return (one.at_most if one.at_most is not None else one.below or 0) + 1


def test_every_number_of_every_configuration_says_its_range():
    configs = all_configs()
    registered = [METHODS.get(name).Config for name in METHODS.list()]
    registered += [OBJECTIVES.get(name).Config for name in OBJECTIVES.list()]
    assert {PretrainConfig, FinetuneConfig, *registered} <= set(configs)
    seen = 0
    for config in configs:
        hints = typing.get_type_hints(config)
        for field in dataclasses.fields(config):
            kind = number_kind(hints[field.name])
            if kind is None:
                continue
            seen += 1
            one = field.metadata.get("range")
            assert not (one or Range()).empty, f"{config.__name__}.{field.name} says no range"
            assert field.default is None or one.contains(field.default), f"{config.__name__}.{field.name}"
            for value in (kind(outside(one)), *([float("nan")] if kind is float else [])):
                with pytest.raises(FraZooError, match=rf"^config: {field.name} must be .*got"):
                    config(**{field.name: value})
    assert seen > 80


def test_every_number_of_every_dataset_says_its_range():
    for name in DATASETS.list():
        for option, (hint, one) in ranges(DATASETS.get(name).build).items():
            if number_kind(hint) is not None:
                assert one is not None, f"{name}: {option} says no range"
                with pytest.raises(FraZooError, match=f"^config: {option} must be"):
                    create_dataset(name, **{option: int(outside(one))})


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            lambda: create_method("fra", "test_resnet", regions=-1),
            "regions must be at least 2 and at most 4096, got -1",
        ),
        (lambda: create_method("fra", "test_resnet", beta=float("inf")), "beta must be finite, got inf"),
        (lambda: create_method("fra", "test_resnet", image_size=0), "image_size must be at least 8 and at most 8192"),
        (lambda: Predictor("nothing", batch_size=0), "batch_size must be at least 1, got 0"),
        (lambda: Predictor("nothing", margin=-0.5), "margin must be at least 0 and at most 10, got -0.5"),
        (lambda: convert_checkpoint("a", "b", image_size=1), "image_size must be at least 8"),
        (lambda: OptimConfig(weight_decay=-1), "weight_decay must be at least 0, got -1"),
        (lambda: FinetuneConfig(streaming=True, steps_per_epoch=2), "does not stream"),
        (lambda: PretrainConfig(probe_images=1), r"probe_images must be 0 \(no probe\) or at least 2, got 1"),
        (lambda: PretrainConfig(output=" "), "output is empty"),
        (lambda: MAEConfig(mask_ratio=1.0), "mask_ratio must be above 0 and below 1, got 1"),
        (lambda: FRAConfig(ema_schedule="cosin"), "'cosin' is unknown; did you mean 'cosine'"),
    ],
)
def test_keywords_are_checked_as_words_are(call, expected):
    with pytest.raises(FraZooError, match=expected):
        call()


def test_yaml_and_words_are_checked(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("weight_decay: -1\n")
    with pytest.raises(FraZooError, match=r"^config: weight_decay must be at least 0, got -1$"):
        parse(PretrainConfig, [f"--config={file}"])
    config = parse(PretrainConfig, ["--config", str(file), "--weight_decay", "1e-4"])
    assert config.optim.weight_decay == 1e-4
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FraZooError, match="is not YAML"):
        parse(PretrainConfig, ["--config", str(file)])


def test_a_number_that_is_checked_in_a_function():
    @checked
    def half(x: typing.Annotated[float, Range(above=0)], *, count: typing.Annotated[int | None, Range(1)] = None):
        return x / 2

    assert half(3.0) == 1.5
    with pytest.raises(FraZooError, match="x must be above 0, got 0"):
        half(0)
    with pytest.raises(FraZooError, match="count must be at least 1, got 0"):
        half(1.0, count=0)
    check_number("n", None, int | None, Range(1))
    for value in ("8", 2.5, True, None):
        with pytest.raises(FraZooError, match="n must be a whole number, got"):
            check_number("n", value, int)


def test_no_align_is_an_option_that_was_said():
    words = ["--no_norm_pix_loss", "--mask_ratio=0.5"]
    reading = read(PretrainConfig, ["--method", "mae", *words])
    assert reading.config.method.args == {"norm_pix_loss": False, "mask_ratio": 0.5}
    assert reading.config.method.options == MAEConfig(norm_pix_loss=False, mask_ratio=0.5)


def test_what_others_see_holds_no_path(tmp_path):
    secret = str(tmp_path / "secret")
    words = [f"--root={secret}", "--output", secret, "--model", f"local-dir:{secret}/run", "--lr", "0.1"]
    words += ["--dataset_args", f'{{"pairs": "{secret}/pairs.txt", "classes": 7}}']
    reading = read(FinetuneConfig, words)
    config, told = reading.config, reading.command()
    assert told == (
        '--output PATH --root PATH --dataset_args \'{"pairs": "PATH", "classes": 7}\' --lr 0.1 --model local-dir:PATH'
    )
    assert "secret" not in str(published(config))
    assert published(config)["dataset"] == {"name": "synthetic-faces", "pairs": "PATH", "classes": 7}
    assert published(config)["model"]["name"] == "local-dir:PATH"
    assert published(ModelConfig("resnet50.a1_in1k"))["name"] == "resnet50.a1_in1k"
