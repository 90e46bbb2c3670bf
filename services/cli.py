"""The command line: `driftline --help`."""

from __future__ import annotations

import typer

from driftline import __version__
from driftline.services.commands.answers import answers
from driftline.services.commands.checkpoint import checkpoint
from driftline.services.commands.config import config
from driftline.services.commands.dead_letters import dead_letters
from driftline.services.commands.demo import demo
from driftline.services.commands.doctor import doctor
from driftline.services.commands.models import models
from driftline.services.commands.publish import publish
from driftline.services.commands.replay import replay
from driftline.services.commands.streams import streams
from driftline.services.commands.topics import topics
from driftline.services.commands.up import up
from driftline.services.commands.worker import worker

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
app.command()(answers)
app.add_typer(topics, name="topics")
app.add_typer(models, name="models")
app.add_typer(checkpoint, name="checkpoint")
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(config, name="config")
app.command()(doctor)
app.command()(streams)
app.command()(worker)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
