"""The effective settings, and where each value came from; secrets are masked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from driftline.services.settings import Loaded
from driftline.services.settings_errors import dotted, masked
from driftline.services.settings_sources import Origin
from driftline.services.toml_lines import KeyPath


@dataclass(frozen=True)
class Row:
    """One value: its name as TOML writes it, what it is (masked if it is secret), and who set it."""

    name: str
    value: Any
    origin: Origin

    @property
    def text(self) -> str:
        """The value for people to read: as JSON, so that `"1"` and `1` differ."""
        return json.dumps(self.value, ensure_ascii=False)

    def as_json(self) -> dict[str, Any]:
        """Return the row for scripts."""
        where = self.origin
        origin = {"kind": where.kind, "name": where.name or None, "line": where.line}
        return {"name": self.name, "value": self.value, "origin": origin}


def rows(loaded: Loaded) -> list[Row]:
    """Return one row for each value in effect, in the order of the settings.

    >>> from pathlib import Path
    >>> from driftline.services.settings import Settings
    >>> row = rows(Loaded(Settings(), Path("driftline.toml"), ()))[0]
    >>> row.name, row.text, str(row.origin)
    ('app', '"driftline"', 'default')
    """
    values = loaded.settings.model_dump(mode="json", by_alias=True)
    return [Row(dotted(path), masked(path, value), loaded.origin(path)) for path, value in _leaves(values, ())]


def to_json(shown: Iterable[Row]) -> str:
    """Return rows as a JSON array of `{"name", "value", "origin": {"kind", "name", "line"}}`."""
    return json.dumps([row.as_json() for row in shown], ensure_ascii=False, indent=2)


def _leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """Go down tables and arrays that hold tables; an empty table and an array of plain values are values."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    else:
        yield path, value
