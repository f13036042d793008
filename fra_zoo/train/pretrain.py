"""Self-supervised pre-training, from a configuration to a run folder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed
from tqdm.auto import tqdm

from fra_zoo.config import flat, published, read
from fra_zoo.data.dataset_config import DatasetConfig
from fra_zoo.data.identity import identity
from fra_zoo.errors import FraZooError
from fra_zoo.hub import export_model
from fra_zoo.io.files import TRAINING, read_mapping
from fra_zoo.io.paths import display_path
from fra_zoo.methods import Method
from fra_zoo.train.config import PretrainConfig
from fra_zoo.train.loop import Trainer
from fra_zoo.train.monitor import Monitor
from fra_zoo.train.plan import make_plan, micro_batch
from fra_zoo.train.processes import agree, process_errors
from fra_zoo.train.run_folder import CONFIG, RunFolder
from fra_zoo.train.run_info import write_run_info
from fra_zoo.train.settings import make_settings, shared_facts, versions
from fra_zoo.train.setup import build_optimizer_and_task, load_data, make_accelerator, make_loader, start_trackers


@process_errors()
def pretrain(argv: Sequence[str]) -> RunFolder:
    """Pre-train from command-line arguments; see `PretrainConfig` and the method's `Config`."""
    reading = read(PretrainConfig, argv)
    config = reading.config
    accelerator = make_accelerator(config)
    set_seed(config.seed)
    run = RunFolder(config.output)
    goes_on = config.resume == "auto" and run.latest() is not None
    if goes_on:  # its weights are the checkpoint's; what it began with stays in its settings
        config.init = _initial_weights_of(run)
    method = config.method.build(config.backbone, config.image_size, None if goes_on else config.init)
    if accelerator.is_main_process and not goes_on:
        _say_start(config, method)
    config.optim = method.optim.replace(**reading.overrides("optim")).resolved()
    data = load_data(config, "train")
    if method.needs_text:
        data = data.with_texts()
    data_identity = {"train": identity(data)}
    agree(shared_facts(config, RunFolder(config.output).path, data_identity))
    micro = micro_batch(config.optim, accelerator.num_processes)
    loader = make_loader(data, config, micro, accelerator)
    plan = make_plan(config, loader.steps_per_epoch)
    split = config.shard and accelerator.num_processes > 1
    twin = copy.deepcopy(method) if split else None
    task, optimizer = build_optimizer_and_task(method, config, plan, accelerator.device if split else None)
    checkpoint = run.latest()
    if accelerator.is_main_process:
        more = {"data": data_identity, "versions": versions()}
        settings = make_settings(config, more)
        checkpoint = run.open(settings, config.resume)
    accelerator.wait_for_everyone()
    start_trackers(accelerator, config, flat(published(config)))
    monitor = Monitor(run, _probe_data(config, data), config, accelerator.device)

    def export(task: Any) -> None:
        run.write_export(lambda folder: write_export(task, folder))

    def write_export(task: Any, folder: Path) -> None:
        export_model(
            task.backbone,
            folder,
            view=method.views[0],
            license=data.license,
            heads=task.heads(),
            heads_config={
                "method": config.method.name,
                "image_size": config.image_size,
                "options": asdict(config.method.options),
            },
        )

    trainer = Trainer(task, optimizer, loader, plan, run, accelerator, monitor, export, twin)
    if checkpoint is not None:
        trainer.resume()
    if trainer.fit() and accelerator.is_main_process:
        told = reading.command()
        write_run_info(run.path / "run.json", "pretrain", told, trainer.state, accelerator.num_processes)
        monitor.finish()
    accelerator.end_training()
    run.stopped_by = trainer.stopped_by
    return run


def _say_start(config: PretrainConfig, method: Method) -> None:
    """Say what the backbone starts from, also where its name sounds like weights and none were asked for."""
    name = config.backbone.name
    if method.initial_weights is not None:
        tqdm.write(str(method.initial_weights))
    elif ":" in name or "." in name:
        tqdm.write(f"{display_path(name)} starts from random weights; --init {display_path(name)} starts from its own")


def _initial_weights_of(run: RunFolder) -> str | None:
    """What a run that goes on began with, as its settings say."""
    for file in (CONFIG, TRAINING):
        try:
            return read_mapping(run.path / file).get("init")
        except FraZooError:  # damaged: `RunFolder.open` says so
            continue
    return None


def _probe_data(config: PretrainConfig, data: Any) -> Any:
    """Labelled train and valid splits for the monitor, or None where there are no labels."""
    if config.probe_images == 0:
        return None
    if config.probe_dataset is None and (data.labels is None or data.streaming):
        return None
    faces = config.dataset
    if config.probe_dataset is not None:
        faces = DatasetConfig(config.probe_dataset, root=faces.root)
    if config.probe_root is not None:
        faces = replace(faces, root=config.probe_root)
    return [faces.load(split) for split in ("train", "valid")]
