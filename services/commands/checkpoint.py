"""`driftline checkpoint`: the lanes' state in Redis."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from driftline.services import checkpoints
from driftline.services.checkpoints import Generation
from driftline.services.console import CHECK_FAILED, Config, Json, configured, connected, explained, out, say_json
from driftline.services.settings import Settings

checkpoint = typer.Typer(help="The lanes' state in Redis: what is kept, and whether it is sound.", no_args_is_help=True)

Stream = Annotated[str | None, typer.Option(help="Only the lanes of this stream.")]


@checkpoint.command("list")
def list_checkpoints(config: Config = None, stream: Stream = None, as_json: Json = False) -> None:
    """List every lane's generations: serial, age, size, offsets, models, and the libraries that made it.

    For example:

        driftline checkpoint list
        driftline checkpoint list --stream sensors --json
    """
    with explained():
        settings = connected(config, kafka=False, redis=True)
        found = _found(settings, stream, load=False)
        if settings.kafka.brokers:
            checkpoints.tell_times(settings, found)
    if as_json:
        say_json([one.as_json() for one in found])
        return
    if not found:
        out.print("no lane has been checkpointed yet")
        return
    table = Table("lane", "serial", "age", "bytes", "offsets", "models", "made by")
    for one in found:
        if one.header is None or one.trouble:
            table.add_row(
                one.lane, str(one.serial), "", f"{one.size:,}", escape(one.trouble or ""), "", "", style="red"
            )
            continue
        head = one.header
        table.add_row(
            one.lane,
            str(one.serial),
            "?" if one.at is None else f"{max(0.0, time.time() - one.at):,.0f} s",
            f"{one.size:,}",
            "\n".join(f"{topic} {offset:,}" for topic, offset in head.offsets.items()),
            "\n".join(head.models),
            "\n".join(f"{name} {version}" for name, version in head.libraries.items()),
        )
    out.print(table)


@checkpoint.command("verify")
def verify_checkpoints(config: Config = None, stream: Stream = None, as_json: Json = False) -> None:
    """Check every generation: header, checksums, seals, and that every part loads. Exit code 4 if one is not sound.

    For example:

        driftline checkpoint verify
    """
    with explained():
        settings = connected(config, kafka=False, redis=True)
        found = _found(settings, stream, load=True)
    bad = [one for one in found if one.trouble]
    if as_json:
        said = [one.as_json() | {"loaded": one.state is not None} for one in found]
        say_json({"sound": not bad, "generations": said})
    else:
        for one in found:
            _tell(one)
        out.print(f"{len(found) - len(bad)} of {len(found)} generations are sound", highlight=False)
    if bad:
        raise typer.Exit(CHECK_FAILED)


def _found(settings: Settings, stream: str | None, *, load: bool) -> list[Generation]:
    if stream is not None:
        configured(settings, stream)
    lanes = checkpoints.lanes(settings, stream)
    return [one for name in lanes for one in checkpoints.generations(settings, name, load=load)]


def _tell(one: Generation) -> None:
    head = f"{one.lane} generation {one.serial}"
    if one.trouble:
        out.print(f"{head}: NOT SOUND: {one.trouble}", style="red", markup=False, highlight=False)
    elif one.state is None:
        out.print(f"{head}: sealed and whole; its stream is not configured, so it was not loaded", highlight=False)
    else:
        out.print(f"{head}: sound", highlight=False)
