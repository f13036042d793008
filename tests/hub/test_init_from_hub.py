"""A pre-training that starts from the Hub: from a repository, or from a name of timm whose weights lie there."""

from __future__ import annotations

import pytest
import timm

import fra_zoo
from fra_zoo.errors import FraZooError
from fra_zoo.methods import create_method


def test_a_repository_of_the_hub(hub, tuned, no_cache):
    run, _ = tuned
    fra_zoo.publish(run, "acme/faces", revision="v1")
    no_cache()
    published = fra_zoo.create_model("hf-hub:acme/faces", num_classes=0)
    name = published.pretrained_cfg["architecture"]
    method = create_method("byol", name, image_size=64, dim=8, hidden_dim=8, init="hf-hub:acme/faces@v1")
    expected = published.state_dict()
    assert all(value.equal(expected[key]) for key, value in method.backbone.state_dict().items())
    assert method.initial_weights.source == "hf-hub:acme/faces@v1"
    with pytest.raises(FraZooError, match=r"init: .*acme/nothing"):
        create_method("byol", name, image_size=64, init="hf-hub:acme/nothing")


def test_a_name_of_timm(tmp_path, monkeypatch):
    """Weights of timm's names come through timm: its own file of them lies here instead of on the Hub."""
    model = timm.create_model("test_resnet", num_classes=1000)
    (tmp_path / "w").mkdir()
    timm.models.save_for_hf(model, str(tmp_path / "w"), safe_serialization=True)
    cfg = timm.models._registry._model_pretrained_cfgs["test_resnet.r160_in1k"]
    monkeypatch.setattr(cfg, "file", str(tmp_path / "w" / "model.safetensors"))
    method = create_method("byol", "test_resnet", image_size=64, dim=8, hidden_dim=8, init="test_resnet.r160_in1k")
    expected = model.state_dict()
    assert all(value.equal(expected[key]) for key, value in method.backbone.state_dict().items())
    assert method.initial_weights.source == "test_resnet.r160_in1k"


def test_no_network_is_one_line(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FraZooError, match=r"^init: ") as caught:
        create_method("byol", "resnet18", image_size=64, init="resnet18.a1_in1k")
    assert "\n" not in str(caught.value)
