"""A file of JSON lines, or standard input: messages as they are, in their order, at their times.

A line is either a bare message of one stream, or `{"topic": …, "key": …, "value": {…}}` as Kafka tools write it.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

import pydantic

from driftline.services.sources.source import Record, Role, SourceError
from driftline.streams.config import StreamConfig
from driftline.streams.events import ENTITY, KINDS, LabelEvent, Message
from driftline.streams.wire import clip

MAX_KEYS = 1_000_000
"""Events whose keys are remembered for the bare labels after them."""
GZIP = b"\x1f\x8b"
"""How a gzip file begins."""


class JsonLines:
    """The records of a file of JSON lines, packed with gzip or not.

    A bare label (it has `of` in place of `id`) gets the key of its event if that came before it in the file; else
    only the other form can say its key.

    Parameters
    ----------
    path
        The file; `-` is standard input.
    streams
        The configured streams by name.
    stream
        The stream of bare messages; needed only where several are configured.
    raw
        Publish bad lines as they are, to see what becomes of them; else the first one is an error.

    Raises `SourceError` with file and line number, and `OSError` if the file cannot be read.

    """

    total: int | None = None

    def __init__(
        self,
        path: str | Path,
        streams: Mapping[str, StreamConfig],
        *,
        stream: str | None = None,
        raw: bool = False,
    ):
        if stream is not None and stream not in streams:
            raise SourceError(f"no stream {stream!r} is configured: name one of {', '.join(sorted(streams))}")
        self.path = str(path)
        self.streams = streams
        self.stream = stream or (next(iter(streams)) if len(streams) == 1 else None)
        self.raw = raw
        self._topics: dict[str, tuple[str, Role]] = {}
        for name, config in streams.items():
            self._topics[config.topic] = name, "event"
            self._topics[config.label_topic] = name, "label"

    def __iter__(self) -> Iterator[Record]:
        keys: dict[tuple[str, str], str] = {}
        at = 0.0  # of the last good message: the time of a bad one after it; 0 before the first
        with self._open() as file:
            for number, line in enumerate(file, start=1):
                line = line.strip(b" \t\r\n")
                if not line:
                    continue
                try:
                    record = self._record(line, keys) if not self.raw else self._good_or_bad(line, keys, at)
                except (ValueError, RecursionError) as error:
                    hint = "" if self.raw else "; --raw publishes it as it is"
                    raise SourceError(f"{self.path}, line {number}: {clip(_said(error))}{hint}") from None
                at = max(at, record.at)
                yield record

    def _open(self) -> AbstractContextManager[Iterable[bytes]]:
        if self.path == "-":
            stdin = cast(io.BufferedReader, sys.stdin.buffer)
            return gzip.GzipFile(fileobj=stdin) if stdin.peek(2)[:2] == GZIP else nullcontext(stdin)
        with Path(self.path).open("rb") as beginning:
            packed = beginning.read(2) == GZIP
        return gzip.GzipFile(self.path) if packed else Path(self.path).open("rb")

    def _record(self, line: bytes, keys: dict[tuple[str, str], str]) -> Record:
        said = _object(line)
        key: str | None = None
        if "topic" in said:
            said, name, role, key = self._enveloped(said)
            line = json.dumps(said).encode()
        else:
            name, role = self._bare(), "label" if "of" in said else "event"
        message = self._model(name, role).model_validate_json(line)
        if isinstance(message, LabelEvent):
            key = key if key is not None else keys.get((name, message.of))
            if key is None:
                raise SourceError(
                    f"the label of {message.of!r} has no key, and its event is not before it in the file: write "
                    f'{{"topic": "{self.streams[name].label_topic}", "key": "...", "value": ...}}'
                )
        else:
            own: str = message.key  # type: ignore[attr-defined]
            if key is not None and key != own:
                raise SourceError(f"the key {key!r} differs from the {ENTITY[self.streams[name].kind]} {own!r}")
            key = own
            keys[name, message.id] = key  # type: ignore[attr-defined]
            if len(keys) > MAX_KEYS:
                del keys[next(iter(keys))]
        return Record(message.at, name, role, key, message)  # type: ignore[attr-defined]

    def _enveloped(self, said: dict[str, Any]) -> tuple[dict[str, Any], str, Role, str | None]:
        if unknown := said.keys() - {"topic", "key", "value"}:
            raise SourceError(f"{sorted(unknown)} beside topic, key and value")
        name, role = self._place(said["topic"])
        key, value = said.get("key"), said.get("value")
        if not isinstance(value, dict):
            raise SourceError("`value` must be an object: the message")
        if key is not None and not isinstance(key, str):
            raise SourceError(f"`key` must be text, not {key!r}")
        return value, name, role, key

    def _place(self, topic: Any) -> tuple[str, Role]:
        if not isinstance(topic, str) or topic not in self._topics:
            raise SourceError(f"no stream has the topic {topic!r}: it is one of {', '.join(sorted(self._topics))}")
        return self._topics[topic]

    def _bare(self) -> str:
        if self.stream is None:
            raise SourceError(f"which stream is this of? name one of {', '.join(sorted(self.streams))} (--stream)")
        return self.stream

    def _model(self, name: str, role: Role) -> type[Message]:
        return LabelEvent if role == "label" else KINDS[self.streams[name].kind]

    def _good_or_bad(self, line: bytes, keys: dict[tuple[str, str], str], at: float) -> Record:
        try:
            return self._record(line, keys)
        except (ValueError, RecursionError):
            return self._as_it_is(line, at)

    def _as_it_is(self, line: bytes, at: float) -> Record:
        """Make a record of a bad line; what can be read of it (topic, key, entity) is kept."""
        name: str | None = None
        role: Role = "event"
        key: Any = None
        value: Any = line
        try:
            said = _object(line)
        except (ValueError, RecursionError):
            said = {}
        if "topic" in said:
            name, role = self._place(said["topic"])
            key, value = said.get("key"), said.get("value")
            # Text in place of an object is the very message: the way to write one that is not even JSON.
            value = value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()
        else:
            name = self._bare()
            key = said.get(ENTITY[self.streams[name].kind])
            role = "label" if "of" in said else "event"
        return Record(at, name, role, key if isinstance(key, str) and key.isprintable() else None, value)


def _object(line: bytes) -> dict[str, Any]:
    said = json.loads(line)
    if not isinstance(said, dict):
        raise SourceError("a line must be a JSON object: a message, or topic, key and value")
    return said


def _said(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        faults = error.errors(include_url=False, include_input=False, include_context=False)[:5]
        return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'message'}: {fault['msg']}" for fault in faults)
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
