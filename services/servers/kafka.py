"""The real Apache Kafka from the command line, until Ctrl-C.

    python -m driftline.services.servers.kafka --port 9092 --data .driftline/kafka

The server itself is in `kafka_server`, so that running this module does not load it twice.
"""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from driftline.services.servers.kafka_jars import kafka_version, why_no_kafka
from driftline.services.servers.kafka_server import KafkaServer
from driftline.services.servers.process import ServerError

__all__ = ["KafkaServer", "kafka_version", "main", "why_no_kafka"]


def main(
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1.", min=1, max=65535)] = 9092,
    data: Annotated[
        Path | None, typer.Option(help="The folder for its data; a temporary one if none is given.")
    ] = None,
) -> None:
    """Run a real Apache Kafka on this machine until Ctrl-C."""
    # A SIGTERM shall end it as Ctrl-C does: the broker stopped in good order, a temporary folder removed. SIGINT too is
    # set here, because a shell lets what it starts in the background ignore it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with KafkaServer(port=port, data=data) as kafka:
            typer.echo(f"Apache Kafka {kafka_version()} listens on {kafka.bootstrap}; log: {kafka.log}; Ctrl-C ends it")
            signal.pause()
    except ServerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from None  # a dependency is unavailable


if __name__ == "__main__":
    typer.run(main)
