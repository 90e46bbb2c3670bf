"""`driftline config`: the settings in effect, and where each came from."""

from __future__ import annotations

import os
import sys

import typer
from rich.markup import escape
from rich.table import Table

from driftline.services.config_show import rows, to_json
from driftline.services.console import USAGE, Config, Json, fail, out
from driftline.services.settings import Loaded, read
from driftline.services.settings_errors import ConfigError

config = typer.Typer(help="The settings in effect, and where each came from.", no_args_is_help=True)


@config.command("show")
def show_config(config: Config = None, as_json: Json = False) -> None:
    """Show every value in effect and where it came from; secrets are masked.

    For example:

        driftline config show
        DRIFTLINE_WEB__PORT=8080 driftline config show --json
    """
    loaded = _loaded(config)
    if as_json:
        sys.stdout.write(to_json(rows(loaded)) + "\n")
        return
    table = Table("setting", "value", "from")
    for row in rows(loaded):
        table.add_row(row.name, escape(row.text), str(row.origin), style="dim" if row.origin.kind == "default" else "")
    out.print(table)


@config.command("check")
def check_config(config: Config = None) -> None:
    """Say whether the settings are right; exit code 2 with every mistake and its line if not.

    For example:

        driftline config check --config driftline.toml
    """
    loaded = _loaded(config)
    count = sum(len(stream.models) for stream in loaded.settings.streams.values())
    out.print(
        f"{loaded.path}: {len(loaded.settings.streams)} streams, {count} models: no mistake found", highlight=False
    )


def _loaded(path: Config) -> Loaded:
    try:
        return read(path, os.environ, {})
    except ConfigError as error:
        fail(str(error), USAGE)
