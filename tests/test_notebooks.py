"""Every notebook runs from top to bottom, in an empty folder, and is kept without its outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
_EXECUTE = """
import sys
import nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=200, kernel_name="python3").execute()
nbformat.write(notebook, "done.ipynb")
"""
SHOWS = {  # what the outputs must hold: so many pictures, and words
    "predict": (3, ["uncertainty", "confidence"]),
    "finetune": (1, ["accuracy on test", "happiness"]),
    "pretrain": (2, ["loss", "torch.Size([2, 7])"]),
}


def cells(file: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(file.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebook_runs(notebook, tmp_path):
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'fra-zoo[dev]'")
    own = {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    own |= {"IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "jupyter")}
    done = subprocess.run(
        [sys.executable, "-c", _EXECUTE, str(notebook)],
        cwd=tmp_path,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    outputs = [output for cell in cells(tmp_path / "done.ipynb") for output in cell["outputs"]]
    pictures, words = SHOWS[notebook.stem]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == pictures
    text = json.dumps(outputs)
    assert [word for word in words if word not in text] == []


def test_there_are_three_and_none_keeps_its_outputs():
    assert {file.stem for file in NOTEBOOKS} == set(SHOWS)
    for file in NOTEBOOKS:
        for cell in cells(file):
            assert cell["outputs"] == [], f"{file.name} has outputs: clear them"
            assert cell["execution_count"] is None
