"""The package as a whole: what importing it costs, and the registry."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fra_zoo
from fra_zoo.errors import FraZooError
from fra_zoo.registry import Registry

HEAVY = ("torch", "timm", "transformers", "datasets", "accelerate", "numpy", "PIL", "matplotlib")


def test_importing_is_light():
    code = f"import fra_zoo, sys; loaded = [m for m in {HEAVY} if m in sys.modules]; assert not loaded, loaded"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_are_there():
    for name in fra_zoo.__all__:
        assert getattr(fra_zoo, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'create_modell'"):
        fra_zoo.create_modell  # noqa: B018


def test_registry():
    registry: Registry[int] = Registry("thing", "fra_zoo.losses")
    registry.register("alpha")(1)
    registry.register("beta")(2)
    assert registry.get("alpha") == 1
    assert registry.list("*a") == ["alpha", "beta"]
    with pytest.raises(FraZooError, match="unknown thing 'alfa'; did you mean 'alpha'"):
        registry.get("alfa")
    with pytest.raises(FraZooError, match="thing 'alpha' is registered twice"):
        registry.register("alpha")(3)
