"""`driftline publish`: send a built-in source or a file to the topics of its stream."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from driftline.services.console import USAGE, Config, Json, connected, err, explained, fail, out, say_json, settings_of
from driftline.services.publisher import Published
from driftline.services.publisher import publish as send
from driftline.services.settings import Settings
from driftline.services.sources import SOURCES, JsonLines, Source

SourceName = Literal["yeast", "shuttle", "cells", "water-flow", "waterflow", "host", "synthetic"]

_HOME = {"synthetic": "sensors"}
"""Streams of sources whose own default is not in the shipped configuration."""


def publish(
    config: Config = None,
    source: Annotated[
        SourceName | None, typer.Option("--from", help="A built-in source; `host` is this machine, live.")
    ] = None,
    file: Annotated[
        str | None, typer.Option(help="A file of JSON lines (.gz too), `-` for standard input.", metavar="FILE")
    ] = None,
    stream: Annotated[str | None, typer.Option(help="The stream to publish to; else that of the source.")] = None,
    speed: Annotated[
        float | None, typer.Option(help="1 is real time, 60 a minute in a second; else as fast as it goes.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=0, help="The most events (of a file: the most messages).")] = None,
    delay: Annotated[
        float | None, typer.Option(min=0, help="Seconds of event time from an event to its label.")
    ] = None,
    drift_at: Annotated[
        list[int] | None, typer.Option(help="Synthetic only: the events at which the truth turns round.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Synthetic and cells only: of the random numbers.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Publish bad lines of a file as they are.")] = False,
    show: Annotated[bool, typer.Option("--print", help="Write JSON lines to standard output instead.")] = False,
    as_json: Json = False,
) -> None:
    """Publish a source in its order, at its pace, with its event times.

    For example:

        driftline publish --from shuttle --limit 5000
        driftline publish --from host
        driftline publish --from synthetic --drift-at 5000 --speed 100
        zcat events.jsonl.gz | driftline publish --file - --stream sensors
        driftline publish --from yeast --print > yeast.jsonl
    """
    if (source is None) == (file is None):
        fail("say what to publish: either --from NAME or --file FILE", USAGE)
    settings = settings_of(config) if show else connected(config)
    with explained():
        if file is not None:
            _refuse(delay=delay, drift_at=drift_at, seed=seed, of="a file")
            made: Source = JsonLines(file, settings.streams, stream=stream, raw=raw)
        else:
            assert source is not None
            made = _built_in(source, settings, stream, limit=limit, delay=delay, drift_at=drift_at, seed=seed)
        most = limit if file is not None else None
        try:
            if show:
                _print(made, settings, most)
                return
            done = _publish(made, settings, speed, most)
        except ValueError as error:
            fail(str(error), USAGE)
        except BrokenPipeError:
            raise  # whoever reads what is printed has enough
        except OSError as error:
            fail(f"{file}: {error.strerror or error}")
    _report(done, as_json)


def _refuse(*, of: str, **options: Any) -> None:
    for name, value in options.items():
        if value:
            fail(f"--{name.replace('_', '-')} is not for {of}", USAGE)


def _built_in(
    name: str,
    settings: Settings,
    stream: str | None,
    *,
    limit: int | None,
    delay: float | None,
    drift_at: list[int] | None,
    seed: int | None,
) -> Source:
    name = "water-flow" if name == "waterflow" else name
    options: dict[str, Any] = {}
    if name == "synthetic":
        options = {"count": limit, "drift_at": tuple(drift_at or ()), "seed": seed}
    elif name == "cells":
        _refuse(drift_at=drift_at, of=name)
        options = {"limit": limit, "seed": seed}
    else:
        _refuse(drift_at=drift_at, seed=seed, of=name)
        options = {"limit": limit}
    if delay is not None:
        if name in ("host", "water-flow", "cells"):
            fail(f"--delay is not for {name}: it has no labels", USAGE)
        options["delay_seconds"] = delay
    if stream or name in _HOME:
        options["stream"] = stream or _HOME[name]
    made: Any = SOURCES[name](**{key: value for key, value in options.items() if value is not None})
    if made.stream not in settings.streams:
        known = ", ".join(sorted(settings.streams))
        fail(f"no stream {made.stream!r} is configured: choose one with --stream ({known})", USAGE)
    return made  # type: ignore[no-any-return]


def _print(source: Source, settings: Settings, limit: int | None) -> None:
    for record in islice(source, limit):
        config = settings.streams[record.stream]
        topic = config.topic if record.role == "event" else config.label_topic
        line = {"topic": topic, "key": record.key, "value": msgspec.Raw(record.payload)}
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")


def _publish(source: Source, settings: Settings, speed: float | None, limit: int | None) -> Published:
    stop = threading.Event()
    previous = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        with _progress(source.total if limit is None else limit) as told:
            return send(
                source,
                settings.kafka.brokers,
                settings.streams,
                speed=speed,
                limit=limit,
                on_progress=told,
                stop=stop,
                client=settings.kafka.client,
            )
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def _progress(total: int | None) -> Iterator[Any]:
    """A bar on a terminal, nothing elsewhere."""
    if not err.is_terminal:
        yield None
        return
    columns = (
        TextColumn("published"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>9,.0f}/s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=total, rate=0.0)
        began = time.monotonic()

        def told(done: Published) -> None:
            bar.update(task, completed=done.records, rate=done.records / max(1e-3, time.monotonic() - began))

        yield told


def _report(done: Published, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "events": done.events,
                "labels": done.labels,
                "acknowledged": done.acknowledged,
                "bytes": done.bytes,
                "interrupted": done.interrupted,
            }
        )
    else:
        how = " (interrupted)" if done.interrupted else ""
        out.print(f"published {done.events:,} events and {done.labels:,} labels{how}", highlight=False)
