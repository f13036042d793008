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

    output: str = option(
        "runs/run", "run folder to write; it is made if it does not exist", private=True, may_change=True
    )
    dataset: DatasetConfig = section(DatasetConfig)
    optim: OptimConfig = section(OptimConfig)
    image_size: int = option(64, "side of the images that the network sees, in pixels", SIDE)
    load_size: int | None = option(
        None, "side that images are decoded and cached at, in pixels; by default image_size", SIDE
    )
    seed: int = option(0, "seed of the first weights, the order of the faces and the augmentations", SEED)
    precision: str = option(
        "auto",
        "precision of the computation; auto is bf16 where the hardware computes in it, else fp32",
        choices=("auto", "bf16", "fp16", "fp32"),
    )
    threads: int | None = option(
        None,
        "number of CPU threads of each process; by default the cores are shared among the processes",
        COUNT,
        may_change=True,
    )
    compile: bool = option(False, "compile the training step with torch.compile")
    gradient_checkpointing: bool = option(
        False,
        "save memory and take longer: keep only the input of each block and compute the block again for the gradient",
    )
    sync_batchnorm: bool = option(False, "compute the statistics of batch norms over all processes together")
    workers: int = option(
        0,
        "number of processes that decode images while nothing is cached; with --streaming, number of threads",
        WORKERS,
        may_change=True,
    )
    cache: str = option(
        "none",
        "where decoded images are kept: nowhere, in the memory of each process, on disk (one file for all processes "
        "and later runs of a machine), or on the GPU",
        choices=CACHES,
        may_change=True,
    )
    streaming: bool = option(
        False, "read shards one after the other, from disk, a web server or the Hub, instead of all faces at random"
    )
    steps_per_epoch: int | None = option(None, "number of steps in an epoch, needed with --streaming", COUNT)
    shard_seconds: float = option(
        120.0, "seconds after which an attempt to read a shard is given up", POSITIVE, may_change=True
    )
    process_seconds: float = option(
        1800.0, "seconds to wait for a process that does not start or does not answer", POSITIVE, may_change=True
    )
    bad_images_limit: float = option(
        0.01, "stop the run if more than this share of the images cannot be read", PROBABILITY, may_change=True
    )
    resume: str = option(
        "never",
        "auto goes on from the newest checkpoint in the run folder; never starts a new run and refuses a used folder",
        choices=("auto", "never"),
        may_change=True,
    )
    save_every: int = option(1, "number of epochs between two checkpoints", COUNT, may_change=True)
    save_steps: int | None = option(
        None, "number of steps between two checkpoints, in addition to those of epochs", COUNT, may_change=True
    )
    keep: int = option(2, "number of newest checkpoints to keep", COUNT, may_change=True)
    evaluate_every: int | None = option(
        None,
        "number of epochs between two evaluations; by default 1; 0 evaluates only before and after the run",
        at_least=0,
        may_change=True,
    )
    log_every: int = option(10, "number of steps between two lines of metrics", COUNT, may_change=True)
    tracker: str = option(
        "tensorboard", "where Accelerate reports metrics: tensorboard, wandb and others, or none", may_change=True
    )

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
        "folder or an export, or a file in any layout that `fra-zoo convert` reads; by default random weights",
        named=True,
        may_change=True,
    )
    shard: bool = option(
        False,
        "split weights, gradients and optimizer state over the processes (FSDP2), for a network too large for one",
        may_change=True,
    )
    probe_dataset: str | None = option(
        None, "labelled dataset that linear probe and kNN measure on; by default the training dataset"
    )
    probe_root: str | None = option(
        None, "folder of probe_dataset; by default that of the training dataset", private=True, may_change=True
    )
    probe_images: int = option(
        2000,
        "number of faces of each split that linear probe and kNN read; 0 measures neither",
        at_least=0,
        may_change=True,
    )

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
        "strict chooses the epoch on valid and looks at test once; fra chooses it on test, as FRA was published",
        choices=("strict", "fra"),
    )
    sampling: str = option(
        "auto",
        "how faces are drawn: plain (each once an epoch), balanced (each class equally often), class_batches (all "
        "classes equally often in each batch), or auto, the objective's own way",
        choices=("auto", "plain", "balanced", "class_batches"),
    )
    luminance: str = option(
        "auto",
        "whether the classifier reads luminance alone, so that a colour photo is answered as its gray version: auto "
        "(where the training faces are gray), always or never",
        choices=("auto", "always", "never"),
    )
    face_margin: float = option(
        0.0, "space that a predictor leaves around a face, as a share of its side; only exported", MARGIN
    )
    align: bool = option(True, "whether a predictor turns faces upright; only exported")
    label_fraction: float = option(1.0, "share of the labelled faces to train on, the same share of each class", SHARE)
    flip_average: bool = option(
        False, "answer with the mean over a face and its mirror image, in evaluation and in the export"
    )
    calibrate: bool = option(False, "scale the logits of the chosen classifier by the temperature that fits valid best")

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
