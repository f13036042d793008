"""What a training run can be told; the defaults that depend on the task come from its recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from fra_zoo.config import json_option
from fra_zoo.errors import FraZooError, nearest


def _help(text: str, default: object) -> object:
    return field(default=default, metadata={"help": text})  # type: ignore[arg-type]


@dataclass
class TrainConfig:
    """Options of every run."""

    output: str = _help("run folder; made if it is not there", "runs/run")  # type: ignore[assignment]
    dataset: str = _help("registered dataset", "synthetic-faces")  # type: ignore[assignment]
    root: Optional[str] = _help("folder, file or Hub name of the dataset", None)  # type: ignore[assignment]
    dataset_args: str = _help("options of the dataset, as JSON", "{}")  # type: ignore[assignment]
    image_size: int = _help("side of a view, pixels", 64)  # type: ignore[assignment]
    load_size: Optional[int] = _help("side to decode to, pixels; default image_size", None)  # type: ignore[assignment]
    seed: int = _help("of weights, order and augmentation", 0)  # type: ignore[assignment]
    epochs: Optional[int] = _help("default: the recipe's", None)  # type: ignore[assignment]
    max_steps: Optional[int] = _help("stop after this many steps, schedules unchanged", None)  # type: ignore[assignment]
    batch_size: Optional[int] = _help("over all processes; default: the recipe's", None)  # type: ignore[assignment]
    accumulate: int = _help("micro-batches in a step", 1)  # type: ignore[assignment]
    optimizer: Optional[str] = _help("lars, adamw or sgd; default: the recipe's", None)  # type: ignore[assignment]
    lr: Optional[float] = _help("peak learning rate; default: the recipe's, scaled by batch_size / 256", None)  # type: ignore[assignment]
    weight_decay: Optional[float] = _help("default: the recipe's", None)  # type: ignore[assignment]
    warmup_epochs: Optional[float] = _help("default: the recipe's, at most a tenth of the run", None)  # type: ignore[assignment]
    precision: str = _help("auto (bf16 where the hardware has it), bf16, fp16 or fp32", "auto")  # type: ignore[assignment]
    compile: bool = _help("torch.compile the task", False)  # type: ignore[assignment]
    join_batch_norm: bool = _help("batch norm over all processes", False)  # type: ignore[assignment]
    workers: int = _help("decoding processes, when nothing is cached", 0)  # type: ignore[assignment]
    cache: str = _help("none, ram or device: where decoded images are kept", "none")  # type: ignore[assignment]
    streaming: bool = _help("read rows as they come", False)  # type: ignore[assignment]
    steps_per_epoch: Optional[int] = _help("length of an epoch when streaming", None)  # type: ignore[assignment]
    bad_images_limit: float = _help("share of unreadable images that stops the run", 0.01)  # type: ignore[assignment]
    resume: str = _help("auto continues the run in output, never starts anew and refuses a used folder", "never")  # type: ignore[assignment]
    save_every: int = _help("epochs between checkpoints", 1)  # type: ignore[assignment]
    save_steps: Optional[int] = _help("steps between checkpoints, besides the epochs'", None)  # type: ignore[assignment]
    keep: int = _help("checkpoints to keep", 2)  # type: ignore[assignment]
    evaluate_every: int = _help("epochs between evaluations; 0 is only at both ends", 1)  # type: ignore[assignment]
    log_every: int = _help("steps between log lines", 10)  # type: ignore[assignment]
    tracker: str = _help("tensorboard, wandb, … or none, through Accelerate", "tensorboard")  # type: ignore[assignment]

    def __post_init__(self) -> None:
        _one_of("precision", self.precision, ("auto", "bf16", "fp16", "fp32"))
        _one_of("resume", self.resume, ("auto", "never"))
        _one_of("cache", self.cache, ("none", "ram", "device"))
        for name in ("image_size", "accumulate", "save_every", "keep", "log_every"):
            _positive(name, getattr(self, name))
        for name in ("epochs", "batch_size", "max_steps", "load_size", "steps_per_epoch", "save_steps"):
            if getattr(self, name) is not None:
                _positive(name, getattr(self, name))
        json_option("dataset_args", self.dataset_args)
        if self.streaming and self.cache != "none":
            raise FraZooError("config: streaming and cache exclude each other; leave cache at none")
        if self.streaming and self.steps_per_epoch is None:
            raise FraZooError("config: streaming needs steps_per_epoch, since a stream does not know its length")


@dataclass
class PretrainConfig(TrainConfig):
    """Options of self-supervised pre-training; the method's own options stand beside them."""

    method: str = _help("registered method", "fra")  # type: ignore[assignment]
    preset: Optional[str] = _help("a named set of the method's options, such as official", None)  # type: ignore[assignment]
    backbone: str = _help("any timm or zoo name", "resnet18")  # type: ignore[assignment]
    backbone_args: str = _help("options of the backbone, as JSON", "{}")  # type: ignore[assignment]
    probe_dataset: Optional[str] = _help("labelled dataset for probe and kNN; default: dataset", None)  # type: ignore[assignment]
    probe_root: Optional[str] = _help("its root; default: root", None)  # type: ignore[assignment]
    probe_images: int = _help("faces of each split in probe and kNN; 0 is none", 2000)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        json_option("backbone_args", self.backbone_args)


@dataclass
class FinetuneConfig(TrainConfig):
    """Options of supervised training on expressions."""

    model: str = _help("zoo or timm name, or local-dir:FOLDER of a run or export", "resnet18")  # type: ignore[assignment]
    pretrained: bool = _help("start from the published weights of a name", False)  # type: ignore[assignment]
    model_args: str = _help("options of the model, as JSON", "{}")  # type: ignore[assignment]
    objective: str = _help("registered objective", "majority")  # type: ignore[assignment]
    linear: bool = _help("train the classifier alone", False)  # type: ignore[assignment]
    balance: bool = _help("draw every class alike", False)  # type: ignore[assignment]
    decay_all: bool = _help("weight decay on norms and biases too (FRA protocol)", False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        json_option("model_args", self.model_args)


@dataclass
class EvaluateConfig:
    """Options of the evaluation of a model."""

    model: str = _help("zoo or timm name, or local-dir:FOLDER of a run or export", "resnet18")  # type: ignore[assignment]
    pretrained: bool = _help("load the published weights of a name", False)  # type: ignore[assignment]
    model_args: str = _help("options of the model, as JSON", "{}")  # type: ignore[assignment]
    evaluators: str = _help("names, with commas between: probe, knn, fer, verification, regions", "probe,knn")  # type: ignore[assignment]
    dataset: str = _help("registered dataset", "synthetic-faces")  # type: ignore[assignment]
    root: Optional[str] = _help("folder, file or Hub name of the dataset", None)  # type: ignore[assignment]
    dataset_args: str = _help("options of the dataset, as JSON", "{}")  # type: ignore[assignment]
    test: bool = _help("probe and knn: look at the test split as well", False)  # type: ignore[assignment]
    pairs: Optional[str] = _help("verification: LFW's pairs.txt", None)  # type: ignore[assignment]
    center_crop: float = _help("share of the side that is kept around the centre", 1.0)  # type: ignore[assignment]
    image_size: Optional[int] = _help("side in pixels; default: the model's", None)  # type: ignore[assignment]
    seed: int = _help("of a fresh model", 0)  # type: ignore[assignment]
    output: Optional[str] = _help("file for the numbers (JSON)", None)  # type: ignore[assignment]


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise FraZooError(f"config: {name} '{value}' is unknown; {nearest(value, known)}")


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise FraZooError(f"config: {name} must be at least 1, got {value}")
