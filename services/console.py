"""What all commands share: the option that names the file, output for people and for scripts, exit codes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from driftline.services.settings import Settings, load
from driftline.services.settings_errors import ConfigError
from driftline.services.settings_sources import CONFIG
from driftline.streams.config import StreamConfig

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


def config_path(config: Path | None) -> Path | None:
    """The file that `settings_of` reads; None for the shipped one, or one that is found by its place."""
    if config is not None:
        return config
    said = os.environ.get(CONFIG)
    return Path(said).expanduser() if said else None


def connected(config: Path | None, *, kafka: bool = True, redis: bool = False) -> Settings:
    """Read the settings of a command that needs servers: those configured, or of a `driftline up` beside us.

    Exits 3 where there are none.
    """
    from driftline.services.up import beside

    settings = beside(settings_of(config))
    missing = []
    if kafka and not settings.kafka.brokers:
        missing.append("no Kafka (kafka.brokers, DRIFTLINE_KAFKA__BROKERS)")
    if redis and not settings.redis.url:
        missing.append("no Redis (redis.url, DRIFTLINE_REDIS__URL)")
    if missing:
        fail(f"{' and '.join(missing)} is configured, and no `driftline up` runs on this machine", UNAVAILABLE)
    return settings


def configured(settings: Settings, stream: str) -> StreamConfig:
    """Return the configuration of a stream that was named on the command line, or exit 2 with the names there are."""
    if stream not in settings.streams:
        fail(f"no stream {stream!r} is configured: name one of {', '.join(sorted(settings.streams))}", USAGE)
    return settings.streams[stream]


@contextmanager
def explained() -> Iterator[None]:
    """Turn what can be expected to go wrong into a sentence and an exit code; a bug still shows itself."""
    from kafka.errors import KafkaTimeoutError

    from driftline.services.publisher import PublishError
    from driftline.services.reader import ReaderError
    from driftline.services.sources import SourceError
    from driftline.services.topics import TopicError
    from driftline.streams.store import Broken, Unavailable
    from driftline.streams.vault import Foreign

    try:
        yield
    except ConfigError as error:
        fail(str(error), USAGE)
    except SourceError as error:
        fail(str(error))
    except (TopicError, ReaderError, Unavailable, Broken) as error:
        fail(str(error), UNAVAILABLE)
    except PublishError as error:
        # A broker that does not answer is another matter than a message that it refuses.
        fail(str(error), UNAVAILABLE if isinstance(error.__cause__, TopicError | KafkaTimeoutError) else FAILURE)
    except Foreign as error:
        fail(str(error))


def fail(message: str, code: int = FAILURE) -> NoReturn:
    """Say what is wrong and what to do, and exit."""
    err.print(message, style="red", markup=False, highlight=False)
    raise typer.Exit(code)


def say_json(value: Any) -> None:
    """Print one JSON document."""
    json.dump(value, sys.stdout, indent=2, default=str, ensure_ascii=False)
    sys.stdout.write("\n")
