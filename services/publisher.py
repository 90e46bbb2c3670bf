"""Publish a source: in its order, at its pace, with its time, and nothing lost without a word."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    InvalidTimestampError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    UnknownTopicOrPartitionError,
)

from driftline.services.kafka_python import options_of
from driftline.services.pace import Pace
from driftline.services.partitioner import partition_of
from driftline.services.sources.source import Record, Source
from driftline.services.topics import ROOMY, TopicError, partition_counts
from driftline.streams.config import StreamConfig

IN_FLIGHT = 10_000
"""Records that may be unacknowledged; beyond that the source waits for the broker."""
FLUSH_SECONDS = 30.0
"""How long an interrupted publisher waits for what it has sent."""
PROGRESS_SECONDS = 0.1
"""The least time between two calls of `on_progress`."""


class PublishError(RuntimeError):
    """A record could not be published; the text says why and what to do."""


@dataclass
class Published:
    """What has been published so far."""

    events: int = 0
    labels: int = 0
    bytes: int = 0
    """Of the messages, without keys and Kafka's own."""
    acknowledged: int = 0
    """Records that the broker has written."""
    at: float = 0.0
    """Event time of the last record."""
    interrupted: bool = False
    """Whether it was stopped before the source ended."""

    @property
    def records(self) -> int:
        """Events and labels."""
        return self.events + self.labels


def publish(
    source: Source,
    bootstrap: str,
    streams: Mapping[str, StreamConfig],
    *,
    speed: float | None = None,
    limit: int | None = None,
    on_progress: Callable[[Published], None] | None = None,
    stop: threading.Event | None = None,
    client: Mapping[str, str] | None = None,
    in_flight: int = IN_FLIGHT,
    clock: Callable[[], float] = time.monotonic,
) -> Published:
    """Publish the records of a source and return when the broker has written them all.

    The Kafka timestamp of a message (CreateTime) is its event time, so that a stream played back keeps its time, in
    every tool that reads it. Topics made by `topics.create` keep such old records; a topic whose retention is shorter
    than they are old loses them at once. Order is kept in each partition. Ctrl-C and `stop` end it in good order: what
    was sent is waited for.

    Parameters
    ----------
    source
        Records in order of time.
    bootstrap
        `host:port` of a broker, several with commas.
    streams
        The configured streams by name; they say the topics.
    speed
        None is as fast as possible, 1.0 real time, 60 plays a minute in a second.
    limit
        The most records (events and labels).
    on_progress
        Called now and then, and at the end, with what has been published so far.
    stop
        Ends it when set.
    client
        More options of librdkafka; those of security and `client.id` are carried over to kafka-python.
    in_flight
        Records that may be unacknowledged before the source has to wait.
    clock
        Gives seconds that never jump, for the pace.

    Raises
    ------
    PublishError
        A topic is missing, the topics of a stream differ in their partitions, or the broker refuses a record.

    """
    stop = stop or threading.Event()
    pace = Pace(speed, clock=clock, sleep=stop.wait)
    done = Published()
    partitions = _partitions(bootstrap, streams, client)
    with _producer(bootstrap, client) as producer:
        sending = _Sending(producer, in_flight, done)
        try:
            told = clock()
            for record in islice(source, limit):
                pace.wait(record.at)
                if stop.is_set():
                    done.interrupted = True
                    break
                sending.send(record, *_place(record, streams, partitions))
                if on_progress is not None and clock() - told >= PROGRESS_SECONDS:
                    told = clock()
                    on_progress(done)
        except KeyboardInterrupt:
            done.interrupted = True
        sending.finish()
    if on_progress is not None:
        on_progress(done)
    return done


class _Sending:
    """What has been sent and not been acknowledged, oldest first."""

    def __init__(self, producer: Any, in_flight: int, done: Published):
        if in_flight < 1:
            raise ValueError(f"in_flight must be at least 1, got {in_flight}")
        self.producer = producer
        self.in_flight = in_flight
        self.done = done
        self.waiting: deque[tuple[Any, str, float]] = deque()

    def send(self, record: Record, topic: str, partition: int) -> None:
        """Send a record; wait for the oldest if too many wait."""
        payload = record.payload
        key = None if record.key is None else record.key.encode()
        timestamp_ms = int(record.at * 1000) if record.at > 0 else None
        with _explained(topic, record.at):
            future = self.producer.send(topic, payload, key=key, partition=partition, timestamp_ms=timestamp_ms)
        self.waiting.append((future, topic, record.at))
        if record.role == "event":
            self.done.events += 1
        else:
            self.done.labels += 1
        self.done.bytes += len(payload)
        self.done.at = record.at
        # A refusal is known as soon as the broker answers, so look at the oldest without waiting for it.
        while self.waiting and (len(self.waiting) > self.in_flight or self.waiting[0][0].is_done):
            self._settle_oldest(None)

    def finish(self) -> None:
        """Wait for all that was sent."""
        deadline = time.monotonic() + FLUSH_SECONDS if self.done.interrupted else None
        with _explained("", self.done.at):
            self.producer.flush(FLUSH_SECONDS if self.done.interrupted else None)
        while self.waiting:
            self._settle_oldest(deadline)

    def _settle_oldest(self, deadline: float | None) -> None:
        future, topic, at = self.waiting.popleft()
        with _explained(topic, at):
            future.get(None if deadline is None else max(0.0, deadline - time.monotonic()))
        self.done.acknowledged += 1


def _place(record: Record, streams: Mapping[str, StreamConfig], partitions: Mapping[str, int]) -> tuple[str, int]:
    """Return the topic and partition of a record; one without a key goes to the first, where its lane refuses it."""
    config = streams.get(record.stream)
    if config is None:
        known = ", ".join(sorted(streams))
        raise PublishError(f"the source has records of a stream {record.stream!r}; configured are {known}")
    topic = config.topic if record.role == "event" else config.label_topic
    if topic not in partitions:
        raise PublishError(f"topic {topic!r} does not exist: `driftline topics create` makes it")
    return topic, 0 if record.key is None else partition_of(record.key.encode(), partitions[topic])


def _partitions(
    bootstrap: str, streams: Mapping[str, StreamConfig], client: Mapping[str, str] | None
) -> dict[str, int]:
    """Return the number of partitions of each topic there is; an event topic must agree with its label topic."""
    try:
        counts = partition_counts(bootstrap, client=client)
    except TopicError as error:
        raise PublishError(str(error)) from error
    for name, config in streams.items():
        events, labels = counts.get(config.topic), counts.get(config.label_topic)
        if events is not None and labels is not None and events != labels:
            raise PublishError(
                f"stream {name}: {config.topic!r} has {events} partitions and {config.label_topic!r} {labels}, so "
                f"events and labels would never meet: make {config.label_topic!r} again with {events}"
            )
    return counts


@contextmanager
def _producer(bootstrap: str, client: Mapping[str, str] | None) -> Iterator[Any]:
    options = options_of(client)
    with _explained("", 0.0):
        producer = KafkaProducer(
            bootstrap_servers=bootstrap.split(","),
            acks="all",
            enable_idempotence=True,  # retries neither repeat nor reorder
            linger_ms=5,
            batch_size=262_144,
            max_request_size=ROOMY,
            max_block_ms=30_000,
            allow_auto_create_topics=False,
            **options,
        )
    try:
        yield producer
    finally:
        with suppress(KafkaTimeoutError):  # what failed has been told by then
            producer.close(timeout=5)


@contextmanager
def _explained(topic: str, at: float) -> Iterator[None]:
    """Turn the errors of kafka-python into ours, which say what to do."""
    try:
        yield
    except InvalidTimestampError as error:
        raise PublishError(
            f"{topic} refuses the event time {at}: it lies in the future of the broker's clock. Correct the time, or "
            f"raise the topic's message.timestamp.after.max.ms"
        ) from error
    except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
        raise PublishError(
            f"{topic} refuses a message of its size: raise the topic's max.message.bytes, or make the topic with "
            f"`driftline topics create`"
        ) from error
    except UnknownTopicOrPartitionError as error:
        raise PublishError(f"{topic} is gone: `driftline topics create` makes it again") from error
    except KafkaTimeoutError as error:
        raise PublishError(f"the broker did not answer in time ({error}): is it up? `driftline doctor`") from error
    except KafkaError as error:
        raise PublishError(f"cannot publish to {topic or 'the broker'}: {error}") from error
