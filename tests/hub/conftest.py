"""A Hub on this machine, empty for each test, and small runs to publish."""

from __future__ import annotations

import json
import shutil
import time

import pytest
import timm
import torch
import yaml

from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS
from fra_zoo.methods import create_method
from fra_zoo.views.spec import ViewSpec
from tests.hub.hub_server import Hub

USERS = {
    "hf_alice": ("alice", ["acme"], "write"),
    "hf_reader": ("rob", ["acme"], "read"),
    "hf_outsider": ("eve", [], "write"),
}


@pytest.fixture(autouse=True)
def own_connections():
    """The client keeps connections open, to the server of the test before as well."""
    from huggingface_hub.utils import close_session

    from fra_zoo.data.stream import fetching

    def close():
        close_session()
        if fetching._client.cache_info().currsize:
            fetching._client().close()
        fetching._client.cache_clear()

    close()
    yield
    close()


class _Hurried:
    """The module `time` with short pauses."""

    def __getattr__(self, name):
        return getattr(time, name)

    def sleep(self, seconds):
        time.sleep(min(seconds, 0.1))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """The client tries again as often as ever, without waiting up to 8 s before each try."""
    for module in ("utils._http", "file_download"):
        monkeypatch.setattr(f"huggingface_hub.{module}.time", _Hurried())


@pytest.fixture
def hub(tmp_path, hub_port, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if hasattr(constants, name):
            monkeypatch.setattr(constants, name, str(tmp_path / "cache"))
    server = Hub(tmp_path / "server", USERS, port=hub_port)
    yield server
    server.stop()


@pytest.fixture
def no_cache():
    """Empties the cache of a test."""
    from huggingface_hub import constants

    return lambda: shutil.rmtree(constants.HF_HUB_CACHE, ignore_errors=True)


def classifier(seed=0):
    torch.manual_seed(seed)
    model = timm.create_model("test_resnet", num_classes=8)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


@pytest.fixture
def tuned(tmp_path):
    """A fine-tuned run folder and its model."""
    run, model = tmp_path / "tuned", classifier()
    export_model(model, run / "export", view=ViewSpec(48), labels=FERPLUS, license="research only (FER2013)")
    numbers = {"accuracy": 0.6, "mean_class_accuracy": 0.5, "macro_f1": 0.45, "ece": 0.05}
    confusion = [[9 if i == j else 1 for j in range(8)] for i in range(8)]
    confusion[7] = [0] * 8
    results = {
        "protocol": "strict", "dataset": "ferplus", "license": "research only (FER2013)",
        "classes": list(FERPLUS.classes), "objective": "majority", "selected_on": "valid", "selected_epoch": 2,
        "splits": {"test": {"faces": 3137, "sha256": "0" * 64}}, "selected_test": numbers,
        "selected_test_interval_95": {name: [value - 0.01, value + 0.01] for name, value in numbers.items()},
        "confusion_test": confusion,
    }  # fmt: skip
    (run / "results.json").write_text(json.dumps(results))
    settings = {
        "output": "/home/me/runs/x",
        "dataset": {"name": "ferplus", "root": "/home/me/faces"},
        "optim": {"lr": 0.001},
        "model": {"name": "local-dir:/home/me/runs/fra"},
        "versions": {"torch": str(torch.__version__)},
    }
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    about = {"command": "accelerate launch recipes/finetune.py --root PATH", "hardware": "2 CPU cores", "seconds": 90.0}
    (run / "run.json").write_text(json.dumps(about))
    return run, model


@pytest.fixture
def pretrained(tmp_path):
    """A pre-trained run folder and its method."""
    torch.manual_seed(0)
    options = {"dim": 16, "hidden_dim": 16, "regions": 5}
    method = create_method("fra", "test_resnet", image_size=64, **options)
    export_model(
        method.backbone,
        tmp_path / "fra" / "export",
        view=method.views[0],
        license="apache-2.0",
        heads=method.heads(),
        heads_config={"method": "fra", "image_size": 64, "options": options},
    )
    (tmp_path / "fra" / "metrics.jsonl").write_text(json.dumps({"step": 1, "probe_accuracy": 0.31}) + "\n")
    return tmp_path / "fra", method.eval()
