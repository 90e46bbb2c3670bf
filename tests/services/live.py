"""What the tests of commands share: a configuration of one's own, a running stack, and patient waiting."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, TopicPartition
from typer.testing import CliRunner, Result

from driftline.services import checkpoints
from driftline.services.cli import app
from driftline.services.reader import Reader
from driftline.services.servers import Broker
from driftline.services.settings import Settings, load
from driftline.services.topics import end_offsets, partition_counts
from driftline.services.up import Stack
from driftline.streams.config import ALARM_TOPIC

KEY = "a key for tests, and for nothing else"
NUMBERS = itertools.count()
TREE = '{ class = "hoeffding-adaptive-tree" }'
LOGISTIC = '{ class = "river.linear_model:LogisticRegression" }'


class Bench:
    """One stream of one application that no other test has, on the servers of the run."""

    def __init__(self, folder: Path, broker: Broker, redis_url: str):
        self.name = f"cli-{os.getpid()}-{next(NUMBERS)}"
        self.folder = folder
        self.path = folder / "driftline.toml"
        self.write(f"tree = {TREE}")
        self.broker = broker
        self.env = {
            "DRIFTLINE_KAFKA__BROKERS": broker.bootstrap,
            "DRIFTLINE_KAFKA__ASSIGNMENT": "all" if broker.kind == "mesh" else "group",
            "DRIFTLINE_KAFKA__IDEMPOTENCE": str(broker.kind != "mesh").lower(),
            "DRIFTLINE_REDIS__URL": redis_url,
            "DRIFTLINE_SECRETS__SNAPSHOT_KEY": KEY,
            "DRIFTLINE_WEB__PORT": "0",
        }

    def write(self, models: str, more: str = "") -> None:
        """Write the configuration anew, with these models, and more lines of the stream."""
        self.path.write_text(
            f"""
app = "{self.name}"
data = "{self.folder / "data"}"
[kafka]
group = "{self.name}"
session_timeout_seconds = 3
[streams.s]
kind = "sensor"
topic = "{self.name}"
partitions = 2
{more}
[streams.s.checkpoint]
seconds = 0.5
[streams.s.models]
{models}
"""
        )

    @property
    def settings(self) -> Settings:
        """The settings as a command reads them."""
        client: dict[str, Any] = {
            "brokers": self.env["DRIFTLINE_KAFKA__BROKERS"],
            "assignment": self.env["DRIFTLINE_KAFKA__ASSIGNMENT"],
            "idempotence": self.env["DRIFTLINE_KAFKA__IDEMPOTENCE"] == "true",
        }
        return load(
            self.path,
            kafka=client,
            redis={"url": self.env["DRIFTLINE_REDIS__URL"]},
            secrets={"snapshot_key": KEY},
            web={"port": 0},
        )

    def stack(self) -> Stack:
        """A streams process on the servers of the run."""
        return Stack(self.settings, self.path)

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run a command of the command line in this process."""
        command, rest = _split(arguments)
        return CliRunner().invoke(app, [*command, "--config", str(self.path), *rest], env=self.env, input=stdin)

    def ends(self) -> dict[tuple[str, int], int]:
        """Where events and labels end."""
        settings = self.settings
        places = [(topic, n) for topic in (self.name, f"{self.name}.labels") for n in (0, 1)]
        return end_offsets(settings.kafka.brokers, places)

    def handled(self) -> bool:
        """Whether everything there is has been handled and checkpointed."""
        settings, ends = self.settings, self.ends()
        for n in (0, 1):
            found = checkpoints.generations(settings, f"{self.name}:s:{n}")
            wanted = {topic: end for (topic, partition), end in ends.items() if partition == n}
            if any(wanted.values()) and not (found and found[-1].header and found[-1].header.offsets == wanted):
                return False
        return True

    def predictions(self) -> list[Any]:
        """All predictions that count."""
        settings = self.settings
        with Reader(settings.kafka.brokers, settings.streams["s"].prediction_topic) as reader:
            return list(reader)

    def alarms(self) -> list[dict[str, Any]]:
        """What was told of this stream, each id once; a second value for one is an error.

        Read to the end that the broker gives with the messages: the light one's answer to a question for it is wrong.
        """
        brokers = self.settings.kafka.brokers
        behind = set(range(partition_counts(brokers)[ALARM_TOPIC]))
        consumer = Consumer({"bootstrap.servers": brokers, "group.id": "alarms", "enable.partition.eof": True})
        consumer.assign([TopicPartition(ALARM_TOPIC, n, 0) for n in behind])
        found: dict[str, bytes] = {}
        while behind:
            message = consumer.poll(30.0)
            assert message is not None, f"{ALARM_TOPIC} cannot be read to its end"
            if message.error() is not None:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                behind.discard(message.partition())
                continue
            value = message.value()
            id_ = msgspec.json.decode(value)["id"]
            if self.name in id_:
                assert found.setdefault(id_, value) == value
        consumer.close()
        return [msgspec.json.decode(value) for value in found.values()]


def _split(arguments: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split a command from what follows its name."""
    two = arguments[0] in ("checkpoint", "dead-letters", "config") or arguments[:2] in (
        ("models", "show"),
        ("models", "contests"),
        ("models", "versions"),
        ("models", "rollback"),
    )
    words = 2 if two else 1
    return arguments[:words], arguments[words:]


def eventually(condition: Callable[[], object], what: str, seconds: float = 120.0) -> None:
    """Wait until a condition holds; the bound only keeps a broken test from waiting for ever."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"never came: {what}"
        time.sleep(0.2)
