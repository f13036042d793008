"""Names of before the packages were rearranged: each is found for one release, and says what it is called now."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import warnings
from dataclasses import dataclass

import pytest
import torch

from fra_zoo.runtime.moved import MEMBERS, MODULES
from fra_zoo.task import Task
from fra_zoo.views.operation import Operation
from fra_zoo.views.spec import ViewSpec

# What the reference page listed then, but for what is where it was.
LISTED = {
    "fra_zoo.data.base": ["create_dataset", "list_datasets", "FaceData"],
    "fra_zoo.fer.base": ["Objective"],
    "fra_zoo.methods.loading": ["load_method"],
    "fra_zoo.hub.foreign": ["convert_checkpoint", "list_layouts"],
    "fra_zoo.hub.foreign.checkpoint": ["convert_checkpoint", "method_from_checkpoint", "Converted"],
    "fra_zoo.hub.foreign.layout": ["Layout", "Found", "FoundMethod", "register_layout", "list_layouts"],
    "fra_zoo.evaluate.base": ["Evaluator", "EvaluatorConfig", "Watch", "create_evaluator", "list_evaluators"],
    "fra_zoo.views.operations.base": ["Operation", "View"],
    "fra_zoo.data.shards": ["Shards", "find_shards"],
    "fra_zoo.data.streaming": ["ShardLoader"],
    "fra_zoo.data.windows": ["Windows", "Cursor"],
    "fra_zoo.budget.reckon": ["BudgetConfig", "Budget", "budget"],
    "fra_zoo.optim": ["OptimConfig"],
    "fra_zoo.fields": ["option", "Options", "WIDTH"],
    "fra_zoo.methods.base": ["METHODS", "Method", "MethodConfig"],
    "fra_zoo.predict.detectors.base": ["DETECTORS"],
    "fra_zoo.fer.augmentation": ["ferplus_view", "fra_view"],
}


@pytest.mark.parametrize("old", MODULES)
def test_an_old_module_has_what_the_new_one_has(old):
    for loaded in [name for name in sys.modules if f"{name}.".startswith(f"{old}.")]:
        del sys.modules[loaded]
    with pytest.warns(DeprecationWarning, match=f"{old} is now {MODULES[old]}"):
        module = importlib.import_module(old)
    new = importlib.import_module(MODULES[old])
    names = [name for name in vars(new) if not name.startswith("_")]
    assert all(getattr(module, name) is getattr(new, name) for name in names)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        module.nothing  # noqa: B018


@pytest.mark.parametrize(("old", "name"), [(old, name) for old in MEMBERS for name in MEMBERS[old]])
def test_an_old_name_is_what_the_new_one_is(old, name):
    home, _, member = MEMBERS[old][name].rpartition(":")
    expected = getattr(importlib.import_module(home or MODULES[old]), member)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = importlib.import_module(old)
    with pytest.warns(DeprecationWarning, match=rf"{old}\.{name} is now .*{member}"):
        assert getattr(module, name) is expected


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("old", LISTED)
def test_what_the_reference_named_is_there(old):
    module = importlib.import_module(old)
    for name in LISTED[old]:
        assert getattr(module, name) is not None


def test_old_imports_of_a_script_say_their_own_line():
    code = """
import warnings
warnings.simplefilter("always")
from fra_zoo.optim import OptimConfig
from fra_zoo.hub.foreign.layout import (
    Found,
)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "<string>:4: DeprecationWarning: fra_zoo.optim is now fra_zoo.config.optim" in done.stderr
    assert "DeprecationWarning: fra_zoo.hub.foreign.layout.Found is now fra_zoo.models.layout" in done.stderr


def test_nothing_is_imported_before_it_is_asked_for():
    code = "import fra_zoo, sys; print([name for name in sys.modules if name.startswith('fra_zoo')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(ast.literal_eval(done.stdout)) <= 5


def test_old_methods_call_the_new_ones_and_old_overrides_count():
    with pytest.warns(DeprecationWarning, match=r"ViewSpec\.clean is now ViewSpec\.eval_view"):
        assert ViewSpec(32).clean() == ViewSpec(32).eval_view()
    with pytest.warns(DeprecationWarning, match=r"Kept\.clean is now Kept\.eval_view"):

        @dataclass(frozen=True)
        class Kept(Operation):
            def clean(self):
                return self

    assert Kept().eval_view() == Kept()
    with pytest.warns(DeprecationWarning, match=r"Own\.recompute is now Own\.enable_checkpointing"):

        class Own(Task):
            backbone = torch.nn.Identity()

            def recompute(self):
                self.called = True

    own = Own()
    own.enable_checkpointing()
    assert own.called
