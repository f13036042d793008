"""`fra-zoo`: the recipes and the lists, as one command."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

import fra_zoo
from fra_zoo.errors import FraZooError, nearest, one_line_errors

USAGE = """fra-zoo: a model zoo for faces

  fra-zoo list [models|methods|objectives|datasets|evaluators|layouts] [PATTERN]
  fra-zoo pretrain  [--config FILE] [--key value ...]
  fra-zoo finetune  [--config FILE] [--key value ...]
  fra-zoo evaluate  [--config FILE] [--key value ...]
  fra-zoo plan      --method NAME --backbone NAME --images N --gpus N [--gpu NAME] [--measure true]
  fra-zoo predict PHOTO_OR_FOLDER_OR_VIDEO [--model MODEL] [--out FILE] [--picture FILE] [--regions METHOD]
  fra-zoo demo      [--model MODEL] [--port N]
  fra-zoo info MODEL
  fra-zoo export MODEL --onnx FILE
  fra-zoo convert CHECKPOINT OUT [--layout NAME] [--backbone NAME]
  fra-zoo publish RUN_OR_EXPORT --repo ORG/NAME [--private] [--revision TAG] [--dry-run]
  fra-zoo data inspect PATH [--images N]
  fra-zoo data convert PATH OUT [--dataset NAME] [--dataset_args JSON] [--shard_images N]

With several GPUs: accelerate launch -m fra_zoo.cli pretrain ..."""


def _list(words: Sequence[str]) -> None:
    lists: dict[str, Callable[[str], list[str]]] = {
        "models": fra_zoo.list_models,
        "methods": fra_zoo.list_methods,
        "objectives": fra_zoo.list_objectives,
        "datasets": fra_zoo.list_datasets,
        "evaluators": fra_zoo.list_evaluators,
        "layouts": fra_zoo.list_layouts,
    }
    kinds = [words[0]] if words else list(lists)
    pattern = words[1] if len(words) > 1 else "*"
    for kind in kinds:
        if kind not in lists:
            raise FraZooError(f"unknown list '{kind}'; {nearest(kind, lists)}")
        print(f"{kind}: {' '.join(lists[kind](pattern))}")


# Imported when they are called, so that the command line answers at once.
_ELSEWHERE = {
    "pretrain": "fra_zoo.train.pretrain:pretrain",
    "finetune": "fra_zoo.train.finetune:finetune",
    "evaluate": "fra_zoo.evaluate.command:evaluate_argv",
    "convert": "fra_zoo.hub.foreign.commands:convert_words",
    "publish": "fra_zoo.hub.commands:publish_words",
    "predict": "fra_zoo.predict.commands:predict_words",
    "demo": "fra_zoo.demo.commands:demo_words",
    "info": "fra_zoo.predict.commands:info_words",
    "export": "fra_zoo.predict.commands:export_words",
    "data": "fra_zoo.data.commands:data_words",
    "plan": "fra_zoo.train.budget:plan_words",
}


def _run(place: str, words: Sequence[str]) -> None:
    module, _, function = place.partition(":")
    getattr(importlib.import_module(module), function)(words)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; bad input ends with one line and status 2."""
    words = list(sys.argv[1:] if argv is None else argv)
    commands = ("list", *_ELSEWHERE)
    if not words or words[0] in ("-h", "--help"):
        print(USAGE)
        return
    with one_line_errors():
        if words[0] not in commands:
            raise FraZooError(f"unknown command '{words[0]}'; {nearest(words[0], commands)}")
        if words[0] == "list":
            _list(words[1:])
        else:
            _run(_ELSEWHERE[words[0]], words[1:])


if __name__ == "__main__":
    main()
