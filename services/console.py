"""What all commands share: the option that names the file, output for people and for scripts, exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from driftline.services.settings import Settings, load
from driftline.services.settings_errors import ConfigError

OK, FAILURE, USAGE, UNAVAILABLE, CHECK_FAILED = 0, 1, 2, 3, 4
"""Exit codes: all well; something went wrong; wrong use; a server is missing; a check said no."""

out = Console()
err = Console(stderr=True)

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The TOML file; else $DRIFTLINE_CONFIG, ./driftline.toml, the shipped one."),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for scripts.")]


def settings_of(config: Path | None, **overrides: Any) -> Settings:
    """Read the settings, or exit 2 with every mistake and its line."""
    try:
        return load(config, **overrides)
    except ConfigError as error:
        err.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(USAGE) from None


def fail(message: str, code: int = FAILURE) -> NoReturn:
    """Say what is wrong and what to do, and exit."""
    err.print(message, style="red", markup=False, highlight=False)
    raise typer.Exit(code)


def say_json(value: Any) -> None:
    """Print one JSON document."""
    json.dump(value, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")
