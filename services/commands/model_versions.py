"""`driftline models versions` and `rollback`: what a heavy model has served with, and back to the one before."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from driftline.services.console import USAGE, Config, Json, configured, connected, explained, fail, out, say_json
from driftline.services.settings import Settings, snapshot_key
from driftline.streams.redis_store import RedisStore
from driftline.streams.store import Lost
from driftline.streams.vault import Vault

if TYPE_CHECKING:
    from driftline.streams.versions import Versions

Stream = Annotated[str, typer.Argument(help="The stream.")]
Model = Annotated[str, typer.Argument(help="The heavy model, as it is named there.")]


def versions(stream: Stream, model: Model, config: Config = None, as_json: Json = False) -> None:
    """Show the versions of a heavy model that are kept; the last one serves.

    For example:

        driftline models versions clicks deep
    """
    with explained():
        told = _versions(connected(config, kafka=False, redis=True), stream, model).kept()
    if as_json:
        say_json({"versions": told})
        return
    if not told:
        out.print("no version has been made yet")
        return
    table = Table("version", "made", "labels learnt", "mean loss then", "of the one before", "")
    for place, one in enumerate(told):
        when = datetime.datetime.fromtimestamp(one["at"], datetime.UTC).isoformat(timespec="seconds")
        serves = "serves" if place == len(told) - 1 else ""
        table.add_row(one["name"], when, f"{one['learnt']:,}", f"{one['after']:.4g}", f"{one['before']:.4g}", serves)
    out.print(table)


def rollback(stream: Stream, model: Model, config: Config = None) -> None:
    """Let the version before the last serve again; it takes the workers a second to notice.

    Learning goes on; the next version serves once it is no worse on labels that come after this.

    For example:

        driftline models rollback clicks deep
    """
    with explained():
        found = _versions(connected(config, kafka=False, redis=True), stream, model)
        try:
            gone, serves = found.roll_back()
        except ValueError as error:
            fail(str(error))
        except Lost:
            fail("a new version was published at the same moment: look at `driftline models versions` and try again")
    out.print(f"{gone} is taken back; {serves} serves", highlight=False)


def _versions(settings: Settings, stream: str, model: str) -> Versions:
    known = configured(settings, stream)
    if model not in known.heavy:
        fail(f"no heavy model {model!r} in {stream}: {', '.join(known.heavy) or 'it has none'}", USAGE)
    try:
        from driftline.streams.versions import Versions, place_of
    except ImportError as error:
        fail(f"{error}: pip install 'driftline[torch]'")
    store = RedisStore(settings.redis.url, settings.redis.command_timeout_seconds)
    return Versions(store, Vault(snapshot_key(settings)), place_of(settings.app, stream, model))
