"""What a run was told, resolved: all of it for the run folder, and what others may see of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fra_zoo.config import flat, may_change, plain, published
from fra_zoo.config.fields import Options
from fra_zoo.data.identity import difference
from fra_zoo.errors import FraZooError

DATA, VERSIONS = "data", "versions"


@dataclass(frozen=True)
class Settings:
    """A run's configuration.

    Attributes:
        values: every value of it, by section.
        public: the same without what its fields call private and without paths of this machine; also versions, and
            under `data` what tells the data from other.
        may_change: keys, as `fra_zoo.config.flat` writes them, that may differ when a run goes on.
    """

    values: dict[str, Any]
    public: dict[str, Any] = field(default_factory=dict)
    may_change: frozenset[str] = frozenset()

    def check(self, before: Mapping[str, Any], run: str) -> None:
        """Raise `FraZooError` if a run with the settings `before` would go on otherwise with these."""
        was, now = (
            flat({k: v for k, v in told.items() if k not in (DATA, VERSIONS)}) for told in (before, self.values)
        )
        changed = [
            f"{key} was {was[key]}, is {value}"
            for key, value in now.items()
            if key not in self.may_change and key in was and was[key] != value
        ]
        if changed:
            raise FraZooError(
                f"{run} cannot be resumed with other settings: {', '.join(changed)}; give those of before, or another "
                "--output"
            )
        other = difference(before.get(DATA) or {}, self.public.get(DATA) or {}) if before.get(DATA) else ""
        if other:
            raise FraZooError(
                f"{run} cannot be resumed on other data: {other}; give the data it was trained on, or another --output "
                "to start again"
            )


def shared_facts(config: Options, run: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same on all processes of a run: settings, versions, data, run folder and newest checkpoint.

    Numbers of threads and workers may differ from machine to machine, and so may paths of the data.
    """
    values = {key: value for key, value in flat(published(config)).items() if key not in ("threads", "workers")}
    checkpoints = sorted(file.parent.name for file in run.glob("checkpoints/step-*/trainer.json"))
    return {
        **values,
        **{f"version of {name}": number for name, number in versions().items()},
        **{f"data of {split}": value for split, value in data.items()},
        "output": str(run),
        "newest checkpoint": checkpoints[-1] if checkpoints else "none",
    }


def versions() -> dict[str, str]:
    """Versions of the libraries that decide the numbers."""
    return {name: version(name) for name in ("torch", "timm", "transformers", "datasets", "accelerate", "fra-zoo")}


def make_settings(config: Options, more: dict[str, Any]) -> Settings:
    """The settings of a run.

    Args:
        config: of the run.
        more: what else others may know, such as `versions` and `data`; it holds no path.
    """
    return Settings(plain(config), published(config) | more, may_change(config))
