"""The log on Kafka: one producer for what lanes send, one for fences, one consumer for reading back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from driftline.streams.letters import Out
from driftline.streams.store import Broken, Unavailable

WAIT_SECONDS = 10.0
"""How long an answer of the broker is waited for."""
_QUEUE = 200_000


class KafkaLog:
    """Write and read back through librdkafka.

    A client that got no answer is replaced by a new one. librdkafka forgets all brokers when one tells it of none, as
    Kafka may that has just come back, and does not always find them again (its issue 5301).

    `options` are librdkafka's, `bootstrap.servers` among them; `idempotence` says whether the broker takes it.
    """

    def __init__(self, options: Mapping[str, Any], idempotence: bool = True):
        self._options = dict(options)
        self._idempotence = idempotence
        self.failed: str | None = None
        """What was not taken; the producer is of no more use."""
        self._producer = self._make(**{"linger.ms": 10, "delivery.report.only.error": True, "on_delivery": self._told})
        self._fences = self._make_for_fences()
        self._reader: Consumer | None = None
        self._asker: Producer | None = None

    def _make(self, **options: Any) -> Producer:
        return Producer(
            {
                "acks": "all",
                "enable.idempotence": self._idempotence,
                # Without idempotence order is kept by one request at a time.
                "max.in.flight.requests.per.connection": 5 if self._idempotence else 1,
                "queue.buffering.max.messages": _QUEUE,
                "message.max.bytes": 16 * 1_048_576,
                "message.timeout.ms": 60_000,
                "error_cb": _quiet,
                "log_level": 2,
                **self._options,
                **options,
            }
        )

    def _make_for_fences(self) -> Producer:
        return self._make(**{"linger.ms": 0})

    def _told(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failed = f"{message.topic()}: {error.str()}"

    def send(self, outs: Sequence[Out]) -> None:
        """Queue messages; waits while the queue is full. Raises `Broken` once any message was not taken."""
        produce = self._producer.produce
        for out in outs:
            while True:
                try:
                    if out.partition is None:
                        produce(out.topic, out.value, out.key)
                    else:
                        produce(out.topic, out.value, out.key, out.partition)
                    break
                except BufferError:
                    self._producer.poll(0.1)
                    self._check()
                except KafkaException as error:
                    if _spent(error):
                        self.failed = f"{out.topic}: {error}"
                    raise Broken(f"Kafka does not take a message for {out.topic}: {error}") from error
        self._check()

    def _check(self) -> None:
        if self.failed is not None:
            raise Broken(f"Kafka did not take a message for {self.failed}")

    def append(self, topic: str, partition: int, value: bytes) -> int:
        """Write one message now; return its offset. Raises `Broken`."""
        said: list[int | str] = []

        def told(error: KafkaError | None, message: Message) -> None:
            offset = message.offset()
            said.append(error.str() if error is not None or offset is None else offset)  # type: ignore[union-attr]

        try:
            self._fences.produce(topic, value, partition=partition, on_delivery=told)
            self._fences.flush(WAIT_SECONDS)
        except (KafkaException, BufferError) as error:
            self._renew_fences()
            raise Broken(f"Kafka does not take a fence for {topic}: {error}") from error
        if not said or not isinstance(said[0], int):
            self._renew_fences()
            raise Broken(f"Kafka did not take a fence for {topic}/{partition}: {said[0] if said else 'no answer'}")
        return said[0]

    def flush(self) -> None:
        """Wait until all that was queued is acknowledged. Raises `Broken` if it is not."""
        try:
            left = self._producer.flush(WAIT_SECONDS)
        except KafkaException as error:
            self.failed = f"any topic: {error}"
            raise Broken(f"Kafka takes no more messages: {error}") from error
        self._check()
        if left:
            self.failed = f"any topic: {left} messages wait for an answer since {WAIT_SECONDS:g} s"
            raise Broken(f"Kafka has not taken {left} messages within {WAIT_SECONDS:g} s")

    def renew(self) -> None:
        """Begin with a new producer: what the old one had queued is void, for its lanes were dropped."""
        old = self._producer
        old.purge()
        with suppress(KafkaException):  # one that is spent says so once more
            old.flush(1.0)
        self.failed = None
        self._producer = self._make(**{"linger.ms": 10, "delivery.report.only.error": True, "on_delivery": self._told})

    def ping(self, topic: str, timeout_seconds: float) -> None:
        """Ask who leads a topic. Raises `Unavailable` where no broker says; another thread may ask."""
        if self._asker is None:
            self._asker = self._make()
        try:
            found = self._asker.list_topics(topic, timeout_seconds)
        except KafkaException as error:
            self._asker = None
            raise Unavailable(f"Kafka does not answer: {error.args[0].str()}") from error
        if not found.brokers:
            self._asker = None
            raise Unavailable("Kafka does not answer: it names no brokers")

    def _renew_fences(self) -> None:
        """Begin anew: the old one may have lost touch for good, and what it still sends would be void."""
        old, self._fences = self._fences, self._make_for_fences()
        old.purge()

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that is still there, and the next one to be written. Raises `Unavailable`."""
        try:
            first, end = self._consumer().get_watermark_offsets(TopicPartition(topic, partition), timeout=WAIT_SECONDS)
        except KafkaException as error:
            self._close_reader()
            raise Unavailable(f"Kafka does not say the offsets of {topic}/{partition}: {error}") from error
        return int(first), int(end)

    def has(self, topic: str, partition: int, offset: int) -> bool:
        """Whether a message can be read at or after an offset, within a few seconds."""
        return any(True for _ in self._messages(topic, partition, offset, None, patience=3.0))

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """The messages from `start` up to but not including `stop`, with their offsets. Raises `Unavailable`.

        There must be a message at `stop`, or the end of the partition.
        """
        for message in self._messages(topic, partition, start, stop, patience=WAIT_SECONDS):
            yield message.offset() or 0, message.value() or b""

    def messages(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Message]:
        """As `read`, but whole messages with key and time."""
        return self._messages(topic, partition, start, stop, patience=WAIT_SECONDS)

    def _messages(self, topic: str, partition: int, start: int, stop: int | None, patience: float) -> Iterator[Message]:
        if stop is not None and start >= stop:
            return
        reader = self._consumer()
        place = TopicPartition(topic, partition, start)
        reader.assign([place])
        lost = False
        try:
            until = time.monotonic() + patience
            while True:
                batch = reader.consume(1_000, 0.2)
                if not batch and time.monotonic() > until:
                    if stop is None:
                        return
                    lost = True
                    raise Unavailable(f"Kafka does not give {topic}/{partition} from {start} to {stop}")
                for message in batch:
                    until = time.monotonic() + patience
                    error = message.error()
                    if error is not None:
                        if error.code() == KafkaError._PARTITION_EOF:
                            return
                        raise Unavailable(f"Kafka does not give {topic}/{partition}: {error.str()}")
                    offset = message.offset()
                    assert offset is not None
                    if stop is not None and offset >= stop:
                        return
                    if offset < start:
                        continue
                    yield message
                    if stop is not None and offset + 1 >= stop:
                        return
        finally:
            reader.unassign()
            if lost:
                self._close_reader()

    def _consumer(self) -> Consumer:
        if self._reader is None:
            self._reader = Consumer(
                {
                    "group.id": "driftline-reader",
                    "enable.auto.commit": False,
                    "auto.offset.reset": "earliest",
                    "enable.partition.eof": True,
                    "fetch.wait.max.ms": 10,
                    "error_cb": _quiet,
                    "log_level": 2,
                    **self._options,
                }
            )
        return self._reader

    def close(self) -> None:
        """Flush for a moment and let go."""
        with suppress(KafkaException):
            self._producer.flush(1.0)
        self._close_reader()

    def _close_reader(self) -> None:
        """Let go of the reader: one that got no answer may have lost touch for good."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _spent(error: Exception) -> bool:
    """Whether a producer will never take anything again: it cannot tell any more what the broker has of it."""
    if not isinstance(error, KafkaException):
        return False
    said = error.args[0]
    return bool(said.fatal()) or said.code() == KafkaError._FATAL


def _quiet(error: KafkaError) -> None:
    """Brokers that come and go are no news; what fails for good is raised where it was asked for."""
