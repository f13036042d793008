"""What a run builds before its loop."""

from __future__ import annotations

import pytest

from fra_zoo.train.config import PretrainConfig
from fra_zoo.train.setup import make_accelerator


@pytest.mark.parametrize("precisions", [("bf16", "fp32"), ("fp32", "bf16")])
def test_a_later_run_of_a_process_has_its_own_precision(precisions, tmp_path):
    for precision in precisions:
        config = PretrainConfig(output=str(tmp_path), precision=precision, tracker="none")
        expected = "no" if precision == "fp32" else precision
        assert make_accelerator(config).mixed_precision == expected


def test_a_later_run_of_a_process_has_its_own_compilation(tmp_path):
    for compiled in (True, False, True):
        config = PretrainConfig(output=str(tmp_path), compile=compiled, tracker="none")
        plugin = make_accelerator(config).state.dynamo_plugin
        assert (plugin.backend.value == "INDUCTOR") is compiled
