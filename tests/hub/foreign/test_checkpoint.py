"""Converting in general: the command line, layouts that are found out, bad files."""

from __future__ import annotations

import argparse

import pytest
import torch
from safetensors.torch import load_file, save_file

import fra_zoo
from fra_zoo.cli import main
from fra_zoo.errors import FraZooError
from fra_zoo.hub.convert import convert_checkpoint, method_from_checkpoint
from fra_zoo.io.weights import read_checkpoint
from fra_zoo.models.layout import LAYOUTS, register_layout, without_prefix
from tests.hub.foreign.states import prefixed, random_state


def test_command_line_and_bad_files(tmp_path, capsys):
    save_file(prefixed(random_state("resnet18", num_classes=5), "encoder_q."), tmp_path / "c.safetensors")
    main(["convert", str(tmp_path / "c.safetensors"), str(tmp_path / "out"), "--backbone", "resnet18"])
    assert "layout: moco_v2" in capsys.readouterr().out
    with pytest.raises(FraZooError, match=r"another architecture than ResNet: missing \d+"):
        convert_checkpoint(tmp_path / "c.safetensors", tmp_path / "out2")
    save_file({"nothing.known": torch.zeros(1)}, tmp_path / "n.safetensors")
    with pytest.raises(
        FraZooError, match=r"has the keys of no layout that is known \(byol, dmue, .*fra, .*nothing.known"
    ):
        convert_checkpoint(tmp_path / "n.safetensors", tmp_path / "out3")
    with pytest.raises(FraZooError, match="unknown layout 'moco'; did you mean"):
        convert_checkpoint(tmp_path / "n.safetensors", tmp_path / "out3", layout="moco")


def test_a_layout_is_one_function(tmp_path, monkeypatch):
    """From outside of the package: registered, it is listed, found out and converted."""
    monkeypatch.setattr(LAYOUTS, "_entries", {name: LAYOUTS.get(name) for name in LAYOUTS.list()})

    @register_layout("simclr", known_by=r"encoder\.", backbone="resnet50", crop_pct=0.9)
    def simclr(state):
        return without_prefix(state, r"encoder\.")

    assert "simclr" in fra_zoo.list_layouts("sim*")
    model = random_state("resnet18", num_classes=5)
    save_file(prefixed(model, "encoder.") | {"module.projector.weight": torch.zeros(2)}, tmp_path / "c.safetensors")
    done = convert_checkpoint(tmp_path / "c.safetensors", tmp_path / "out", backbone="resnet18")
    assert done.layout == "simclr"
    assert set(done.dropped) == {"encoder.fc.weight", "encoder.fc.bias", "projector.weight"}
    loaded = fra_zoo.create_model(f"local-dir:{tmp_path / 'out'}")
    assert loaded.pretrained_cfg["crop_pct"] == 0.9
    assert loaded.conv1.weight.equal(model.conv1.weight)
    with pytest.raises(FraZooError, match="is of layout 'simclr', of which we read the backbone alone"):
        method_from_checkpoint(tmp_path / "c.safetensors", "resnet18")

    @register_layout("other", known_by=r"projector\.", backbone="resnet50")
    def other(state):
        return without_prefix(state, "")

    with pytest.raises(FraZooError, match="may be other or simclr by its keys; say which with --layout"):
        convert_checkpoint(tmp_path / "c.safetensors", tmp_path / "out2")


class Options:
    """A class of somebody's own code."""


def test_options_beside_the_tensors_are_read_and_other_classes_named(tmp_path):
    tensors = {"w": torch.ones(2)}
    torch.save({"state_dict": tensors, "args": argparse.Namespace(lr=1.0)}, tmp_path / "plain.pth")
    assert read_checkpoint(tmp_path / "plain.pth")["w"].sum() == 2
    torch.save({"state_dict": tensors, "args": Options()}, tmp_path / "own.pth")
    with pytest.raises(FraZooError, match=r"holds a \S*Options beside its tensors") as caught:
        read_checkpoint(tmp_path / "own.pth")
    assert not set("\x1b\n") & set(str(caught.value))
    (tmp_path / "cut.pth").write_bytes((tmp_path / "plain.pth").read_bytes()[:300])
    with pytest.raises(FraZooError, match="is no whole checkpoint"):
        read_checkpoint(tmp_path / "cut.pth")
    for name in ("pointer.pth", "pointer.safetensors"):
        (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\n")
        with pytest.raises(FraZooError, match=f"{name} is a pointer of Git LFS .*git lfs pull"):
            read_checkpoint(tmp_path / name)


WRAPPED = {
    "compiled": lambda named: {"state_dict": named("_orig_mod.encoder_q.")},
    "compiled and parallel": lambda named: {"state_dict": named("module._orig_mod.encoder_q.")},
    "a wrapped part": lambda named: {"state_dict": named("encoder_q.module.")},
    "sharded": lambda named: {"model": named("_fsdp_wrapped_module.encoder_q._checkpoint_wrapped_module.")},
    "a wrapper in a wrapper": lambda named: {"model": {"state_dict": named("encoder_q.")}, "epoch": 3},
    "a name of somebody's own": lambda named: {"weights_of_it": named("encoder_q."), "optimizer": {"state": {}}},
    "Lightning": lambda named: {"state_dict": named("model.encoder_q."), "loops": {}},
}


@pytest.mark.parametrize("what", WRAPPED)
def test_what_trainers_wrap_around_a_model_is_taken_off(tmp_path, what):
    state = random_state("test_resnet", num_classes=0).state_dict()
    content = WRAPPED[what](lambda before: {f"{before}{key}": value for key, value in state.items()})
    torch.save(content, tmp_path / "c.pth")
    done = convert_checkpoint(tmp_path / "c.pth", tmp_path / "out", backbone="test_resnet", image_size=32)
    assert done.layout == "moco_v2"
    converted = load_file(tmp_path / "out" / "model.safetensors")
    assert all(converted[key].equal(value) for key, value in state.items())


def test_two_models_under_one_name_are_told_apart_by_nobody(tmp_path):
    save_file({"encoder_q.w": torch.zeros(2), "module.encoder_q.w": torch.ones(2)}, tmp_path / "c.safetensors")
    with pytest.raises(FraZooError, match=r"holds encoder_q\.w twice with other values"):
        read_checkpoint(tmp_path / "c.safetensors")
