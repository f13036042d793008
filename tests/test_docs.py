"""Every Python block of README, CONTRIBUTING and docs runs, in a folder with a run of each kind and with a Hub."""

from __future__ import annotations

import importlib.util
import re
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import timm
import torch

import fra_zoo
from fra_zoo.hub import export_model
from fra_zoo.labels import FERPLUS
from fra_zoo.methods import create_method
from fra_zoo.methods.parts.method import METHODS
from fra_zoo.views.spec import ViewSpec
from tests.hub.conftest import USERS
from tests.hub.hub_server import Hub
from tests.train.helpers import run

REPOSITORY = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
BLOCKS = [
    pytest.param(page, number, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, _ in enumerate(BLOCK.findall(page.read_text()))
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory, hub_port):
    """What the pages speak of: runs, a photo, published repositories."""
    from huggingface_hub.utils import close_session

    folder = tmp_path_factory.mktemp("desk")
    options = {"dim": 16, "hidden_dim": 16, "regions": 5}
    method = create_method("fra", "test_resnet", image_size=64, **options)
    for name in ("fra", "fra_synthetic"):
        export_model(
            method.backbone,
            folder / "runs" / name / "export",
            view=method.views[0],
            heads=method.heads(),
            heads_config={"method": "fra", "image_size": 64, "options": options},
        )
    export_model(
        timm.create_model("test_resnet", num_classes=8),
        folder / "runs" / "tuned" / "export",
        view=ViewSpec(48),
        labels=FERPLUS,
    )
    pixels = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(folder / "photo.jpg")
    close_session()
    server = Hub(folder / "server", USERS, port=hub_port)
    patch = pytest.MonkeyPatch()
    patch.setenv("HF_TOKEN", "hf_alice")
    patch.chdir(folder)
    fra_zoo.publish("runs/tuned", "acme/expressions", revision="v1")
    fra_zoo.publish("runs/fra", "acme/fra-faces")
    yield folder
    patch.undo()
    server.stop()
    close_session()


@pytest.mark.parametrize(("page", "number"), BLOCKS)
def test_block_runs(page, number, desk, monkeypatch):
    """A block may use what the blocks before it on its page made; a method that a page adds is gone after it."""
    METHODS.list()
    monkeypatch.setattr(METHODS, "_entries", dict(METHODS._entries))
    names: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for block in BLOCK.findall(page.read_text())[: number + 1]:
            exec(compile(block, page.name, "exec"), names)
    torch.manual_seed(0)


def test_every_block_of_python_is_run():
    for page in PAGES:
        assert "```python notest" not in page.read_text(), page.name


def test_commands_name_recipes_and_configs_that_exist():
    for page in PAGES:
        for name in re.findall(r"recipes/[\w/]+\.(?:py|yaml)", page.read_text()):
            assert (REPOSITORY / name).is_file(), f"{page.name} names {name}"


def test_the_table_of_models_is_current():
    """What `python recipes/model_table.py` would write is what the pages say."""
    done = run("model_table", "--docs", str(REPOSITORY / "docs"), "--check", "true")
    assert done.returncode == 0, done.stderr


def test_weights_that_are_named_are_there():
    """A page or a recipe names no tag of an epoch count that does not come with the package."""
    known = set(fra_zoo.list_models(pretrained=True))
    for file in [*PAGES, *sorted((REPOSITORY / "recipes").rglob("*.*"))]:
        if file.suffix in (".md", ".py", ".yaml"):
            named = set(re.findall(r"\b[a-z]+_\w+\.\w+_e\d+\b", file.read_text()))
            assert named <= known, f"{file.name} names {sorted(named - known)}"


def test_the_site_lists_every_registered_name_with_its_options():
    """The page of lists, as the hook of mkdocs writes it, has what is registered, and no mark is left."""
    pytest.importorskip("griffe")
    file = REPOSITORY / ".ci" / "mkdocs_registries.py"
    spec = importlib.util.spec_from_file_location("mkdocs_registries", file)
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    written = hook.on_page_markdown((REPOSITORY / "docs" / "registry.md").read_text())
    assert "<!--" not in written
    for kind, registry in hook.REGISTRIES.items():
        for name in registry.list():
            _, _, rest = written.partition(f"\n### `{name}`\n\n")
            assert rest[:1].strip("#|\n"), f"{kind}: {name} is not described"
    assert (
        "| `regions` | `8` | number of regions N that a face is divided into; at least 2 and at most 4096 |" in written
    )
    assert "| `k` | `20` | kNN: neighbours that vote; at least 1 |" in written
    assert "| `classes` | `8` | 8, or 7 without contempt; at least 7 and at most 8 |" in written
    for kind in [name.removeprefix("list_") for name in fra_zoo.__all__ if name.startswith("list_")]:
        assert kind in {*hook.REGISTRIES, "models"}, f"docs/registry.md has no list of {kind}"
    for command in hook.COMMANDS:
        assert f"<!-- options: {command} -->" in (REPOSITORY / "docs" / "registry.md").read_text()
    made = hook.on_page_markdown((REPOSITORY / "docs" / "reference.md").read_text())
    assert "::: fra_zoo.methods.fra\n    options: {members: [FRAConfig, FRA]}" in made
    assert "<!--" not in made
