"""The command line: subcommands are files, their help costs nothing, errors are one line."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import fra_zoo
from fra_zoo.cli import commands, help_of, main, overview
from tests.test_package import HEAVY


@pytest.mark.parametrize("name", commands())
def test_every_command_says_what_it_does_and_how_it_is_called(name):
    module = commands()[name]
    first, _, rest = help_of(module).partition("\n\n")
    assert first.endswith(".")
    assert "\n" not in first
    assert rest.startswith(f"fra-zoo {name}")
    assert f"\n  {name} " in overview()
    assert first in overview()
    assert callable(importlib.import_module(module).run)


def test_help_is_light():
    code = (
        "import sys; from fra_zoo.cli import main; main(['--help']);"
        f"loaded = [m for m in {HEAVY} if m in sys.modules]; assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "fra-zoo COMMAND --help" in done.stdout


@pytest.mark.parametrize(("name", "option"), [("publish", "--revision"), ("data convert", "--shard_images")])
def test_help_of_a_command_shows_its_options(name, option, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert f"fra-zoo {name} " in out
    assert option in out


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["pretrian"], "unknown command 'pretrian'; did you mean 'pretrain'?"),
        (["data"], "unknown command 'data'; known: data convert, data inspect"),
        (["data", "inspekt", "x"], "unknown command 'data inspekt'; known: data convert, data inspect"),
        (["list", "layout"], "unknown list 'layout'; did you mean 'layouts'?"),
        (["info"], "usage: fra-zoo info MODEL [--key value ...]"),
        (["data", "inspect", "x", "--image", "3"], "config: unknown key 'image'; did you mean 'images'?"),
    ],
)
def test_bad_words_are_one_line(argv, line, capsys):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {line}\n"


def test_list_shows_every_kind_that_the_package_lists(capsys):
    main(["list"])
    shown = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert shown == [name.removeprefix("list_") for name in fra_zoo.__all__ if name.startswith("list_")]
    assert {"models", "methods", "layouts"} <= set(shown)
    main(["list", "layouts", "moco*"])
    assert capsys.readouterr().out == "layouts: moco_v2 moco_v3\n"


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "fra_zoo"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("fra-zoo: a model zoo for faces")
