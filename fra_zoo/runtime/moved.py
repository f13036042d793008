"""Old names of modules and of what is in them: each works for one release, with a `DeprecationWarning`.

A finder at the end of `sys.meta_path` is asked only for what Python does not find, so imports that succeed take no
longer. What it gives in the place of an old module passes every attribute on to the new one.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

# Old module: the new one.
MODULES = {
    "fra_zoo.broken_files": "fra_zoo.io.diagnosis",
    "fra_zoo.budget.reckon": "fra_zoo.budget.estimate",
    "fra_zoo.captions": "fra_zoo.labels.captions",
    "fra_zoo.config.parts": "fra_zoo.config.sections",
    "fra_zoo.config.seen": "fra_zoo.config.serialize",
    "fra_zoo.cpu": "fra_zoo.runtime.cpu",
    "fra_zoo.data.about": "fra_zoo.data.dataset_info",
    "fra_zoo.data.base": "fra_zoo.data.dataset",
    "fra_zoo.data.columns": "fra_zoo.data.disk.columns",
    "fra_zoo.data.config": "fra_zoo.data.dataset_config",
    "fra_zoo.data.faces": "fra_zoo.data.pixels.faces",
    "fra_zoo.data.fetching": "fra_zoo.data.stream.fetching",
    "fra_zoo.data.folders": "fra_zoo.data.disk.folders",
    "fra_zoo.data.images": "fra_zoo.data.pixels.images",
    "fra_zoo.data.labelling": "fra_zoo.data.disk.labelling",
    "fra_zoo.data.landmarks": "fra_zoo.data.disk.landmarks",
    "fra_zoo.data.opening": "fra_zoo.data.pixels.opening",
    "fra_zoo.data.pairs": "fra_zoo.data.disk.pairs",
    "fra_zoo.data.parquet_files": "fra_zoo.data.disk.parquet_files",
    "fra_zoo.data.shards": "fra_zoo.data.stream.shards",
    "fra_zoo.data.streaming": "fra_zoo.data.stream.streaming",
    "fra_zoo.data.tables": "fra_zoo.data.disk.tables",
    "fra_zoo.data.tars": "fra_zoo.data.stream.tars",
    "fra_zoo.data.windows": "fra_zoo.data.stream.windows",
    "fra_zoo.devices": "fra_zoo.runtime.devices",
    "fra_zoo.distributed": "fra_zoo.runtime.distributed",
    "fra_zoo.evaluate.base": "fra_zoo.evaluate.evaluator",
    "fra_zoo.evaluate.fer": "fra_zoo.evaluate.evaluators.fer",
    "fra_zoo.evaluate.groups": "fra_zoo.evaluate.evaluators.groups",
    "fra_zoo.evaluate.knn": "fra_zoo.evaluate.evaluators.knn",
    "fra_zoo.evaluate.landmarks": "fra_zoo.evaluate.evaluators.landmarks",
    "fra_zoo.evaluate.probe": "fra_zoo.evaluate.evaluators.probe",
    "fra_zoo.evaluate.regions": "fra_zoo.evaluate.evaluators.regions",
    "fra_zoo.evaluate.robustness": "fra_zoo.evaluate.evaluators.robustness",
    "fra_zoo.evaluate.verification": "fra_zoo.evaluate.evaluators.verification",
    "fra_zoo.evaluate.zero_shot": "fra_zoo.evaluate.evaluators.zero_shot",
    "fra_zoo.fer.base": "fra_zoo.fer.objective",
    "fra_zoo.fer.config": "fra_zoo.fer.objective_config",
    "fra_zoo.fer.cross_entropy": "fra_zoo.fer.objectives.cross_entropy",
    "fra_zoo.fer.dmue": "fra_zoo.fer.objectives.dmue",
    "fra_zoo.fer.majority": "fra_zoo.fer.objectives.majority",
    "fra_zoo.fer.multi_label": "fra_zoo.fer.objectives.multi_label",
    "fra_zoo.fer.probabilistic": "fra_zoo.fer.objectives.probabilistic",
    "fra_zoo.fields": "fra_zoo.config.fields",
    "fra_zoo.files": "fra_zoo.io.files",
    "fra_zoo.hub.foreign": "fra_zoo.hub.convert",
    "fra_zoo.hub.foreign.checkpoint": "fra_zoo.hub.convert",
    "fra_zoo.hub.foreign.layout": "fra_zoo.models.layout",
    "fra_zoo.hub.foreign.layouts": "fra_zoo.models.layouts",
    "fra_zoo.hub.foreign.layouts.fra": "fra_zoo.models.layouts.fra",
    "fra_zoo.layers.recompute": "fra_zoo.layers.checkpointing",
    "fra_zoo.methods.base": "fra_zoo.methods.parts.method",
    "fra_zoo.methods.building": "fra_zoo.methods.parts.building",
    "fra_zoo.methods.config": "fra_zoo.methods.parts.method_config",
    "fra_zoo.methods.loading": "fra_zoo.methods.parts.loading",
    "fra_zoo.models.config": "fra_zoo.models.model_config",
    "fra_zoo.models.embedded": "fra_zoo.models.bundled",
    "fra_zoo.network": "fra_zoo.io.network",
    "fra_zoo.optim": "fra_zoo.config.optim",
    "fra_zoo.paths": "fra_zoo.io.paths",
    "fra_zoo.plot": "fra_zoo.viz.plots",
    "fra_zoo.predict.detectors.base": "fra_zoo.predict.detector",
    "fra_zoo.predict.looks": "fra_zoo.predict.appearance",
    "fra_zoo.predict.pace": "fra_zoo.predict.frame_stride",
    "fra_zoo.predict.tables": "fra_zoo.predict.table_files",
    "fra_zoo.refusals": "fra_zoo.io.hub_errors",
    "fra_zoo.remote": "fra_zoo.io.remote",
    "fra_zoo.train.about": "fra_zoo.train.run_info",
    "fra_zoo.train.batch": "fra_zoo.train.prepare_batch",
    "fra_zoo.train.optim": "fra_zoo.train.optimizers",
    "fra_zoo.train.selection": "fra_zoo.train.best_model",
    "fra_zoo.train.sharding": "fra_zoo.train.fsdp",
    "fra_zoo.train.window": "fra_zoo.train.step_metrics",
    "fra_zoo.views.operations.base": "fra_zoo.views.operation",
    "fra_zoo.views.places": "fra_zoo.views.transforms",
    "fra_zoo.votes": "fra_zoo.labels.votes",
    "fra_zoo.weights": "fra_zoo.io.weights",
}
# Old module: its members that have another name or another place now, as `new_name` or `module:new_name`. An old module
# that is still there asks for them by `__getattr__ = moved_members(__name__)`.
MEMBERS = {
    "fra_zoo.broken_files": {"disguise": "diagnose_bytes", "file_disguise": "diagnose_file"},
    "fra_zoo.data.base": {"map_only": "reject_streaming"},
    "fra_zoo.distributed": {"buffers_of_first": "use_rank0_buffers", "gather_constant": "gather_no_grad"},
    "fra_zoo.fer.augmentation": {
        name: f"fra_zoo.fer.augmentations.papers:{name}"
        for name in ("crops_view", "dmue_view", "ferplus_view", "fra_view")
    },
    "fra_zoo.hub.foreign": {"list_layouts": "fra_zoo.models.layout:list_layouts"},
    "fra_zoo.hub.foreign.layout": {"Found": "CheckpointContent", "FoundMethod": "CheckpointMethod"},
    "fra_zoo.layers.recompute": {"recompute_blocks": "checkpoint_blocks"},
    "fra_zoo.models.embedded": {
        "Embedded": "BundledWeights",
        "embedded": "bundled",
        "embedded_names": "bundled_names",
    },
    "fra_zoo.network": {"lasting": "is_permanent"},
    "fra_zoo.paths": {"shown": "display_path"},
    "fra_zoo.predict.detectors.base": {"Chosen": "FaceDetector", "Found": "Detection"},
    "fra_zoo.predict.looks": {"looks": "appearance"},
    "fra_zoo.predict.pace": {"pace": "frame_stride"},
    "fra_zoo.refusals": {"REFUSALS": "HUB_EXCEPTIONS"},
    "fra_zoo.train.selection": {"Judge": "BestModelSelector"},
    "fra_zoo.train.window": {"Window": "StepMetrics"},
    "fra_zoo.views.places": {
        "carry": "resample",
        "crop_place": "crop_transform",
        "warp_place": "warp_transform",
        "whole": "identity",
    },
}


def install() -> None:
    """Let old names be imported; called once, when `fra_zoo` is imported."""
    if not any(isinstance(finder, _MovedFinder) for finder in sys.meta_path):
        sys.meta_path.append(_MovedFinder())


def moved_members(module: str, *, stacklevel: int = 3) -> Callable[[str], Any]:
    """A module's `__getattr__` that finds the members that `MEMBERS` names, with a warning."""

    def find(name: str) -> Any:
        new = MEMBERS.get(module, {}).get(name)
        if new is None:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        home, _, member = new.rpartition(":")
        home = home or MODULES.get(module, module)
        _warn(f"{module}.{name}", f"{home}.{member}", stacklevel=stacklevel)
        return getattr(importlib.import_module(home), member)

    return find


def moved_method(old: str, new: str) -> Callable[..., Any]:
    """A method under its old name, which calls the one of the new name."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        _warn(f"{type(self).__name__}.{old}", f"{type(self).__name__}.{new}", stacklevel=3)
        return getattr(self, new)(*args, **kwargs)

    call.__doc__ = f"The old name of `{new}`."
    return call


def take_old_overrides(kind: type, names: Mapping[str, str]) -> None:
    """Give a subclass that overrides a method under its old name the new name too.

    Args:
        kind: the subclass, from `__init_subclass__`.
        names: old name to new.
    """
    for old, new in names.items():
        if old in vars(kind) and new not in vars(kind):
            _warn(f"{kind.__name__}.{old}", f"{kind.__name__}.{new}", stacklevel=4)
            setattr(kind, new, vars(kind)[old])


def _warn(old: str, new: str, *, stacklevel: int) -> None:
    warnings.warn(
        f"{old} is now {new}; the old name will be taken out after the next release",
        DeprecationWarning,
        stacklevel=stacklevel,
    )


class _MovedFinder(importlib.abc.MetaPathFinder):
    """Finds old modules, after all other finders."""

    def find_spec(
        self, fullname: str, path: Any = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in MODULES:
            return None
        package = any(name.startswith(f"{fullname}.") for name in MODULES)
        return importlib.machinery.ModuleSpec(fullname, _MovedLoader(), is_package=package)


class _MovedLoader(importlib.abc.Loader):
    """Makes a module that has what the new one has, and the old names of its members."""

    def exec_module(self, module: ModuleType) -> None:
        old, new = module.__name__, MODULES[module.__name__]
        _warn(old, new, stacklevel=3)
        target, renamed = importlib.import_module(new), moved_members(old, stacklevel=4)

        def find(name: str) -> Any:
            if name in MEMBERS.get(old, ()):
                return renamed(name)
            try:
                return getattr(target, name)
            except AttributeError:
                raise AttributeError(f"module '{old}' (now {new}) has no attribute '{name}'") from None

        module.__doc__ = target.__doc__
        module.__getattr__ = find  # type: ignore[method-assign]
        module.__dir__ = lambda: sorted({*dir(target), *MEMBERS.get(old, ())})  # type: ignore[method-assign]
