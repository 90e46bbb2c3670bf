"""A partition of a topic, read from one offset to another, a run of messages at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from driftline.services.settings import Settings
from driftline.streams.kafka_log import KafkaLog
from driftline.streams.message import Message

RUN = 1_000
"""The most messages of one run."""


def options_of(settings: Settings) -> Mapping[str, Any]:
    """Return what librdkafka needs to reach the configured brokers."""
    return {**settings.kafka.client, "bootstrap.servers": settings.kafka.brokers}


class Tape:
    """The messages of one partition from `start` up to but not including `stop`, each once, in order.

    Raises `Unavailable` where the broker does not give them. Each tape has a client of its own, so that several can
    be read side by side.
    """

    def __init__(self, options: Mapping[str, Any], topic: str, partition: int, start: int, stop: int):
        self.topic = topic
        self.stop = stop
        self._log = KafkaLog(options, idempotence=False)
        self._messages = self._read(partition, start)
        self._head: Message | None = None
        self.done = start >= stop
        """Whether nothing is left."""

    def _read(self, partition: int, start: int) -> Iterator[Message]:
        for said in self._log.messages(self.topic, partition, start, self.stop):
            _, millis = said.timestamp()
            offset = said.offset()
            assert offset is not None
            yield Message(self.topic, offset, said.key(), said.value(), millis / 1e3 if millis >= 0 else None)

    def below(self, offset: int, most: int = RUN) -> list[Message]:
        """Return the next messages with lower offsets, at most `most`; none when the next one is not below."""
        run: list[Message] = []
        while len(run) < most and not self.done:
            if self._head is None:
                self._head = next(self._messages, None)
                self.done = self._head is None
            if self._head is None or self._head.offset >= offset:
                break
            run.append(self._head)
            self._head = None
        return run

    def run(self) -> list[Message]:
        """Return the next messages, whatever their offsets."""
        return self.below(self.stop)

    def close(self) -> None:
        """Leave the broker."""
        self._messages.close()  # type: ignore[attr-defined]
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
