"""Where settings come from: each source is a layer of nested values that knows the origin of every one of them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from driftline.services.settings_errors import ConfigError, Mistake
from driftline.services.toml_lines import KeyPath, lines, nearest

PREFIX = "DRIFTLINE_"
CONFIG = "DRIFTLINE_CONFIG"
"""The variable that names the file; it is no setting itself."""

_KUBERNETES = re.compile(r"(tcp|udp|sctp)://")
_MISSING = object()


@dataclass(frozen=True)
class Origin:
    """Where one value was said.

    >>> str(Origin("file", "driftline.toml", 17)), str(Origin("default"))
    ('driftline.toml:17', 'default')
    """

    kind: Literal["default", "file", "environment", "argument"]
    name: str = ""
    line: int | None = None

    def __str__(self) -> str:
        """Return it as people read it: `driftline.toml:17`, the name of a variable, `argument`, `default`."""
        place = self.name or self.kind
        return place if self.line is None else f"{place}:{self.line}"


@dataclass(frozen=True)
class Layer:
    """One source: what it says, and where it says it."""

    values: dict[str, Any]
    said: Mapping[KeyPath, Origin] = field(default_factory=dict)

    def holds(self, path: KeyPath) -> bool:
        """Return whether this source says anything at or below a path."""
        return _at(self.values, path) is not _MISSING

    def origin(self, path: KeyPath) -> Origin:
        """Return the origin of a path, or of the nearest that encloses it, or of the first thing below it."""
        if (said := nearest(self.said, path)) is not None:
            return said
        return next(origin for at, origin in self.said.items() if at[: len(path)] == path)


def origin_of(path: KeyPath, layers: Sequence[Layer]) -> Origin:
    """Return who set the effective value at a path; `layers` go from the strongest to the weakest.

    >>> strong, weak = (Layer({"a": 1}, {(): Origin(kind)}) for kind in ("argument", "file"))
    >>> origin_of(("a",), [strong, weak]).kind, origin_of(("b",), [strong, weak]).kind
    ('argument', 'default')
    """
    return next((layer.origin(path) for layer in layers if layer.holds(path)), Origin("default"))


def place_of(path: KeyPath, layers: Sequence[Layer]) -> Origin:
    """Return where a mistake about a path is best mended: at its value, or at the table that lacks it.

    A table may be said by several sources; the weakest one, the file, is where it is written as a whole.
    """
    for end in range(len(path), 0, -1):
        holding = [layer for layer in layers if layer.holds(path[:end])]
        if holding:
            whole = isinstance(_at(holding[0].values, path[:end]), dict)
            return holding[-1 if whole else 0].origin(path)
    # Nothing of it is said anywhere: the file is where it is wanted.
    return layers[-1].origin(())


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one source over another, table by table.

    >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def toml_file(path: Path) -> Layer:
    """Read a TOML file.

    Raises `ConfigError` when it cannot be read or is no TOML, with the line.
    """
    name = shown(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        values = tomllib.loads(text)
    except OSError as error:
        raise ConfigError([Mistake(name, None, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([Mistake(name, line, "", "is not UTF-8")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax(name, text, str(error))]) from None
    return Layer(values, {at: Origin("file", name, line) for at, line in lines(text).items()})


def _syntax(name: str, text: str, message: str) -> Mistake:
    place = re.search(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    line = int(place[1]) if place and place[1] else text.rstrip("\n").count("\n") + 1
    column = f" (column {place[2]})" if place and place[2] else ""
    return Mistake(name, line, "", f"not TOML: {message[: place.start()] if place else message}{column}")


def shown(path: Path) -> str:
    """Return a path as people know it: below the working directory without it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else str(path)


def environment(environ: Mapping[str, str], under: Mapping[str, Any], known: Iterable[KeyPath]) -> Layer:
    """Read the variables `DRIFTLINE_…`, nested by `__`.

    A name is matched with the keys of the weaker sources (`under`) letter case and punctuation aside, since a shell
    takes no dash or dot in a name: `DRIFTLINE_STREAMS__MY_STREAM__PARTITIONS` reaches the stream `my-stream`. Tables,
    arrays and the values of `parameters` are JSON.

    `known` are the paths of the settings that do not depend on the user's names.

    Raises `ConfigError` for a name that is a setting's but for a missing underscore: it would be ignored silently.

    >>> environment({"DRIFTLINE_WEB__PORT": "80"}, {}, []).values
    {'web': {'port': '80'}}
    """
    tops = {str(path[0]) for path in known}
    folded = {"_".join(map(str, path)): path for path in known}
    layer: dict[str, Any] = {}
    said: dict[KeyPath, Origin] = {}
    mistakes = []
    # Fewer parts first, so that a whole table in JSON is laid under its single fields.
    for name in sorted(environ, key=lambda name: (name.count("__"), name)):
        if not name.startswith(PREFIX) or name == CONFIG:
            continue
        parts = name.removeprefix(PREFIX).lower().split("__")
        if len(parts) == 1 and parts[0] not in tops:
            # Other names belong to others: Kubernetes, for one, sets DRIFTLINE_WEB_PORT=tcp://… for a service.
            if parts[0] in folded and not _KUBERNETES.match(environ[name]):
                right = PREFIX + "__".join(map(str, folded[parts[0]])).upper()
                mistakes.append(Mistake(name, None, "", f"unknown variable; did you mean {right}?"))
            continue
        try:
            path = _path(parts, merge(under, layer))
        except ValueError as error:
            mistakes.append(Mistake(name, None, "", str(error)))
            continue
        if _put(layer, path, _decoded(environ[name], path)):
            said[path] = Origin("environment", name)
    if mistakes:
        raise ConfigError(mistakes)
    return Layer(layer, said)


def _path(parts: list[str], under: Any) -> KeyPath:
    path: list[str] = []
    for part in parts:
        if isinstance(under, list):
            raise ValueError(f"{'.'.join(path)} is an array: set it as a whole, in JSON")
        keys = list(under) if isinstance(under, dict) else []
        same = [key for key in keys if key == part] or [key for key in keys if _folded(key) == part]
        if len(same) > 1:
            raise ValueError(f"may mean {' or '.join(same)}: rename one of them, or set it in the file")
        # The client's own options have dots: DRIFTLINE_KAFKA__CLIENT__SASL_PASSWORD is sasl.password.
        path.append(same[0] if same else part.replace("_", ".") if path == ["kafka", "client"] else part)
        under = under.get(path[-1]) if isinstance(under, dict) else None
    return tuple(path)


def _folded(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", key.lower())


def _decoded(value: str, path: KeyPath) -> Any:
    """Decode JSON where a string cannot be meant; `[::1]:9092` is no JSON and stays what it is."""
    if value[:1] in ("{", "[") or "parameters" in path[:-1]:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _put(values: dict[str, Any], path: KeyPath, value: Any) -> bool:
    """Set a value in nested tables; where one of them is no table, that mistake is told instead of this one."""
    *tables, last = map(str, path)
    for key in tables:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            return False
        values = inner
    values[last] = value
    return True


def _at(values: Any, path: KeyPath) -> Any:
    for part in path:
        keys: Any = values if isinstance(values, dict) else range(len(values)) if isinstance(values, list) else ()
        if part not in keys:
            return _MISSING
        values = values[part]
    return values
