"""Supervised training on expressions, from a configuration to a run folder with `results.json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from accelerate.utils import set_seed

from fra_zoo.config import flat, published, read
from fra_zoo.data.gray import is_gray
from fra_zoo.data.splits import class_shares
from fra_zoo.errors import FraZooError
from fra_zoo.fer import create_objective
from fra_zoo.fer.objective import OBJECTIVES
from fra_zoo.models.luminance import use_gray_normalization
from fra_zoo.runtime.distributed import use_rank0_buffers
from fra_zoo.train.best_model import BestModelSelector
from fra_zoo.train.config import FinetuneConfig
from fra_zoo.train.loop import Trainer
from fra_zoo.train.plan import make_plan, micro_batch
from fra_zoo.train.processes import agree, process_errors
from fra_zoo.train.protocol import PROTOCOLS, load_splits
from fra_zoo.train.results import finish
from fra_zoo.train.run_folder import RunFolder
from fra_zoo.train.run_info import write_run_info
from fra_zoo.train.settings import make_settings, shared_facts, versions
from fra_zoo.train.setup import build_optimizer_and_task, make_accelerator, make_loader, start_trackers


@process_errors()
def finetune(argv: Sequence[str]) -> RunFolder:
    """Train from command-line arguments; see `FinetuneConfig`, the objective's `Config` and `train.protocol`."""
    reading = read(FinetuneConfig, argv)
    config = reading.config
    kind = OBJECTIVES.get(config.objective.name)
    protocol = PROTOCOLS[config.protocol]
    config.optim = (protocol.optim or kind.optim).replace(**reading.overrides("optim")).resolved()
    accelerator = make_accelerator(config)
    set_seed(config.seed)
    splits = load_splits(config, kind.scheme)
    if accelerator.is_main_process:
        splits.refuse_the_same()
    labels = splits.train.labels
    assert labels is not None
    gray = config.luminance != "never" and is_gray(splits.train)
    luminance = gray or config.luminance == "always"
    model = build_classifier(config, len(labels), small_start=protocol.small_start)
    if luminance:
        use_gray_normalization(model)
    task = create_objective(
        config.objective.name,
        model,
        image_size=config.image_size,
        **protocol.tuning(config),
        **config.objective.args,
    )
    task.set_class_shares(class_shares(splits.train))
    if luminance and not gray:
        task.views = tuple(view.in_gray() for view in task.views)
    agree(shared_facts(config, RunFolder(config.output).path, splits.identities()))
    micro = micro_batch(config.optim, accelerator.num_processes)
    loader = make_loader(splits.train, config, micro, accelerator, sampling=protocol.sampling(config, kind.sampling))
    plan = make_plan(config, loader.steps_per_epoch, protocol.evaluate_every)
    ready, optimizer = build_optimizer_and_task(task, config, plan)
    run = RunFolder(config.output)
    checkpoint = run.latest()
    if accelerator.is_main_process:
        more = {"data": splits.identities(), "versions": versions()}
        checkpoint = run.open(make_settings(config, more), config.resume)
        splits.write(run.path)
    accelerator.wait_for_everyone()
    start_trackers(accelerator, config, flat(published(config)))
    size = config.load_size or config.image_size
    selector = BestModelSelector(
        run,
        splits.select,
        size,
        task.views[0],
        accelerator.device,
        config.evaluation_cache,
        workers=config.workers,
        flip_average=config.flip_average,
    )
    trainer = Trainer(ready, optimizer, loader, plan, run, accelerator, selector)
    if checkpoint is not None:
        trainer.resume()
    selector.state = trainer.state
    if trainer.fit():
        if accelerator.is_main_process:
            told = reading.command()
            write_run_info(run.path / "run.json", "finetune", told, trainer.state, accelerator.num_processes)
        with use_rank0_buffers(task):
            finish(task, selector, splits, config, luminance=luminance)
    accelerator.end_training()
    run.stopped_by = trainer.stopped_by
    return run


def build_classifier(config: FinetuneConfig, classes: int, *, small_start: bool) -> Any:
    """The model with a fresh classifier: as the model starts it, or, as FRA published, from N(0, 0.01) and bias 0."""
    model: Any = config.model.build(num_classes=classes, image_size=config.image_size)
    classifier = model.get_classifier()
    if not isinstance(classifier, torch.nn.Linear):
        raise FraZooError(
            f"model '{config.model.name}' has no plain linear classifier ({type(classifier).__name__}); choose another"
        )
    if small_start:
        torch.nn.init.normal_(classifier.weight, std=0.01)
        torch.nn.init.zeros_(classifier.bias)
    return model
