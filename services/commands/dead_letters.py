"""`driftline dead-letters`: what could not be used, and the way back."""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated, Any

import click
import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from driftline.services import dead_letters as post
from driftline.services.console import (
    CHECK_FAILED,
    USAGE,
    Config,
    Json,
    configured,
    connected,
    err,
    explained,
    fail,
    out,
    say_json,
)
from driftline.streams.events import REASONS
from driftline.streams.wire import clip

dead_letters = typer.Typer(help="Messages that could not be used: why, and the way back.", no_args_is_help=True)


@dead_letters.command("list")
def list_letters(
    config: Config = None,
    stream: Annotated[str | None, typer.Option(help="Only this stream's.")] = None,
    reason: Annotated[str | None, typer.Option(help=f"Only those of this reason: {', '.join(REASONS)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most that are shown: the newest.")] = 20,
    as_json: Json = False,
) -> None:
    """List the newest dead letters of each stream.

    For example:

        driftline dead-letters list
        driftline dead-letters list --stream sensors --reason schema --limit 100 --json
    """
    if reason is not None and reason not in REASONS:
        fail(f"no reason {reason!r}: it is one of {', '.join(REASONS)}", USAGE)
    with explained():
        settings = connected(config)
        if stream is not None:
            configured(settings, stream)
        found = post.newest(settings, stream, reason, limit)
    if as_json:
        say_json([{"stream": name, **msgspec.to_builtins(letter)} for name, letter in found])
        return
    if not found:
        out.print("no dead letters")
        return
    table = Table("id", "reason", "what is wrong", "message")
    for _, letter in found:
        table.add_row(letter.id, letter.reason, *(escape(clip(said, 200)) for said in (letter.message, letter.value)))
    out.print(table)
    counts = Counter(letter.reason for _, letter in found)
    out.print(", ".join(f"{count} {why}" for why, count in counts.most_common()), highlight=False)


@dead_letters.command("replay")
def replay_letter(
    id_: Annotated[str, typer.Option("--id", help="The letter: topic/partition/offset of the message.")],
    config: Config = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="field=value, as JSON or else text; dots go inside: x.flow=1.5.")
    ] = None,
    unsets: Annotated[list[str] | None, typer.Option("--unset", help="Take a field away.")] = None,
    value: Annotated[str | None, typer.Option(metavar="JSON", help="The whole message, written anew.")] = None,
    edit: Annotated[bool, typer.Option("--edit", help="Mend the message in $EDITOR.")] = False,
    key: Annotated[str | None, typer.Option(help="The Kafka key of a label: that of its event.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Send it even if it would be rejected again.")] = False,
    as_json: Json = False,
) -> None:
    """Mend a message and send it back to its own topic. Exit code 4 if it would be rejected again.

    For example:

        driftline dead-letters replay --id sensors/0/42 --set at=1700000000 --set x.flow=1.5 --unset colour
        driftline dead-letters replay --id sensors.labels/1/7 --key pump-3
        driftline dead-letters replay --id sensors/0/42 --edit
    """
    if sum((bool(sets or unsets), value is not None, edit)) > 1:
        fail("mend it in one way: --set and --unset, --value, or --edit", USAGE)
    with explained():
        settings = connected(config)
        try:
            stream, letter = post.find(settings, id_)
            old_key, old = post.original(settings, letter)
            new = _mended(old, sets or [], unsets or [], value, edit)
            mended, why = post.prepare(settings, stream, letter, new, old_key if key is None else key.encode())
        except post.LetterError as error:
            fail(str(error))
        if why is not None and not force:
            fail(f"it would be rejected again: {why}. Mend it, or send it all the same with --force", CHECK_FAILED)
        if letter.reason in ("duplicate", "label_late", "label_conflicting") and new == old:
            err.print(f"it was rejected as {letter.reason}, and is sent as it was", style="yellow")
        offset = post.send(settings, mended)
    place: dict[str, Any] = {"topic": mended.topic, "partition": mended.partition, "offset": offset}
    if as_json:
        say_json(place | {"key": None if mended.key is None else mended.key.decode("utf-8", "replace")})
    else:
        out.print(f"sent to {mended.topic}/{mended.partition}/{offset}", highlight=False)


def _mended(old: bytes, sets: list[str], unsets: list[str], value: str | None, edit: bool) -> bytes:
    if value is not None:
        return value.encode()
    if sets or unsets:
        return post.mend(old, sets, unsets)
    if not edit:
        return old
    try:
        text = json.dumps(json.loads(old), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = old.decode("utf-8", "replace")
    try:
        edited = click.edit(text, extension=".json")
    except click.ClickException as error:
        raise post.LetterError(error.message) from error
    if edited is None:
        raise post.LetterError("nothing was changed, so nothing was sent")
    return edited.strip().encode()
