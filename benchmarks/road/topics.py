"""Topics of the benchmark: made, filled before the measurement, checked after it, removed."""

import time
from collections import deque
from collections.abc import Iterable, Iterator

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.road.workload import Row


class Topics:
    """A hand on the topics of one broker."""

    def __init__(self, brokers: str):
        self.brokers = brokers
        self._admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
        self._watcher = self._consumer()

    def create(self, names: Iterable[str], partitions: int) -> None:
        """Make topics anew; those of the same name are removed with what is in them."""
        names = list(names)
        self.delete(names)
        for future in self._admin.create_topics([NewTopic(name, partitions, 1) for name in names]).values():
            future.result(30)

    def delete(self, names: Iterable[str]) -> None:
        """Remove topics; return when they are gone."""
        there = self._admin.list_topics(timeout=30).topics
        gone = [name for name in names if name in there]
        if not gone:
            return
        for future in self._admin.delete_topics(gone).values():
            future.result(30)
        while any(name in self._admin.list_topics(timeout=30).topics for name in gone):
            time.sleep(0.05)

    def fill(self, rows: Iterable[Row], events_topic: str, labels_topic: str, partitions: int, delay: int) -> None:
        """Write events and labels in the order of time; a label comes `delay` events after its event."""
        # Idempotent, for the order; a large linger, for full batches.
        producer = Producer(
            {
                "bootstrap.servers": self.brokers,
                "enable.idempotence": True,
                "linger.ms": 50,
                "batch.size": 500_000,
                "log_level": 0,
            }
        )

        def send(topic: str, row: Row, value: bytes, at: float) -> None:
            while True:
                try:
                    producer.produce(
                        topic, value, row.key, partition=row.sensor % partitions, timestamp=int(at * 1_000)
                    )
                except BufferError:
                    producer.poll(0.1)
                else:
                    return

        waiting: deque[Row] = deque()
        at = 0.0
        for row in rows:
            at = row.at
            send(events_topic, row, row.event(), at)
            waiting.append(row)
            if len(waiting) > delay:
                labelled = waiting.popleft()
                send(labels_topic, labelled, labelled.label(at), at)
            producer.poll(0)
        for labelled in waiting:
            send(labels_topic, labelled, labelled.label(at), at)
        if left := producer.flush(60):
            raise RuntimeError(f"{left} messages were not taken by the broker within 60 s")

    def count(self, topic: str, partitions: int) -> list[int]:
        """Return how many records each partition of a topic has been given; zeros if there is no such topic yet."""
        counts = []
        for partition in range(partitions):
            try:
                counts.append(self._watcher.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1])
            except KafkaException as error:
                if error.args[0].code() not in _NOT_YET:
                    raise
                counts.append(0)
        return counts

    def read(self, topic: str, partitions: int) -> Iterator[Message]:
        """Yield what is in a topic now."""
        ends = self.count(topic, partitions)
        left = sum(ends)
        consumer = self._consumer()
        try:
            consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
            while left:
                messages = consumer.consume(5_000, timeout=30)
                if not messages:
                    raise RuntimeError(f"{topic}: {left} records could not be read within 30 s")
                for message in messages:
                    if message.error():
                        raise KafkaException(message.error())
                    # `left` counts what was there at the beginning; what is written meanwhile is another read's.
                    if message.offset() < ends[message.partition()]:
                        left -= 1
                        yield message
        finally:
            consumer.close()

    def close(self) -> None:
        """Let go of the broker."""
        self._watcher.close()

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.brokers,
                "group.id": "bench-watch",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )


class _Answer(msgspec.Struct):
    """What is looked at in a prediction of any contestant; a fence has none of it."""

    of: str | None = None
    y: bool | None = None
    seen: dict[str, int] | None = None


class Outcome(msgspec.Struct):
    """What a contestant published."""

    predictions: int
    """Events with a prediction."""
    repeated: int
    """Predictions beyond the first of an event."""
    accuracy: float
    seen: dict[int, dict[str, int]]
    """What each partition's last prediction says of the offsets, where it says so."""


def outcome(messages: Iterable[Message], truth: dict[str, bool]) -> Outcome:
    """Check the predictions that a contestant left in its topic."""
    decode = msgspec.json.Decoder(_Answer).decode
    found: dict[str, bool] = {}
    seen: dict[int, dict[str, int]] = {}
    repeated = 0
    for message in messages:
        answer = decode(message.value())
        if answer.of is None or answer.y is None:
            continue
        repeated += answer.of in found
        found[answer.of] = answer.y
        if answer.seen is not None:
            seen[message.partition()] = answer.seen
    hits = sum(truth.get(of) is y for of, y in found.items())
    return Outcome(len(found), repeated, hits / max(1, len(found)), seen)


_NOT_YET = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
)
"""What a broker says of a topic that was made a moment ago."""
