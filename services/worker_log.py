"""The log as the side worker writes and reads it: through kafka-python."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from driftline.services.kafka_python import options_of
from driftline.services.topics import ROOMY
from driftline.streams.letters import Out
from driftline.streams.store import Broken, Unavailable

WAIT_SECONDS = 10.0
"""How long an answer of the broker is waited for."""


class WorkerLog:
    """One producer, and readings beside the consumer; see `Log`.

    `client` are librdkafka's options, of which those of security are carried over; `idempotence` says whether the
    broker takes it.
    """

    def __init__(self, bootstrap: str, client: Mapping[str, str] | None = None, idempotence: bool = True):
        self._options = {"bootstrap_servers": bootstrap.split(","), **options_of(client)}
        self._idempotence = idempotence
        self._sent: list[tuple[str, Any]] = []
        self._producer: Any = None
        self._reader: Any = None

    def _writer(self) -> Any:
        if self._producer is None:
            try:
                self._producer = KafkaProducer(
                    acks="all",
                    enable_idempotence=self._idempotence,
                    max_in_flight_requests_per_connection=5 if self._idempotence else 1,
                    linger_ms=2,
                    batch_size=262_144,
                    max_request_size=ROOMY,
                    max_block_ms=int(WAIT_SECONDS * 1000),
                    allow_auto_create_topics=False,
                    **self._options,
                )
            except KafkaError as error:
                raise Broken(f"Kafka cannot be reached: {error}") from error
        return self._producer

    def send(self, outs: Sequence[Out]) -> None:
        """Queue messages. Raises `Broken` once any message was not taken."""
        writer = self._writer()
        try:
            for out in outs:
                sent = writer.send(out.topic, out.value, key=out.key.encode() or None, partition=out.partition)
                self._sent.append((out.topic, sent))
        except KafkaError as error:
            self._renew()
            raise Broken(f"Kafka does not take a message for {out.topic}: {error}") from error

    def append(self, topic: str, partition: int, value: bytes) -> int:
        """Write one message now; return its offset. Raises `Broken`."""
        try:
            return int(self._writer().send(topic, value, partition=partition).get(WAIT_SECONDS).offset)
        except KafkaError as error:
            self._renew()
            raise Broken(f"Kafka does not take a fence for {topic}/{partition}: {error}") from error

    def flush(self) -> None:
        """Wait until all that was queued is acknowledged. Raises `Broken` if it is not."""
        sent, self._sent = self._sent, []
        if not sent:
            return
        until = time.monotonic() + WAIT_SECONDS
        try:
            self._writer().flush(WAIT_SECONDS)
            for topic, future in sent:  # noqa: B007 - named in the error
                future.get(max(0.0, until - time.monotonic()))
        except KafkaError as error:
            self._renew()
            raise Broken(f"Kafka did not take a message for {topic}: {error}") from error

    def _renew(self) -> None:
        """Begin with a new producer: what the old one had queued is void, for its owner is dropped."""
        old, self._producer, self._sent = self._producer, None, []
        if old is not None:
            with suppress(KafkaError):
                old.close(timeout=0)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that is still there, and the next one to be written. Raises `Unavailable`."""
        place = TopicPartition(topic, partition)
        try:
            reader = self._consumer()
            return int(reader.beginning_offsets([place])[place]), int(reader.end_offsets([place])[place])
        except KafkaError as error:
            self._close_reader()
            raise Unavailable(f"Kafka does not say the offsets of {topic}/{partition}: {error}") from error

    def has(self, topic: str, partition: int, offset: int) -> bool:
        """Whether a message can be read at or after an offset, within a few seconds."""
        return any(True for _ in self._messages(topic, partition, offset, None, patience=3.0))

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """The messages from `start` up to but not including `stop`, with their offsets. Raises `Unavailable`.

        There must be a message at `stop`.
        """
        for record in self._messages(topic, partition, start, stop, patience=WAIT_SECONDS):
            yield record.offset, record.value or b""

    def _messages(self, topic: str, partition: int, start: int, stop: int | None, patience: float) -> Iterator[Any]:
        if stop is not None and start >= stop:
            return
        place = TopicPartition(topic, partition)
        try:
            reader = self._consumer()
            reader.assign([place])
            reader.seek(place, start)
            until = time.monotonic() + patience
            while True:
                batch = reader.poll(timeout_ms=200, max_records=1_000).get(place, ())
                if not batch and time.monotonic() > until:
                    if stop is None:
                        return
                    raise Unavailable(f"Kafka does not give {topic}/{partition} from {start} to {stop}")
                for record in batch:
                    until = time.monotonic() + patience
                    if stop is not None and record.offset >= stop:
                        return
                    yield record
                    if stop is not None and record.offset + 1 >= stop:
                        return
        except KafkaError as error:
            self._close_reader()
            raise Unavailable(f"Kafka does not give {topic}/{partition}: {error}") from error

    def _consumer(self) -> Any:
        if self._reader is None:
            self._reader = KafkaConsumer(
                group_id=None, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=20,
                max_partition_fetch_bytes=4 * ROOMY, **self._options,
            )  # fmt: skip
        return self._reader

    def _close_reader(self) -> None:
        if self._reader is not None:
            with suppress(KafkaError):
                self._reader.close()
            self._reader = None

    def close(self) -> None:
        """Let go."""
        if self._producer is not None:
            with suppress(KafkaError):
                self._producer.close(timeout=1)
        self._close_reader()
