"""The reader on a real broker: the fence rule over a log that a dead owner and its heir wrote."""

import itertools
import os

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from predictions import fence, made

from driftline.services.reader import Reader, ReaderError

pytestmark = pytest.mark.servers
NUMBERS = itertools.count()


@pytest.fixture
def log(broker):
    """A predictions topic of two partitions, and a function that writes to it."""
    topic = f"read-{os.getpid()}-{next(NUMBERS)}"
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})  # must outlive its futures
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
    producer = Producer({"bootstrap.servers": broker.bootstrap})

    def write(*values: bytes, partition: int = 0) -> None:
        for value in values:
            producer.produce(topic, value, partition=partition)
        assert producer.flush(30) == 0

    write.topic, write.bootstrap = topic, broker.bootstrap
    return write


def ids(reader: Reader) -> list[str]:
    return sorted(prediction.id for prediction in reader)


TAKE_OVER = [fence(1), made(1, 0), made(1, 1), fence(2), made(1, 2), made(2, 1), made(2, 2), made(2, 3)]


def test_each_prediction_is_seen_once_and_none_of_a_zombie(log):
    log(*TAKE_OVER)
    log(fence(7), made(7, 0, 1), partition=1)
    with Reader(log.bootstrap, log.topic) as reader:
        assert ids(reader) == ["m/t/0/0", "m/t/0/1", "m/t/0/2", "m/t/0/3", "m/t/1/0"]
        assert (reader.filter.void, reader.filter.repeats) == (1, 1)
        assert reader.positions == {0: 8, 1: 2}
        assert reader.done


def test_an_empty_topic_ends_at_once(log):
    with Reader(log.bootstrap, log.topic) as reader:
        assert list(reader) == []
        assert reader.positions == {0: 0, 1: 0}


def test_a_start_in_the_middle_knows_the_fence_before_it(log):
    log(*TAKE_OVER)
    with Reader(log.bootstrap, log.topic, start={0: 4, 1: 0}) as reader:
        assert ids(reader) == ["m/t/0/1", "m/t/0/2", "m/t/0/3"]
        assert reader.filter.void == 1
    with Reader(log.bootstrap, log.topic, start={0: 4}, look_back=0) as blind:
        assert [p.gen for p in blind] == [1, 2, 2], "without a look back the zombie is believed"


def test_reading_goes_on_where_another_reader_stopped(log):
    log(*TAKE_OVER)
    with Reader(log.bootstrap, log.topic) as first:
        ids(first)
    log(made(1, 4), made(2, 5))
    with Reader(log.bootstrap, log.topic, start=first.positions) as second:
        assert ids(second) == ["m/t/0/5"]


def test_following_from_the_end_shows_only_what_comes(log):
    log(*TAKE_OVER)
    with Reader(log.bootstrap, log.topic, start="end", follow=True) as reader:
        assert reader.positions == {0: 8, 1: 0}
        log(made(1, 9), made(2, 4))
        log(made(0, 0, 1), partition=1)
        got = {p.id for p in itertools.islice(reader, 2)}
        assert got == {"m/t/0/4", "m/t/1/0"}
        assert not reader.done
        assert reader.poll(0.1) == []


def test_rubbish_is_told_and_passed_over(log):
    log(fence(1), b"rubbish", made(1, 0))
    told = []
    with Reader(log.bootstrap, log.topic, on_rejected=lambda *fault: told.append(fault)) as reader:
        assert ids(reader) == ["m/t/0/0"]
    [(partition, offset, fault)] = told
    assert (partition, offset, fault.reason) == (0, 1, "json")


def test_rubbish_is_logged_where_nobody_asked(log, caplog):
    log(b"rubbish")
    with Reader(log.bootstrap, log.topic) as reader:
        assert list(reader) == []
    assert f"{log.topic}/0/0 is neither prediction nor fence" in caplog.text


def test_a_missing_topic_says_how_to_make_it(broker):
    with pytest.raises(ReaderError, match="does not exist: `driftline topics create`"):
        Reader(broker.bootstrap, f"never-{os.getpid()}")


def test_a_partition_that_is_none_is_refused(log):
    with pytest.raises(ValueError, match=r"partitions 0 to 1, not \[2\]"):
        Reader(log.bootstrap, log.topic, start={2: 5})
