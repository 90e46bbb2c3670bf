"""Servers of our own on loopback ports, without Docker.

    KafkaServer           the real Apache Kafka, where Java 17 is at hand
    LanguageModelServer   a language model behind an OpenAI-compatible server, from a wheel
    MeshServer            a light broker from a wheel that speaks the Kafka protocol, in memory
    RedisServer           Redis, or Valkey from a wheel

Each is a context manager with `start`, `stop` and `kill`; a data folder and a port that are given outlive it.
They are for a look, for tests and for one machine.
"""

from pathlib import Path
from typing import Literal

from driftline.services.servers.broker import Broker
from driftline.services.servers.kafka_jars import why_no_kafka
from driftline.services.servers.kafka_server import KafkaServer
from driftline.services.servers.language_model_server import LanguageModelServer
from driftline.services.servers.mesh import MeshServer
from driftline.services.servers.process import (
    ServerDied,
    ServerError,
    ServerTimeout,
    ServerUnavailable,
    free_port,
    free_ports,
)
from driftline.services.servers.redis import RedisServer

__all__ = [
    "Broker",
    "KafkaServer",
    "LanguageModelServer",
    "MeshServer",
    "RedisServer",
    "ServerDied",
    "ServerError",
    "ServerTimeout",
    "ServerUnavailable",
    "free_port",
    "free_ports",
    "start_broker",
    "why_no_kafka",
]


def start_broker(
    kind: Literal["auto", "kafka", "mesh"] = "auto", *, port: int | None = None, data: Path | None = None
) -> Broker:
    """Start a broker and return it; its `kind` says which one it is, and its `why` why that one was taken.

    `auto` takes the real Kafka where it can be had and the light broker elsewhere. A Kafka that can be had but
    does not start is an error, not a reason to take the other.

    Raises `ServerUnavailable`, `ServerDied` or `ServerTimeout`.

    >>> with start_broker("mesh") as broker:
    ...     broker.kind, broker.why
    ('mesh', 'it was asked for')
    """
    broker: Broker
    if kind == "mesh":
        return MeshServer(port=port, data=data).start()
    kafka = KafkaServer(port=port, data=data)
    try:
        kafka.start()
    except ServerUnavailable as error:
        kafka.close()
        if kind == "kafka":
            raise
        broker = MeshServer(port=port, data=data)
        broker.why = str(error)
    else:
        broker = kafka
        broker.why = "Java and the jars of Kafka are at hand" if kind == "auto" else broker.why
    return broker.start()
