"""Packages of others register by entry points: found as if they were files of ours, and harmless where they fail."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest

import fra_zoo
from fra_zoo.cli import main
from fra_zoo.errors import FraZooError
from fra_zoo.registry import Registry


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that puts a package with entry points on the path, as pip would; gone after the test."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(package, modules, entry_points):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        for name, source in modules.items():
            (tmp_path / package / f"{name}.py").write_text(dedent(source))
        about = tmp_path / f"{package}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(dedent(entry_points))

    before = set(sys.modules)
    yield put
    for name in set(sys.modules) - before:
        if name.split(".")[0].startswith("plugin_"):
            del sys.modules[name]


@pytest.fixture
def again(monkeypatch):
    """A function that makes a registry look for plugins anew, and forgets what it found after the test."""

    def look(registry):
        registry.list()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        monkeypatch.setattr(registry, "_broken", [])
        monkeypatch.setattr(registry, "_loaded", False)

    return look


METHOD = """
    from fra_zoo.methods.base import METHODS
    from fra_zoo.methods.byol import BYOL

    @METHODS.register("mine")
    class Mine(BYOL):
        "BYOL under another name."
"""
DATASET = """
    from fra_zoo.data.base import register_dataset
    from fra_zoo.data.sets.synthetic_faces import synthetic_faces

    @register_dataset("my-faces")
    def my_faces(split, root=None, streaming=False):
        return synthetic_faces(split, count=5, size=32)
"""


def test_a_package_of_others_brings_a_method_and_a_dataset(install, again):
    from fra_zoo.data.base import DATASETS
    from fra_zoo.methods.base import METHODS

    install(
        "plugin_good",
        {"method": METHOD, "dataset": DATASET},
        """
        [fra_zoo.methods]
        mine = plugin_good.method
        [fra_zoo.datasets]
        faces = plugin_good.dataset
        """,
    )
    again(METHODS)
    again(DATASETS)
    assert "mine" in fra_zoo.list_methods()
    assert "my-faces" in fra_zoo.list_datasets()
    assert type(fra_zoo.create_method("mine", "test_resnet", image_size=64, dim=8, hidden_dim=8)).__name__ == "Mine"
    assert len(fra_zoo.create_dataset("my-faces")) == 5


def test_a_broken_plugin_is_one_line_and_stops_no_other(install, caplog):
    registry: Registry[int] = Registry("trifle", "fra_zoo.losses")
    sys.modules["plugin_registry"] = type(sys)("plugin_registry")
    sys.modules["plugin_registry"].REGISTRY = registry  # type: ignore[attr-defined]
    install(
        "plugin_many",
        {
            "bad": "raise OSError('no licence\\nfor this machine')",
            "twice": "from plugin_registry import REGISTRY\nREGISTRY.register('ours')(2)",
            "whole": "from plugin_registry import REGISTRY\nREGISTRY.register('theirs')(3)",
        },
        """
        [fra_zoo.trifles]
        bad = plugin_many.bad
        gone = plugin_many.gone
        twice = plugin_many.twice
        whole = plugin_many.whole
        """,
    )
    registry.register("ours")(1)
    assert registry.list() == ["ours", "theirs"]
    assert (registry.get("ours"), registry.get("theirs")) == (1, 3)
    assert [record.getMessage() for record in caplog.records] == [
        f"plugin '{name}' of package 'plugin_many' (fra_zoo.trifles: plugin_many.{name}) cannot be loaded "
        f"({why}); mend or uninstall it"
        for name, why in {
            "bad": "OSError: no licence",
            "gone": "ModuleNotFoundError: No module named 'plugin_many.gone'",
            "twice": "FraZooError: trifle 'ours' is registered twice; give one of them another name",
        }.items()
    ]
    with pytest.raises(FraZooError, match=r"unknown trifle 'gone'; .*plugin 'bad' of package 'plugin_many'"):
        registry.get("gone")


COMMAND = '''
    """Count the letters of a word.

        fra-zoo count WORD
    """
    from fra_zoo.config import place_words


    def run(argv):
        (word,), _ = place_words(argv, "count WORD", 1)
        print(len(word), "letters")
'''


def test_a_package_of_others_brings_a_command(install, capsys):
    install(
        "plugin_words",
        {"count": COMMAND, "bad": "import a_package_that_is_not_there", "info": COMMAND},
        """
        [fra_zoo.commands]
        count = plugin_words.count
        bad_one = plugin_words.bad
        gone = plugin_gone.count
        info = plugin_words.info
        """,
    )
    main(["--help"])
    text = capsys.readouterr().out
    assert "\n  count         Count the letters of a word.\n" in text
    assert "\n  bad one       (no help in plugin_words.bad)\n" in text
    assert "\n  gone          (cannot be loaded: ModuleNotFoundError: No module named 'plugin_gone')\n" in text
    assert "\n  info          Say what a model is" in text  # a name of ours stays ours
    main(["count", "region"])
    assert capsys.readouterr().out == "6 letters\n"
    for words, line in {
        ("count",): "usage: fra-zoo count WORD [--key value ...]",
        ("bad", "one"): "plugin_words.bad cannot be imported (No module named 'a_package_that_is_not_there'); "
        "install what it needs, or mend it",
    }.items():
        with pytest.raises(SystemExit):
            main(words)
        assert capsys.readouterr().err == f"error: {line}\n"
