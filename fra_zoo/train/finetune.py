"""Supervised training on expressions, from a configuration to a run folder with `results.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from accelerate.utils import set_seed
from safetensors.torch import save_file

from fra_zoo import plot
from fra_zoo.config import json_option, parse, read_words
from fra_zoo.data import FaceData
from fra_zoo.data.loading import FaceLoader, Faces
from fra_zoo.errors import FraZooError
from fra_zoo.evaluate.fer import predict
from fra_zoo.evaluate.metrics import classification_metrics, confusion_matrix
from fra_zoo.fer import create_objective
from fra_zoo.fer.base import OBJECTIVES, Objective
from fra_zoo.hub import export_model
from fra_zoo.models import create_model
from fra_zoo.models.build import fixed_size
from fra_zoo.train.config import FinetuneConfig
from fra_zoo.train.loop import Trainer
from fra_zoo.train.plan import make_plan, micro_batch
from fra_zoo.train.run_folder import RunFolder
from fra_zoo.train.setup import load_data, make_accelerator, make_loader, make_ready, start_trackers, versions
from fra_zoo.weights import load_into, read_safetensors

BEST = "best.safetensors"
_PANELS = [
    ("loss", ["loss"]),
    ("accuracy", ["train_accuracy", "accuracy", "mean_class_accuracy"]),
    ("calibration", ["ece"]),
]


def finetune(argv: Sequence[str]) -> RunFolder:
    """Train as the words say; see `FinetuneConfig`. Chooses the epoch on `valid`, looks at `test` once, at the end."""
    (config,) = parse([FinetuneConfig], read_words(argv))
    recipe = OBJECTIVES.get(config.objective).recipe
    accelerator = make_accelerator(config)
    set_seed(config.seed)
    splits = {split: load_data(config, split).labelled() for split in ("train", "valid", "test")}
    labels = splits["train"].labels
    assert labels is not None
    model = build_classifier(config, len(labels))
    task = create_objective(
        config.objective, model, image_size=config.image_size, linear=config.linear, decay_all=config.decay_all
    )
    micro = micro_batch(config, recipe, accelerator.num_processes)
    loader = make_loader(splits["train"], config, micro, accelerator, balance=config.balance)
    plan = make_plan(config, recipe, loader.steps_per_epoch)
    ready, optimizer = make_ready(task, config, plan)
    resolved = {**asdict(config), "batch_size": plan.batch_size, "optimizer": plan.optimizer, "lr": plan.lr}
    resolved |= {
        "weight_decay": plan.weight_decay,
        "epochs": plan.total_steps // plan.steps_per_epoch,
        "versions": versions(),
    }
    run = RunFolder(config.output)
    checkpoint = run.open(resolved, config.resume) if accelerator.is_main_process else run.latest()
    accelerator.wait_for_everyone()
    start_trackers(accelerator, config, resolved)
    judge = Judge(run, splits["valid"], config, accelerator.device)
    trainer = Trainer(ready, optimizer, loader, plan, run, accelerator, judge)
    judge.state = trainer.state
    if checkpoint is not None:
        trainer.resume(checkpoint)
        judge.state = trainer.state
    if trainer.fit() and accelerator.is_main_process:
        finish(task, judge, splits["test"], config)
    accelerator.end_training()
    return run


def build_classifier(config: FinetuneConfig, classes: int) -> Any:
    """The model with a fresh classifier, N(0, 0.01) and bias 0."""
    options = json_option("model_args", config.model_args)
    if ":" not in config.model and fixed_size(config.model):
        options.setdefault("img_size", config.image_size)
    model: Any = create_model(config.model, config.pretrained, num_classes=classes, **options)
    classifier = model.get_classifier()
    if not isinstance(classifier, torch.nn.Linear):
        raise FraZooError(
            f"model '{config.model}' has no plain linear classifier ({type(classifier).__name__}); choose another"
        )
    torch.nn.init.normal_(classifier.weight, std=0.01)
    torch.nn.init.zeros_(classifier.bias)
    return model


class Judge:
    """Measures each epoch on `valid` and keeps the weights of the best; never sees `test`."""

    def __init__(self, run: RunFolder, valid: FaceData, config: FinetuneConfig, device: torch.device) -> None:
        self.run, self.device = run, device
        self.size = config.load_size or config.image_size
        self.valid = self.loader(valid)
        self.state: dict[str, Any] = {}

    def loader(self, data: FaceData) -> FaceLoader:
        """All faces of a split, in order."""
        return FaceLoader(Faces(data, self.size), 256, shuffle=False, cache="ram")

    def __call__(self, task: Any, epoch: int) -> dict[str, float]:
        if epoch == 0:
            return {}
        numbers = classification_metrics(*predict(task.probabilities, self.valid, task.views[0], self.device))
        if numbers["accuracy"] > self.state.get("best_accuracy", -1.0):
            self.state |= {"best_accuracy": numbers["accuracy"], "best_epoch": epoch}
            state = {name: value.detach().cpu().contiguous() for name, value in task.model.state_dict().items()}
            save_file(state, self.run.path / BEST)
        return numbers


def finish(task: Objective, judge: Judge, test: FaceData, config: FinetuneConfig) -> None:
    """Measure the last epoch's and the chosen epoch's weights on `test`; export the chosen ones."""
    labels = test.labels
    assert labels is not None
    run, view, loader = judge.run, task.views[0], judge.loader(test)
    results: dict[str, Any] = {
        "dataset": config.dataset,
        "classes": list(labels.classes),
        "selected_epoch": judge.state["best_epoch"],
        "faces": {"valid": len(judge.valid.faces), "test": len(test)},
    }
    for name in ("last", "selected"):
        if name == "selected":
            load_into(task.model, read_safetensors(run.path / BEST), str(run.path / BEST))
        task.eval()
        for split, where in (("valid", judge.valid), ("test", loader)):
            p, y = predict(task.probabilities, where, view, judge.device)
            results[f"{name}_{split}"] = classification_metrics(p, y)
            if name == "selected":
                results[f"confusion_{split}"] = confusion_matrix(p.argmax(1), y, len(labels)).tolist()
    (run.path / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    title = f"{config.dataset} test, {results['selected_test']['accuracy']:.1%}"
    plot.confusion(results["confusion_test"], labels.classes, title, run.path / "confusion.png")
    plot.curves(run.rows(), _PANELS, run.path / "curves.png")
    export_model(task.backbone, run.export, view=view.clean(), labels=labels, license=test.license)
    print(_report(results))


def _report(results: dict[str, Any]) -> str:
    lines = [f"epoch {results['selected_epoch']} was chosen on valid"]
    for name in ("selected", "last"):
        numbers = ", ".join(f"{key} {value:.4f}" for key, value in results[f"{name}_test"].items())
        lines.append(f"test, {name} epoch: {numbers}")
    return "\n".join(lines)
