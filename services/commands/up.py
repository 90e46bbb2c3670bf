"""`driftline up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from typing import Annotated, Literal

import typer
from rich.table import Table

from driftline.services.console import UNAVAILABLE, Config, config_path, err, fail, out, settings_of
from driftline.services.servers import ServerError, ServerUnavailable
from driftline.services.settings_errors import ConfigError
from driftline.services.topics import TopicError
from driftline.services.up import Stack


def up(
    config: Config = None,
    broker: Annotated[
        Literal["auto", "kafka", "mesh"],
        typer.Option(help="The broker to start where none is configured: the real Kafka, or the light one."),
    ] = "auto",
) -> None:
    """Start everything on this machine, and keep it running until Ctrl-C.

    A configured Kafka and Redis are used; where none is configured, embedded ones are started, with their data in
    the data folder. A streams process that dies is started again.

    For example:

        driftline up
        driftline up --broker mesh
        DRIFTLINE_KAFKA__BROKERS=kafka:9092 driftline up
    """
    stack = Stack(settings_of(config), config_path(config), broker=broker)
    # SIGTERM comes as Ctrl-C does: wherever we are, what we started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with err.status("starting broker, Redis and streams process") as status:
            stack.start_servers()
            status.update("starting the streams process")
            stack.start_streams()
            stack.start_workers()
        _show(stack)
        stack.supervise(threading.Event(), lambda said: err.print(said, style="yellow", markup=False))
    except KeyboardInterrupt:
        err.print("stopping")
    except ConfigError as error:
        fail(str(error), 2)
    except (ServerUnavailable, TopicError) as error:
        fail(str(error), UNAVAILABLE)
    except ServerError as error:
        fail(str(error))
    finally:
        stack.stop()


def _show(stack: Stack) -> None:
    settings = stack.settings
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("Kafka", f"{settings.kafka.brokers}  ({stack.broker_said})")
    redis = "the configured one" if stack.redis is None else stack.redis.version()
    table.add_row("Redis", f"{settings.redis.url}  ({redis})")
    table.add_row("metrics", stack.metrics_url)
    table.add_row("ready", f"{stack.url}/readyz")
    table.add_row("log", str(stack.log))
    if stack.workers_log is not None:
        table.add_row("heavy models", str(stack.workers_log))
    if stack.created:
        table.add_row("topics made", ", ".join(stack.created))
    out.print(table)
    out.print(
        "Running; Ctrl-C stops everything. In another terminal: driftline publish --from shuttle", highlight=False
    )
