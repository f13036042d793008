"""Self-supervised pre-training, from a configuration to a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from accelerate.utils import set_seed

from fra_zoo.config import command_words, parse, read_words, said_options
from fra_zoo.data import create_dataset
from fra_zoo.data.identity import identity
from fra_zoo.fields import json_option, published
from fra_zoo.hub import export_model
from fra_zoo.methods import create_method
from fra_zoo.methods.base import METHODS
from fra_zoo.train.about import write_about
from fra_zoo.train.config import PretrainConfig
from fra_zoo.train.loop import Trainer
from fra_zoo.train.monitor import Monitor
from fra_zoo.train.plan import make_plan, micro_batch
from fra_zoo.train.processes import process_errors
from fra_zoo.train.run_folder import RunFolder
from fra_zoo.train.settings import make_settings
from fra_zoo.train.setup import load_data, make_accelerator, make_loader, make_ready, start_trackers, versions


@process_errors()
def pretrain(argv: Sequence[str]) -> RunFolder:
    """Pre-train as the words say (`--config FILE`, `--key value`); see `PretrainConfig` and the method's `Config`."""
    words = read_words(argv)
    (config,) = parse([PretrainConfig], words, strict=False)
    method_type = METHODS.get(config.method)
    config, given = parse([PretrainConfig, method_type.Config], words)
    chosen = method_type.options(config.preset, said_options(given, words))
    options = asdict(chosen)
    accelerator = make_accelerator(config)
    set_seed(config.seed)
    method = create_method(
        config.method,
        config.backbone,
        image_size=config.image_size,
        backbone_args=json_option("backbone_args", config.backbone_args),
        **options,
    )
    data = load_data(config, "train")
    if method.needs_text:
        data = data.with_texts()
    optim = config.optim(method.optim)
    micro = micro_batch(optim, accelerator.num_processes)
    loader = make_loader(data, config, micro, accelerator)
    plan = make_plan(config, optim, loader.steps_per_epoch)
    task, optimizer = make_ready(method, config, plan)
    run = RunFolder(config.output)
    checkpoint = run.latest()
    if accelerator.is_main_process:
        more = {"data": {"train": identity(data)}, "versions": versions()}
        settings = make_settings(config, chosen, plan.resolved(), more)
        checkpoint = run.open(settings, config.resume)
    accelerator.wait_for_everyone()
    start_trackers(accelerator, config, {**published(config), **published(chosen), **plan.resolved()})
    monitor = (
        Monitor(run, _probe_data(config, data), config, accelerator.device) if accelerator.is_main_process else None
    )

    def export(task: Any) -> None:
        export_model(
            task.backbone,
            run.export,
            view=method.views[0],
            license=data.license,
            heads=task.heads(),
            heads_config={"method": config.method, "image_size": config.image_size, "options": options},
        )

    trainer = Trainer(task, optimizer, loader, plan, run, accelerator, monitor, export)
    if checkpoint is not None:
        trainer.resume()
    if trainer.fit() and monitor is not None:
        told = command_words([config, given], words)
        write_about(run.path / "run.json", "pretrain", told, trainer.state["seconds"], accelerator.num_processes)
        monitor.finish()
    accelerator.end_training()
    return run


def _probe_data(config: PretrainConfig, data: Any) -> Any:
    """Labelled train and valid splits for the monitor, or None where there are no labels."""
    if config.probe_images == 0:
        return None
    if config.probe_dataset is None and (data.labels is None or data.streaming):
        return None
    name, root = config.probe_dataset or config.dataset, config.probe_root or config.root
    options = json_option("dataset_args", config.dataset_args) if config.probe_dataset is None else {}
    return [create_dataset(name, split, root, **options) for split in ("train", "valid")]
