"""What every run builds before its loop: the accelerator, the data, the optimizer, the resolved configuration."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import (
    DistributedDataParallelKwargs,
    DistributedType,
    GradientAccumulationPlugin,
    InitProcessGroupKwargs,
    ProjectConfiguration,
    TorchDynamoPlugin,
)

from fra_zoo.data import FaceData
from fra_zoo.data.loading import FaceLoader, Faces
from fra_zoo.data.problems import check_missing, say_problems
from fra_zoo.data.stream.streaming import ShardLoader
from fra_zoo.errors import FraZooError
from fra_zoo.io.paths import user_path
from fra_zoo.layers.norm import gather_batch_norms
from fra_zoo.runtime.cpu import use_cpu
from fra_zoo.runtime.devices import bf16_here
from fra_zoo.task import Task
from fra_zoo.train.config import TrainConfig
from fra_zoo.train.fsdp import shard
from fra_zoo.train.optimizers import build_optimizer
from fra_zoo.train.plan import Plan
from fra_zoo.train.processes import joined_within


def make_accelerator(config: TrainConfig) -> Accelerator:
    """Precision, compilation, threads, trackers and DDP settings; batch norm buffers stay each process's own."""
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    output = str(user_path(config.output, "output"))
    AcceleratorState._reset_state()  # Accelerate keeps the first run's precision and compilation for all of a process
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if bf16_here(kind) else "fp32"
    with joined_within(config.process_seconds):
        accelerator = Accelerator(
            mixed_precision="no" if precision == "fp32" else precision,
            log_with=None if config.tracker == "none" else config.tracker,
            project_config=ProjectConfiguration(project_dir=output, logging_dir=output),
            # The loop accumulates by itself; a launcher's setting would divide the loss a second time.
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
            dynamo_plugin=TorchDynamoPlugin(backend="inductor") if config.compile else None,  # pyright: ignore[reportArgumentType]
            kwargs_handlers=[
                DistributedDataParallelKwargs(broadcast_buffers=False, gradient_as_bucket_view=True),
                InitProcessGroupKwargs(timeout=timedelta(seconds=config.process_seconds)),
            ],
        )
    check_launch(accelerator.distributed_type)
    use_cpu(config.threads)
    if kind == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    return accelerator


def check_launch(how: DistributedType) -> None:
    """Raise `FraZooError` for a launcher that splits the weights by its own rules."""
    if how in (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM):
        raise FraZooError(
            f"launched with {how.value}, but here a run splits its weights by itself; launch with DDP "
            "(recipes/launch/eight_gpus.yaml or nodes_ddp.yaml), and pre-train with --shard true what is too large so"
        )


def load_data(config: TrainConfig, split: str) -> FaceData:
    """A split of the run's dataset; what is wrong with it is said, and too many missing images stop the run."""
    data = config.dataset.load(split, streaming=config.streaming)
    say_problems(data)
    check_missing(data, config.bad_images_limit)
    return data


def make_loader(
    data: FaceData, config: TrainConfig, batch_size: int, accelerator: Accelerator, *, sampling: str = "plain"
) -> FaceLoader | ShardLoader:
    """Training batches of this process; with `cache: disk` one process of each machine decodes, and the others wait."""
    size = config.load_size or config.image_size
    rank, world = accelerator.process_index, accelerator.num_processes
    if data.streaming:
        assert config.steps_per_epoch is not None
        return ShardLoader(
            data,
            size,
            batch_size,
            config.steps_per_epoch * config.optim.gradient_accumulation_steps,
            rank=rank,
            world=world,
            seed=config.seed,
            workers=config.workers,
            shard_seconds=config.shard_seconds,
            bad_limit=config.bad_images_limit,
        )
    return FaceLoader(
        Faces(data, size),
        batch_size,
        rank=rank,
        world=world,
        seed=config.seed,
        sampling=sampling,  # type: ignore[arg-type]
        workers=config.workers,
        cache=config.cache,  # type: ignore[arg-type]
        device=accelerator.device,
        bad_limit=config.bad_images_limit,
    )


def build_optimizer_and_task(
    task: Task, config: TrainConfig, plan: Plan, device: torch.device | None = None
) -> tuple[Task, torch.optim.Optimizer]:
    """Memory layout, joined norms, and the optimizer over the task's groups.

    Args:
        device: that the task is split over, here and on the other processes; by default it is not split.
    """
    if config.sync_batchnorm:
        gather_batch_norms(task)
    if config.gradient_checkpointing:
        task.enable_checkpointing()
    optim = plan.optim
    if device is None:
        task = task.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        shard(task, device)
    return task, build_optimizer(optim.optimizer, task.param_groups(optim.weight_decay), plan.lr, optim.betas)


def start_trackers(accelerator: Accelerator, config: TrainConfig, values: dict[str, Any]) -> None:
    """Open the trackers with the plain part of the configuration."""
    if config.tracker != "none":
        plain = {key: value for key, value in values.items() if isinstance(value, (int, float, str, bool))}
        accelerator.init_trackers("tensorboard" if config.tracker == "tensorboard" else "fra_zoo", config=plain)
