"""What a training run can be told; the defaults that depend on the task come from its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fra_zoo.config.fields import COUNT, MARGIN, POSITIVE, PROBABILITY, SEED, SHARE, SIDE, WORKERS, Options, option
from fra_zoo.config.optim import OptimConfig
from fra_zoo.config.sections import section
from fra_zoo.data.dataset_config import DatasetConfig
from fra_zoo.data.loading import CACHES, Cache
from fra_zoo.errors import FraZooError
from fra_zoo.fer.objective import OBJECTIVES
from fra_zoo.fer.objective_config import ObjectiveChoice
from fra_zoo.fer.tuning import Tuning
from fra_zoo.io.paths import user_path
from fra_zoo.methods.parts.method import METHODS
from fra_zoo.methods.parts.method_config import MethodChoice
from fra_zoo.models.model_config import BackboneConfig, ModelConfig


@dataclass
class TrainConfig(Options):
    """Options of every run."""

    output: str = option("runs/run", "run folder; made if it is not there", private=True, may_change=True)
    dataset: DatasetConfig = section(DatasetConfig)
    optim: OptimConfig = section(OptimConfig)
    image_size: int = option(64, "side of a view, pixels", SIDE)
    load_size: int | None = option(None, "side to decode to, pixels; default image_size", SIDE)
    seed: int = option(0, "of weights, order and augmentation", SEED)
    precision: str = option(
        "auto", "auto (bf16 where the hardware has it), bf16, fp16 or fp32", choices=("auto", "bf16", "fp16", "fp32")
    )
    threads: int | None = option(
        None, "CPU threads of each process; default: all cores, shared among the processes", COUNT, may_change=True
    )
    compile: bool = option(False, "torch.compile the task")
    gradient_checkpointing: bool = option(
        False, "keep each block's input alone and compute the block again going back: less memory, slower"
    )
    sync_batchnorm: bool = option(False, "batch norm over all processes")
    workers: int = option(
        0, "decoding processes (streaming: threads), when nothing is cached", WORKERS, may_change=True
    )
    cache: str = option(
        "none",
        "where decoded images are kept: none, ram (of each process), disk (once a machine, for later runs too), device",
        choices=CACHES,
        may_change=True,
    )
    streaming: bool = option(False, "read shards as they come, from disk, a web server or the Hub")
    steps_per_epoch: int | None = option(None, "length of an epoch when streaming", COUNT)
    shard_seconds: float = option(120.0, "after which a try to read a shard is given up", POSITIVE, may_change=True)
    process_seconds: float = option(
        1800.0, "after which a process that does not come or does not answer is given up", POSITIVE, may_change=True
    )
    bad_images_limit: float = option(
        0.01, "share of unreadable images that stops the run", PROBABILITY, may_change=True
    )
    resume: str = option(
        "never",
        "auto continues the run in output, never starts again and refuses a used folder",
        choices=("auto", "never"),
        may_change=True,
    )
    save_every: int = option(1, "epochs between checkpoints", COUNT, may_change=True)
    save_steps: int | None = option(None, "steps between checkpoints, besides the epochs'", COUNT, may_change=True)
    keep: int = option(2, "checkpoints to keep", COUNT, may_change=True)
    evaluate_every: int | None = option(
        None, "epochs between evaluations; 0 is only at both ends; default 1", at_least=0, may_change=True
    )
    log_every: int = option(10, "steps between log lines", COUNT, may_change=True)
    tracker: str = option("tensorboard", "tensorboard, wandb, … or none, through Accelerate", may_change=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.output = str(user_path(self.output, "output"))
        if self.gradient_checkpointing and self.compile:
            raise FraZooError(
                "config: gradient_checkpointing and compile exclude each other, since compiling decides by itself what "
                "to keep; leave one of them out"
            )
        if self.streaming and self.cache != "none":
            raise FraZooError("config: streaming and cache exclude each other; leave cache at none")
        if self.streaming and self.steps_per_epoch is None:
            raise FraZooError("config: streaming needs steps_per_epoch, since a stream does not know its length")

    @property
    def evaluation_cache(self) -> Cache:
        """Where the faces of the evaluations between epochs are held: in a file where those of training are."""
        return "disk" if self.cache in ("disk", "device") else "ram"


@dataclass
class PretrainConfig(TrainConfig):
    """Self-supervised pre-training of a backbone on faces."""

    method: MethodChoice = section(MethodChoice)
    backbone: BackboneConfig = section(BackboneConfig)
    init: str | None = option(
        None,
        "weights that the backbone starts from: a timm or zoo name (with a tag or without), hf-hub:ORG/NAME, a run "
        "folder or an export, or a file in any layout that fra-zoo convert reads; by default random weights. A resumed "
        "run does not read it again",
        named=True,
        may_change=True,
    )
    shard: bool = option(
        False, "split weights, gradients and moments over the processes, for nets too large for one", may_change=True
    )
    probe_dataset: str | None = option(None, "labelled dataset for probe and kNN; default: dataset")
    probe_root: str | None = option(None, "its root; default: root", private=True, may_change=True)
    probe_images: int = option(2000, "faces of each split in probe and kNN; 0 is none", at_least=0, may_change=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.probe_images == 1:
            raise FraZooError("config: probe_images must be 0 (no probe) or at least 2, got 1")
        if self.shard and self.compile:
            raise FraZooError("config: shard and compile exclude each other; leave one of them out")
        if self.shard and self.precision == "fp16":
            raise FraZooError("config: shard does not scale losses as fp16 needs it; give --precision bf16")

    @classmethod
    def defaults(cls, chosen: Mapping[str, str]) -> dict[str, Any]:
        return {"optim": METHODS.get(chosen["method"]).optim}


@dataclass
class FinetuneConfig(Tuning, TrainConfig):
    """Supervised training on expressions."""

    model: ModelConfig = section(ModelConfig)
    objective: ObjectiveChoice = section(ObjectiveChoice)
    protocol: str = option(
        "strict",
        "strict (choose on valid, look at test once) or fra (as published, choose on test)",
        choices=("strict", "fra"),
    )
    sampling: str = option(
        "auto",
        "plain, balanced, class_batches; auto is the objective's",
        choices=("auto", "plain", "balanced", "class_batches"),
    )
    face_margin: float = option(0.0, "exported: room a predictor leaves around a found face, share of its side", MARGIN)
    align: bool = option(True, "exported: whether a predictor turns faces upright")
    label_fraction: float = option(1.0, "share of the labelled faces to train on, the same of each class", SHARE)
    flip_average: bool = option(False, "measured and exported: the mean answer for a face and its mirror image")
    calibrate: bool = option(False, "divide the chosen classifier by the temperature that fits valid best")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.calibrate and self.protocol == "fra":
            raise FraZooError("config: the fra protocol has no valid to calibrate on; give --protocol strict")
        if self.streaming:
            raise FraZooError(
                "config: fine-tuning reads its faces in any order and does not stream; leave streaming out"
            )

    @classmethod
    def defaults(cls, chosen: Mapping[str, str]) -> dict[str, Any]:
        return {"optim": OBJECTIVES.get(chosen["objective"]).optim}
