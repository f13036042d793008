"""What a training run can be told; the defaults that depend on the task come from its recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from fra_zoo.config import json_option
from fra_zoo.errors import FraZooError, nearest


def _help(text: str, default: Any) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass
class TrainConfig:
    """Options of every run."""

    output: str = _help("run folder; made if it is not there", "runs/run")
    dataset: str = _help("registered dataset", "synthetic-faces")
    root: Optional[str] = _help("folder, file or Hub name of the dataset", None)
    dataset_args: str = _help("options of the dataset, as JSON", "{}")
    image_size: int = _help("side of a view, pixels", 64)
    load_size: Optional[int] = _help("side to decode to, pixels; default image_size", None)
    seed: int = _help("of weights, order and augmentation", 0)
    epochs: Optional[int] = _help("default: the recipe's", None)
    max_steps: Optional[int] = _help("stop after this many steps, schedules unchanged", None)
    batch_size: Optional[int] = _help("over all processes; default: the recipe's", None)
    accumulate: int = _help("micro-batches in a step", 1)
    optimizer: Optional[str] = _help("lars, adamw, adam or sgd; default: the recipe's", None)
    schedule: Optional[str] = _help("cosine: to the end, instead of the recipe's stairs or floor", None)
    lr: Optional[float] = _help("peak learning rate; default: the recipe's, scaled by batch_size / 256", None)
    weight_decay: Optional[float] = _help("default: the recipe's", None)
    warmup_epochs: Optional[float] = _help("default: the recipe's, at most a tenth of the run", None)
    precision: str = _help("auto (bf16 where the hardware has it), bf16, fp16 or fp32", "auto")
    threads: Optional[int] = _help("CPU threads of each process; default: all cores, shared among the processes", None)
    compile: bool = _help("torch.compile the task", False)
    join_batch_norm: bool = _help("batch norm over all processes", False)
    workers: int = _help("decoding processes (streaming: threads), when nothing is cached", 0)
    cache: str = _help("none, ram or device: where decoded images are kept", "none")
    streaming: bool = _help("read shards as they come, from disk, a web server or the Hub", False)
    steps_per_epoch: Optional[int] = _help("length of an epoch when streaming", None)
    shard_seconds: float = _help("after which a try to read a shard is given up", 120.0)
    bad_images_limit: float = _help("share of unreadable images that stops the run", 0.01)
    resume: str = _help("auto continues the run in output, never starts anew and refuses a used folder", "never")
    save_every: int = _help("epochs between checkpoints", 1)
    save_steps: Optional[int] = _help("steps between checkpoints, besides the epochs'", None)
    keep: int = _help("checkpoints to keep", 2)
    evaluate_every: Optional[int] = _help("epochs between evaluations; 0 is only at both ends; default 1", None)
    log_every: int = _help("steps between log lines", 10)
    tracker: str = _help("tensorboard, wandb, … or none, through Accelerate", "tensorboard")

    def __post_init__(self) -> None:
        if self.schedule is not None:
            _one_of("schedule", self.schedule, ("cosine",))
        _one_of("precision", self.precision, ("auto", "bf16", "fp16", "fp32"))
        _one_of("resume", self.resume, ("auto", "never"))
        _one_of("cache", self.cache, ("none", "ram", "device"))
        for name in ("image_size", "accumulate", "save_every", "keep", "log_every"):
            _positive(name, getattr(self, name))
        for name in ("epochs", "batch_size", "max_steps", "load_size", "steps_per_epoch", "save_steps", "threads"):
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

    method: str = _help("registered method", "fra")
    preset: Optional[str] = _help("a named set of the method's options, such as official", None)
    backbone: str = _help("any timm or zoo name", "resnet18")
    backbone_args: str = _help("options of the backbone, as JSON", "{}")
    probe_dataset: Optional[str] = _help("labelled dataset for probe and kNN; default: dataset", None)
    probe_root: Optional[str] = _help("its root; default: root", None)
    probe_images: int = _help("faces of each split in probe and kNN; 0 is none", 2000)

    def __post_init__(self) -> None:
        super().__post_init__()
        json_option("backbone_args", self.backbone_args)


@dataclass
class FinetuneConfig(TrainConfig):
    """Options of supervised training on expressions."""

    model: str = _help("zoo or timm name, or local-dir:FOLDER of a run or export", "resnet18")
    pretrained: bool = _help("start from the published weights of a name", False)
    model_args: str = _help("options of the model, as JSON", "{}")
    objective: str = _help("registered objective", "majority")
    linear: bool = _help("train the classifier alone", False)
    protocol: str = _help("strict (choose on valid, look at test once) or fra (as published, choose on test)", "strict")
    augmentation: Optional[str] = _help("ferplus, fra or dmue; default: the objective's", None)
    sampling: str = _help("plain, balanced, class_batches; auto is the objective's", "auto")
    face_margin: float = _help("exported: room a predictor leaves around a found face, share of its side", 0.0)
    align: bool = _help("exported: whether a predictor turns faces upright", False)
    label_fraction: float = _help("share of the labelled faces to train on, the same of each class", 1.0)
    decay_all: bool = _help("weight decay on norms and biases too (FRA protocol)", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        json_option("model_args", self.model_args)
        _one_of("protocol", self.protocol, ("strict", "fra"))
        _one_of("sampling", self.sampling, ("auto", "plain", "balanced", "class_batches"))
        if not 0.0 < self.label_fraction <= 1.0:
            raise FraZooError(f"config: label_fraction {self.label_fraction:g} is not above 0 and at most 1")


@dataclass
class EvaluateConfig:
    """Options of the evaluation of a model."""

    model: str = _help("zoo or timm name, or local-dir:FOLDER of a run or export", "resnet18")
    pretrained: bool = _help("load the published weights of a name", False)
    model_args: str = _help("options of the model, as JSON", "{}")
    evaluators: str = _help(
        "names, with commas between: probe, knn, fer, verification, regions, landmarks, zero_shot", "probe,knn"
    )
    dataset: str = _help("registered dataset", "synthetic-faces")
    root: Optional[str] = _help("folder, file or Hub name of the dataset", None)
    dataset_args: str = _help("options of the dataset, as JSON", "{}")
    test: bool = _help("probe and knn: look at the test split as well", False)
    pairs: Optional[str] = _help("verification: a file like LFW's pairs.txt, where the dataset brings no pairs", None)
    landmarks: Optional[str] = _help("landmarks: a table of points by recipes/landmarks.py", None)
    center_crop: float = _help("share of the side that is kept around the centre", 1.0)
    image_size: Optional[int] = _help("side in pixels; default: the model's", None)
    load_size: Optional[int] = _help("side to decode to, pixels; default: the model's", None)
    seed: int = _help("of a fresh model", 0)
    threads: Optional[int] = _help("CPU threads; default: all cores", None)
    output: Optional[str] = _help("file for the numbers (JSON)", None)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise FraZooError(f"config: {name} '{value}' is unknown; {nearest(value, known)}")


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise FraZooError(f"config: {name} must be at least 1, got {value}")
