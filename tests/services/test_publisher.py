"""The publisher on a real broker, and its errors."""

import itertools
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from driftline.services import topics
from driftline.services.partitioner import partition_of
from driftline.services.publisher import Published, PublishError, publish
from driftline.services.sources import Record, Synthetic
from driftline.streams.config import StreamConfig

pytestmark = pytest.mark.servers
TREE = {"tree": {"class": "hoeffding-adaptive-tree"}}
NUMBERS = itertools.count()


@pytest.fixture
def streams(broker) -> dict[str, StreamConfig]:
    topic = f"published-{os.getpid()}-{next(NUMBERS)}"
    made = {"synthetic": StreamConfig(kind="sensor", topic=topic, partitions=3, models=TREE)}
    topics.create(broker.bootstrap, made)
    return made


def read(bootstrap: str, topic: str, partitions: int = 3) -> dict[int, list]:
    """Return all messages of a topic, partition by partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, n, 0) for n in range(partitions)])
    found, ended = defaultdict(list), set()
    while len(ended) < partitions:
        message = consumer.poll(30)
        assert message is not None, "the broker went silent"
        if message.error() is None:
            found[message.partition()].append(message)
        else:
            assert message.error().code() == KafkaError._PARTITION_EOF
            ended.add(message.partition())
    consumer.close()
    return found


def raw(value: bytes, *, at: float = 1e9, key: str | None = "k", stream: str = "synthetic") -> Record:
    return Record(at, stream, "event", key, value)


class Listed:
    """A source out of a list."""

    total = None

    def __init__(self, *records: Record):
        self.records = records

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)


def test_everything_arrives_in_order_with_its_time_and_key(broker, streams):
    config = streams["synthetic"]
    source = Synthetic(count=2_000, keys=20)
    done = publish(source, broker.bootstrap, streams, in_flight=100)
    assert (done.events, done.labels, done.acknowledged, done.interrupted) == (2_000, 2_000, 4_000, False)
    for role, topic in (("event", config.topic), ("label", config.label_topic)):
        expected = defaultdict(list)
        for record in source:
            if record.role == role:
                expected[partition_of(record.key.encode(), 3)].append(
                    (record.key.encode(), record.payload, int(record.at * 1000))
                )
        found = read(broker.bootstrap, topic)
        assert {n: [(m.key(), m.value(), m.timestamp()[1]) for m in got] for n, got in found.items()} == expected
        assert len(found) == 3


def test_an_event_and_its_label_land_in_the_same_partition_number(broker, streams):
    config = streams["synthetic"]
    publish(Synthetic(count=300), broker.bootstrap, streams)
    events = {m.key(): n for n, got in read(broker.bootstrap, config.topic).items() for m in got}
    labels = {m.key(): n for n, got in read(broker.bootstrap, config.label_topic).items() for m in got}
    assert events == labels
    assert set(events.values()) == {0, 1, 2}


def test_the_limit_counts_records(broker, streams):
    done = publish(Synthetic(count=100), broker.bootstrap, streams, limit=15)
    assert done.records == done.acknowledged == 15


def test_progress_is_told_and_ends_with_the_whole(broker, streams):
    ticks = itertools.count()
    told: list[int] = []
    publish(
        Synthetic(count=50),
        broker.bootstrap,
        streams,
        on_progress=lambda done: told.append(done.records),
        clock=lambda: float(next(ticks)),
    )
    assert len(told) > 10
    assert told == sorted(told)
    assert told[-1] == 100


def test_bytes_go_out_as_they_are_and_without_a_key_to_the_first_partition(broker, streams):
    publish(Listed(raw(b"\xff no json", key=None, at=0.0)), broker.bootstrap, streams)
    before_ms = (time.time() - 3_600) * 1000
    [message] = read(broker.bootstrap, streams["synthetic"].topic)[0]
    assert (message.key(), message.value()) == (None, b"\xff no json")
    assert message.timestamp()[1] > before_ms  # an unknown time is now


def test_a_message_of_ten_megabytes_arrives(broker, streams):
    publish(Listed(raw(b"z" * 10_000_000)), broker.bootstrap, streams)
    sizes = [len(m.value()) for got in read(broker.bootstrap, streams["synthetic"].topic).values() for m in got]
    assert sizes == [10_000_000]


def test_ctrl_c_waits_for_what_was_sent(broker, streams):
    def interrupted() -> Iterator[Record]:
        yield from itertools.islice(Synthetic(count=500), 700)
        raise KeyboardInterrupt

    source = Listed()
    source.records = interrupted()
    done = publish(source, broker.bootstrap, streams)
    assert done.interrupted
    assert done.records == done.acknowledged == 700
    config = streams["synthetic"]
    arrived = [read(broker.bootstrap, topic) for topic in (config.topic, config.label_topic)]
    assert sum(len(got) for found in arrived for got in found.values()) == 700


def test_a_stop_ends_it_even_while_it_waits_for_the_next_record(broker, streams):
    stop = threading.Event()
    first, second = itertools.islice(Synthetic(count=2, delay_seconds=5, interval_seconds=86_400), 2)

    def records() -> Iterator[Record]:
        yield first
        threading.Timer(0.2, stop.set).start()
        yield second

    source = Listed()
    source.records = records()
    done = publish(source, broker.bootstrap, streams, speed=1.0, stop=stop)
    assert (done.records, done.acknowledged, done.interrupted) == (1, 1, True)


def test_a_missing_topic_says_how_to_make_it(broker):
    streams = {"synthetic": StreamConfig(kind="sensor", topic=f"never-made-{os.getpid()}", models=TREE)}
    with pytest.raises(PublishError, match=r"does not exist: `driftline topics create` makes it"):
        publish(Synthetic(count=1), broker.bootstrap, streams)


def test_topics_that_differ_in_partitions_are_refused_before_anything_is_sent(broker):
    topic = f"uneven-{os.getpid()}"
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in admin.create_topics([NewTopic(topic, 2, 1), NewTopic(f"{topic}.labels", 3, 1)]).values():
        future.result(30)
    streams = {"synthetic": StreamConfig(kind="sensor", topic=topic, models=TREE)}
    with pytest.raises(PublishError, match=rf"'{topic}' has 2 partitions and '{topic}.labels' 3"):
        publish(Synthetic(count=1), broker.bootstrap, streams)
    assert read(broker.bootstrap, topic, 2) == {}


def test_a_stream_that_is_not_configured_is_named(broker, streams):
    with pytest.raises(PublishError, match="records of a stream 'other'; configured are synthetic"):
        publish(Synthetic("other", count=1), broker.bootstrap, streams)


def test_a_message_larger_than_the_topic_takes_is_an_error_that_says_so(broker, streams):
    with pytest.raises(PublishError, match=r"raise the topic's max\.message\.bytes"):
        publish(Listed(raw(b"z" * 17_000_000)), broker.bootstrap, streams)


@pytest.mark.kafka
def test_a_time_that_the_broker_refuses_is_an_error_that_says_so(kafka_server):
    streams = {"synthetic": StreamConfig(kind="sensor", topic=f"future-{os.getpid()}", models=TREE)}
    topics.create(kafka_server.bootstrap, streams)
    with pytest.raises(PublishError, match="lies in the future of the broker's clock"):
        publish(Listed(raw(b"{}", at=time.time() + 3 * 86_400)), kafka_server.bootstrap, streams)


def test_what_was_published_adds_up():
    assert Published(events=3, labels=2).records == 5


@pytest.mark.parametrize("in_flight", [0, -1])
def test_nothing_in_flight_is_refused(broker, streams, in_flight):
    with pytest.raises(ValueError, match="in_flight must be at least 1"):
        publish(Synthetic(count=1), broker.bootstrap, streams, in_flight=in_flight)
