"""`driftline doctor`: is everything there, and as it must be?"""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table

from driftline.services.console import CHECK_FAILED, UNAVAILABLE, Config, Json, err, out, say_json, settings_of
from driftline.services.doctor import examine
from driftline.services.up import beside

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red", "unreachable": "red"}


def doctor(config: Config = None, as_json: Json = False) -> None:
    """Check broker, topics, Redis, clocks, snapshot key and libraries.

    Exit code 3 when a server cannot be reached, 4 when a check fails, 0 otherwise; warnings do not count.

    For example:

        driftline doctor
        driftline doctor --json
    """
    settings = beside(settings_of(config))
    with err.status("looking"):
        checks = list(examine(settings))
    if as_json:
        say_json([check.as_json() for check in checks])
    else:
        table = Table("check", "", "found", "what to do")
        for check in checks:
            table.add_row(
                check.name, f"[{_STYLES[check.status]}]{check.status}[/]", escape(check.found), escape(check.do)
            )
        out.print(table)
    statuses = {check.status for check in checks}
    if "unreachable" in statuses:
        raise typer.Exit(UNAVAILABLE)
    if "fail" in statuses:
        raise typer.Exit(CHECK_FAILED)
