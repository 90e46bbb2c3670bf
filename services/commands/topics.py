"""`driftline topics`: the topics of the configured streams."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from driftline.services import topics as kafka_topics
from driftline.services.console import USAGE, Config, Json, connected, explained, fail, out, say_json, settings_of
from driftline.services.settings import Settings
from driftline.streams.asyncapi import document, json_schemas

topics = typer.Typer(invoke_without_command=True)


@topics.callback()
def list_topics(
    context: typer.Context,
    config: Config = None,
    make: Annotated[bool, typer.Option("--create", help="Make those that are missing first.")] = False,
    schema: Annotated[
        str | None, typer.Option(metavar="NAME", help="Print the JSON Schema of a message instead.")
    ] = None,
    asyncapi: Annotated[bool, typer.Option("--asyncapi", help="Print the AsyncAPI document instead.")] = False,
    as_json: Json = False,
) -> None:
    """List the topics of the configured streams, with their partitions and offsets.

    For example:

        driftline topics
        driftline topics create
        driftline topics --schema SensorEvent
        driftline topics --asyncapi > asyncapi.json
    """
    if context.invoked_subcommand is not None:
        return
    if schema is not None:
        schemas = json_schemas()
        if schema not in schemas:
            fail(f"no message {schema!r}: it is one of {', '.join(schemas)}", USAGE)
        say_json(schemas[schema])
        return
    if asyncapi:
        settings = settings_of(config)
        say_json(document(settings.streams, settings.kafka.brokers))
        return
    with explained():
        settings = connected(config)
        if make:
            _create(settings)
        found = kafka_topics.describe(settings.kafka.brokers, settings.streams, client=settings.kafka.client)
        faults = kafka_topics.check(settings.streams, {t.plan.name: len(t.partitions) for t in found if t.partitions})
    if as_json:
        say_json({"topics": [_as_json(topic) for topic in found], "faults": faults})
        return
    table = Table("topic", "carries", "stream", "partitions", "records", "offsets")
    for topic in found:
        if not topic.partitions:
            table.add_row(topic.plan.name, topic.plan.what, topic.plan.stream or "all", "missing", "", "", style="red")
            continue
        offsets = "  ".join(f"{part.number}: {part.first:,}-{part.end:,}" for part in topic.partitions)
        table.add_row(
            topic.plan.name,
            topic.plan.what,
            topic.plan.stream or "all",
            str(len(topic.partitions)),
            f"{topic.records:,}",
            offsets,
        )
    out.print(table)
    for fault in faults:
        out.print(fault, style="red", markup=False, highlight=False)


@topics.command("create")
def create_topics(config: Config = None) -> None:
    """Make the topics that are missing; those that exist stay as they are.

    For example:

        driftline topics create --config driftline.toml
    """
    with explained():
        _create(connected(config))


def _create(settings: Settings) -> None:
    made = kafka_topics.create(settings.kafka.brokers, settings.streams, client=settings.kafka.client)
    out.print(f"made {', '.join(made)}" if made else "all topics are there", highlight=False)


def _as_json(topic: kafka_topics.Topic) -> dict[str, object]:
    return {
        "name": topic.plan.name,
        "carries": topic.plan.what,
        "stream": topic.plan.stream,
        "exists": bool(topic.partitions),
        "partitions": [{"number": p.number, "first": p.first, "end": p.end} for p in topic.partitions],
        "records": topic.records,
    }
