"""Bad input ends with one line and status 2."""

from __future__ import annotations

import pytest
import torch
from accelerate.utils import DistributedType

from fra_zoo.cli import main
from fra_zoo.errors import FraZooError
from fra_zoo.train.setup import check_launch
from tests.train.helpers import TINY


def fails(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    lines = capsys.readouterr().err.strip().splitlines()
    assert stop.value.code == 2
    assert lines[-1].startswith("error: ")
    return lines[-1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pretrain", "--epocs", "3"], "unknown key 'epocs'; did you mean 'epochs'?"),
        (["pretrain", "--method", "byl"], "unknown method 'byl'; did you mean 'byol'?"),
        (["pretrain", "--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
        (["pretrain", "--epochs", "0"], "epochs must be at least 1, got 0"),
        (["pretrain", "--backbone", "resnet81"], "unknown model 'resnet81'; did you mean"),
        (["pretrain", "--backbone_args", "{stride}"], "backbone_args is not a mapping: 'stride' has no value"),
        (["pretrain", "--precision", "bf61"], "precision 'bf61' is unknown; did you mean 'bf16'?"),
        (["pretrain", "--streaming", "--steps_per_epoch", "3", "--cache", "ram"], "streaming and cache exclude"),
        (["pretrain", "--streaming"], "streaming needs steps_per_epoch"),
        (["pretrain", "--regions", "1"], "config: regions must be at least 2 and at most 4096, got 1"),
        (["pretrain", "--preset", "oficial"], "unknown preset 'oficial'; did you mean 'official'?"),
        (["pretrain", "--config", "none.yaml"], "no such file: none.yaml"),
        (["evaluate", "--evaluators", "prob"], "unknown evaluator 'prob'; did you mean 'probe'?"),
        (["evaluate", "--model", "local-dir:/nowhere"], "/nowhere is no export and no run folder"),
        (["finetune", "--objective", "majorty"], "unknown objective 'majorty'; did you mean 'majority'?"),
        (["pretrian"], "unknown command 'pretrian'; did you mean 'pretrain'?"),
        (["list", "model"], "unknown list 'model'; did you mean 'models'?"),
    ],
)
def test_configuration(words, expected, capsys):
    assert expected in fails(capsys, *words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--dataset", "ferplos"], "unknown dataset 'ferplos'; did you mean 'ferplus'?"),
        (["--dataset", "ferplus", "--dataset_args", "{}"], "dataset 'ferplus' needs root="),
        (
            ["--dataset", "imagefolder", "--root", "/nowhere", "--dataset_args", "{}"],
            "no such folder or file for dataset 'imagefolder'",
        ),
        (["--dataset_args", '{"cout": 3}'], "dataset 'synthetic-faces' does not take this option"),
        (["--optimizer", "adamw", "--lr", "0.9"], "lr 0.9 is of LARS size"),
        (["--batch_size", "1"], "a batch of 1"),
        (["--batch_size", "128"], "64 images do not fill one batch of 128"),
    ],
)
def test_runs(words, expected, capsys, tmp_path):
    assert expected in fails(capsys, "pretrain", *TINY, *words, "--output", str(tmp_path / "run"))


def test_yaml_key(capsys, tmp_path):
    (tmp_path / "c.yaml").write_text("epochs: 2\nbatchsize: 4\n")
    assert "unknown key 'batchsize'; did you mean 'batch_size'?" in fails(
        capsys, "pretrain", "--config", str(tmp_path / "c.yaml")
    )


def test_empty_folder(capsys, tmp_path):
    message = fails(
        capsys, "pretrain", *TINY, "--dataset", "imagefolder", "--root", str(tmp_path), "--dataset_args", "{}"
    )
    assert "dataset 'imagefolder' is empty: no image" in message


def test_nan_stops_with_step_and_samples(capsys, tmp_path, monkeypatch):
    from fra_zoo.methods.byol import BYOL

    forward, calls = BYOL.forward, []

    def broken(self, batch):
        out = forward(self, batch)
        calls.append(1)
        return out | {"loss": out["loss"] * torch.tensor(float("nan"))} if len(calls) == 3 else out

    monkeypatch.setattr(BYOL, "forward", broken)
    words = [*TINY, "--method", "byol", "--save_steps", "2", "--log_every", "4", "--output", str(tmp_path / "run")]
    message = fails(capsys, "pretrain", *words)
    assert "the loss is not finite at step 2; last good checkpoint:" in message
    assert "step-00000002; sample indices of the batch: [" in message


def test_a_launch_that_splits_the_weights_is_refused():
    for how in (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU):
        check_launch(how)
    with pytest.raises(FraZooError, match=r"launched with FSDP, but .* --shard true"):
        check_launch(DistributedType.FSDP)
