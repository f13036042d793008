"""What a run was told, resolved: all of it for the run folder, and what others may see of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fra_zoo.data.identity import difference
from fra_zoo.errors import FraZooError
from fra_zoo.fields import named, published

DATA, VERSIONS = "data", "versions"


@dataclass(frozen=True)
class Settings:
    """A run's configuration.

    Attributes:
        values: every field of it, what the recipe filled in, versions, and under `data` what tells the data from other.
        public: the same without what its fields call private, and without paths of this machine.
        may_change: names of the fields that may differ when a run goes on.
    """

    values: dict[str, Any]
    public: dict[str, Any] = field(default_factory=dict)
    may_change: frozenset[str] = frozenset()

    def check(self, before: Mapping[str, Any], run: str) -> None:
        """Raise `FraZooError` if a run with the settings `before` would go on otherwise with these."""
        changed = [
            f"{key} was {before[key]}, is {value}"
            for key, value in self.values.items()
            if key not in self.may_change
            and key not in (DATA, VERSIONS)
            and key in before
            and _plain(before[key]) != _plain(value)
        ]
        if changed:
            raise FraZooError(
                f"{run} cannot be resumed with other settings: {', '.join(changed)}; give those of before, or another "
                "--output"
            )
        other = difference(before.get(DATA) or {}, self.values.get(DATA) or {}) if before.get(DATA) else ""
        if other:
            raise FraZooError(
                f"{run} cannot be resumed on other data: {other}; give the data it was trained on, or another --output "
                "to start anew"
            )


def make_settings(config: Any, options: Any, resolved: dict[str, Any], more: dict[str, Any]) -> Settings:
    """The settings of a run.

    Args:
        config: of the run.
        options: of its method or objective, a dataclass too.
        resolved: what the recipe filled in.
        more: what else there is to say, such as `versions` and `data`; it holds no path.
    """
    seen = {**published(config), **published(options), **resolved, **more}
    return Settings(
        {**asdict(config), **asdict(options), **resolved, **more},
        {key: value for key, value in seen.items() if value is not None},
        frozenset(named(config, "may_change") | named(options, "may_change")),
    )


def _plain(value: Any) -> Any:
    """A value as YAML and JSON give it back; a text that is JSON counts by what it says, not by its spaces."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return list(value) if isinstance(value, tuple) else value
