"""Packages of others register by entry points: found as if they were files of ours, and harmless where they fail."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

import fra_zoo
from fra_zoo.cli import main
from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS
from fra_zoo.registry import Registry
from fra_zoo.views.spec import ViewSpec
from tests.train.helpers import REPOSITORY


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that puts a package with entry points on the path, as pip would; gone after the test."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(package, modules, entry_points):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        for name, source in modules.items():
            (tmp_path / package / f"{name}.py").write_text(dedent(source))
        about = tmp_path / f"{package}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(dedent(entry_points))

    before = set(sys.modules)
    yield put
    for name in set(sys.modules) - before:
        if name.split(".")[0].startswith("plugin_"):
            del sys.modules[name]


@pytest.fixture
def again(monkeypatch):
    """A function that makes a registry look for plugins again, and forgets what it found after the test.

    It is called before the plugin is installed: what a registry finds at its very first look would stay.
    """

    def look(registry):
        registry.list()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        monkeypatch.setattr(registry, "_broken", [])
        monkeypatch.setattr(registry, "_loaded", False)

    return look


METHOD = """
    from fra_zoo.methods.parts.method import METHODS
    from fra_zoo.methods.byol import BYOL

    @METHODS.register("mine")
    class Mine(BYOL):
        "BYOL under another name."
"""
DATASET = """
    from fra_zoo.data.dataset import register_dataset
    from fra_zoo.data.sets.synthetic_faces import synthetic_faces

    @register_dataset("my-faces")
    def my_faces(split, root=None, streaming=False):
        return synthetic_faces(split, count=5, size=32)
"""


def test_a_package_of_others_brings_a_method_and_a_dataset(install, again):
    from fra_zoo.data.dataset import DATASETS
    from fra_zoo.methods.parts.method import METHODS

    again(METHODS)
    again(DATASETS)
    install(
        "plugin_good",
        {"method": METHOD, "dataset": DATASET},
        """
        [fra_zoo.methods]
        mine = plugin_good.method
        [fra_zoo.datasets]
        faces = plugin_good.dataset
        """,
    )
    assert "mine" in fra_zoo.list_methods()
    assert "my-faces" in fra_zoo.list_datasets()
    assert type(fra_zoo.create_method("mine", "test_resnet", image_size=64, dim=8, hidden_dim=8)).__name__ == "Mine"
    assert len(fra_zoo.create_dataset("my-faces")) == 5


def test_a_broken_plugin_is_one_line_and_stops_no_other(install, caplog):
    registry: Registry[int] = Registry("trifle", "fra_zoo.losses")
    sys.modules["plugin_registry"] = type(sys)("plugin_registry")
    sys.modules["plugin_registry"].REGISTRY = registry  # type: ignore[attr-defined]
    install(
        "plugin_many",
        {
            "bad": "raise OSError('no licence\\nfor this machine')",
            "twice": "from plugin_registry import REGISTRY\nREGISTRY.register('ours')(2)",
            "whole": "from plugin_registry import REGISTRY\nREGISTRY.register('theirs')(3)",
        },
        """
        [fra_zoo.trifles]
        bad = plugin_many.bad
        gone = plugin_many.gone
        twice = plugin_many.twice
        whole = plugin_many.whole
        """,
    )
    registry.register("ours")(1)
    assert registry.list() == ["ours", "theirs"]
    assert (registry.get("ours"), registry.get("theirs")) == (1, 3)
    assert [record.getMessage() for record in caplog.records] == [
        f"plugin '{name}' of package 'plugin_many' (fra_zoo.trifles: plugin_many.{name}) cannot be loaded "
        f"({why}); fix or uninstall it"
        for name, why in {
            "bad": "OSError: no licence",
            "gone": "ModuleNotFoundError: No module named 'plugin_many.gone'",
            "twice": "FraZooError: trifle 'ours' is registered twice; give one of them another name",
        }.items()
    ]
    with pytest.raises(FraZooError, match=r"unknown trifle 'gone'; .*plugin 'bad' of package 'plugin_many'"):
        registry.get("gone")


COMMAND = '''
    """Count the letters of a word.

        fra-zoo count WORD
    """
    from fra_zoo.config import place_words


    def run(argv):
        (word,), _ = place_words(argv, "count WORD", 1)
        print(len(word), "letters")
'''


def test_a_package_of_others_brings_a_command(install, capsys):
    install(
        "plugin_words",
        {"count": COMMAND, "bad": "import a_package_that_is_not_there", "info": COMMAND},
        """
        [fra_zoo.commands]
        count = plugin_words.count
        bad_one = plugin_words.bad
        gone = plugin_gone.count
        info = plugin_words.info
        """,
    )
    main(["--help"])
    text = re.sub(" {2,}", "  ", capsys.readouterr().out)
    assert "\n  count  Count the letters of a word.\n" in text
    assert "\n  bad one  (no help in plugin_words.bad)\n" in text
    assert "\n  gone  (cannot be loaded: ModuleNotFoundError: No module named 'plugin_gone')\n" in text
    assert "\n  info  Say what a model is" in text  # a name of ours stays ours
    main(["count", "region"])
    assert capsys.readouterr().out == "6 letters\n"
    for words, line in {
        ("count",): "usage: fra-zoo count WORD [--key value ...]",
        ("bad", "one"): "plugin_words.bad cannot be imported (No module named 'a_package_that_is_not_there'); "
        "install what it needs, or fix it",
    }.items():
        with pytest.raises(SystemExit):
            main(words)
        assert capsys.readouterr().err == f"error: {line}\n"


PARTS = '''
    """A loss that trusts faces less the more their annotators differ, a detector, an augmentation, a layout, a step."""

    from dataclasses import dataclass

    from fra_zoo.fer.augmentation import AUGMENTATIONS
    from fra_zoo.fer.objective import OBJECTIVES, Objective, ObjectiveConfig
    from fra_zoo.config.fields import option
    from fra_zoo.models.layout import register_layout, without_prefix
    from fra_zoo.predict.detectors import DETECTORS, Detection
    from fra_zoo.views.operation import OPERATIONS, Operation
    from fra_zoo.views.operations.normalize import Normalize
    from fra_zoo.views.operations.resize import Resize
    from fra_zoo.views.spec import ViewSpec


    @OPERATIONS.register("darken")
    @dataclass(frozen=True)
    class Darken(Operation):
        """Half the light."""

        def __call__(self, view, keys, size):
            return view._replace(images=view.images / 2)


    @AUGMENTATIONS.register("dark")
    def dark(size):
        """Faces at night."""
        return ViewSpec(size, (Resize(), Darken(), Normalize()))


    @dataclass
    class TrustConfig(ObjectiveConfig):
        power: float = option(1.0, "of the share of votes that agree", at_least=0)


    @OBJECTIVES.register("trust")
    class Trust(Objective):
        """Cross-entropy, each face weighed by how far its votes agree."""

        Config = TrustConfig
        scheme = "cross_entropy"
        sampling = "balanced"
        augmentation = "dark"

        def loss(self, logits, batch):
            target = batch["target"]
            weight = target.amax(1) ** self.config.power
            return -(weight * (target * logits.log_softmax(1)).sum(1)).mean()


    @DETECTORS.register("corner")
    def corner():
        """The face is in the corner."""
        return lambda pixels: [Detection((0, 0, 10, 10))]


    @register_layout("theirs", known_by=r"their_encoder\\.", backbone="test_resnet")
    def theirs(state):
        """Of another project."""
        return without_prefix(state, r"their_encoder\\.")
'''


def test_a_package_of_others_brings_every_other_kind_of_part(install, again, tmp_path, capsys):
    """An objective with its own augmentation and sampling, a step of a view, a detector, a layout of checkpoints."""
    from fra_zoo.fer.augmentation import AUGMENTATIONS
    from fra_zoo.fer.objective import OBJECTIVES
    from fra_zoo.models.layout import LAYOUTS
    from fra_zoo.predict.detectors import DETECTORS
    from fra_zoo.views.operation import OPERATIONS

    kinds = {"augmentations": AUGMENTATIONS, "objectives": OBJECTIVES, "layouts": LAYOUTS, "detectors": DETECTORS}
    names = {"augmentations": "dark", "objectives": "trust", "layouts": "theirs", "detectors": "corner"}
    for registry in (*kinds.values(), OPERATIONS):
        again(registry)
    groups = [f"[fra_zoo.{kind}]\nmine = plugin_parts.parts" for kind in [*kinds, "operations"]]
    install("plugin_parts", {"parts": PARTS}, "\n".join(groups))
    for kind, name in names.items():
        main(["list", kind, f"{name[:3]}*"])
        assert capsys.readouterr().out == f"{kind}: {name}\n"
    assert "darken" in OPERATIONS.list()

    words = ["finetune", "--objective", "trust", "--power", "2", "--model", "test_resnet", "--image_size", "32"]
    words += ["--dataset_args", '{"size": 32, "count": 64}', "--epochs", "1", "--batch_size", "16", "--tracker", "none"]
    main([*words, "--output", str(tmp_path / "run")])
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["objective"] == "trust"
    (view,) = fra_zoo.create_objective("trust", fra_zoo.create_model("test_resnet", num_classes=8), image_size=32).views
    assert type(view.operations[1]).__name__ == "Darken"
    with pytest.raises(FraZooError, match="power must be at least 0"):
        fra_zoo.create_objective("trust", timm.create_model("test_resnet"), image_size=32, power=-1.0)

    predictor = fra_zoo.Predictor(tmp_path / "run", detector="corner")
    (answer,) = predictor(np.zeros((40, 40, 3), np.uint8))
    assert [face.box for face in answer.faces] == [(0, 0, 10, 10)]

    model = timm.create_model("test_resnet", num_classes=0)
    save_file(
        {f"their_encoder.{key}": value for key, value in model.state_dict().items()}, tmp_path / "their.safetensors"
    )
    done = fra_zoo.convert_checkpoint(tmp_path / "their.safetensors", tmp_path / "out")
    assert done.layout == "theirs"
    again_ = fra_zoo.create_model(f"local-dir:{tmp_path / 'out'}").state_dict()
    assert all(again_[key].equal(value) for key, value in model.state_dict().items())


def test_a_package_of_others_brings_weights_under_a_name(install, tmp_path):
    """Its folder NAME.TAG is the name: in fra_zoo, in timm, with the classes that it tells apart."""
    entry_points = "[fra_zoo.pretrained]\nmine = plugin_weights.pretrained\ngone = plugin_weights.gone\n"
    install("plugin_weights", {}, entry_points)
    place = tmp_path / "plugin_weights" / "pretrained"
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=8)
    export_model(model, place / "my_faces.v1", view=ViewSpec(32), labels=FERPLUS)
    (place / "odd.v1").mkdir()
    (place / "odd.v1" / "config.json").write_text('{"architecture": "no_such_net"}')
    code = """
    import logging, sys
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    import timm, fra_zoo
    for create in (fra_zoo.create_model, timm.create_model):
        model = create("my_faces", pretrained=True)
        print(model.num_classes, round(float(model.get_classifier().weight.detach().double().sum()), 6))
    print(fra_zoo.list_models("my_*", pretrained=True), timm.is_model("my_faces"), "odd" in fra_zoo.list_models())
    print(fra_zoo.create_model("my_faces", num_classes=3).num_classes)
    """
    path = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    words = [sys.executable, "-W", "ignore", "-c", dedent(code)]
    done = subprocess.run(words, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    weight = f"8 {round(float(model.get_classifier().weight.detach().double().sum()), 6)}"
    assert done.stdout.splitlines() == [
        "weights 'gone' (fra_zoo.pretrained: plugin_weights.gone) are no package's folder; left out",
        "weights odd.v1 are of 'no_such_net', which timm does not have; left out",
        weight,
        weight,
        "['my_faces.v1'] True False",
        "3",
    ]
