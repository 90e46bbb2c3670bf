"""The command line: `driftline --help`."""

from __future__ import annotations

import typer

from driftline import __version__
from driftline.services.commands.demo import demo
from driftline.services.commands.publish import publish
from driftline.services.commands.replay import replay
from driftline.services.commands.streams import streams
from driftline.services.commands.up import up

app = typer.Typer(
    name="driftline",
    help="Models that learn while the stream flows. Start with `driftline demo` or `driftline up`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"driftline {__version__}")
        raise typer.Exit


@app.callback()
def main_options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Options of all commands."""


app.command()(demo)
app.command()(up)
app.command()(publish)
app.command()(replay)
app.command()(streams)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
