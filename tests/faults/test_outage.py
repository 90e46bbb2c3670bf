"""Kafka goes away or hangs under running streams processes and comes back.

They go on, to the end of one sequential life.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from forgetful import CLIENT, ForgetfulKafka
from rounds import PARTITIONS, Process, Site

from driftline.services.servers import KafkaServer, RedisServer, ServerUnavailable

AWAY_SECONDS = 4.0
"""More than the session timeout of the site's processes."""
HASTY = {"socket.timeout.ms": "2000", "message.timeout.ms": "3000"}
"""Options of librdkafka by which a broker that hangs is noticed soon: its connections stay open."""

pytestmark = [pytest.mark.kafka, pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def own_kafka(request):
    """A Kafka that a test may stop."""
    server = KafkaServer()
    try:
        server.start()
    except ServerUnavailable:
        request.getfixturevalue("kafka_server")  # skips the test, or fails it in CI
        raise
    with server:
        yield server


@pytest.fixture
def kafka(own_kafka):
    """It is up again after each test, whatever became of that one."""
    yield own_kafka
    if own_kafka.running:
        thaw(own_kafka)
    own_kafka.start()


@pytest.fixture
def own_redis():
    """A Redis that a test may freeze."""
    with RedisServer(append_fsync="everysec") as server:
        yield server


@pytest.fixture
def site(kafka, own_redis, tmp_path):
    with Site(kafka.bootstrap, own_redis.url, tmp_path) as site:
        yield site


@contextmanager
def outage(site: Site, streams: list[Process], go: Callable[[], None], come: Callable[[], object]) -> Iterator[None]:
    """A time without Kafka: every process says that it is away, and those that still live go on by themselves.

    Publishing goes on all the while, so events have come whose labels are still to be published.
    """
    before = [site.gen(n) for n in range(PARTITIONS)]
    go()
    back_at = time.monotonic() + AWAY_SECONDS
    site.wait(lambda: all("broker" in unready(process) for process in streams), "each says that the broker is away")
    yield
    time.sleep(max(0.0, back_at - time.monotonic()))
    alive = [process for process in streams if process.running]
    come()
    site.wait(lambda: all(process.ready() == (200, {}) for process in alive), "those that live are ready again")
    site.wait(lambda: all(site.gen(n) > before[n] for n in range(PARTITIONS)), "all was acquired again")
    site.wait_for_progress(alive)


def unready(process: Process) -> dict[str, str]:
    """What a process that is not ready says is missing."""
    status, troubles = process.ready()
    assert (status == 503) == bool(troubles)
    return troubles


def freeze(server: KafkaServer) -> None:
    """Suspend it: connections stay open, and nobody answers."""
    os.kill(server.pid, signal.SIGSTOP)


def thaw(server: KafkaServer) -> None:
    """Let it go on where it stood."""
    os.kill(server.pid, signal.SIGCONT)


def test_kafka_is_stopped_and_then_killed_and_comes_back(site, kafka):
    publisher = site.publish(rate=50)
    streams = site.streams()
    site.wait(site.predicted, "the lanes live")
    for go in (kafka.stop, kafka.kill):
        with outage(site, [streams], go, kafka.start):
            pass
    assert publisher.stop() == 0
    site.settle()
    assert site.faults() == []
    assert streams.running  # it waits and goes on; it needs no restart


def test_kafka_is_frozen_and_goes_on_where_it_stood(site, kafka):
    publisher = site.publish(rate=50)
    streams = [site.streams(client=HASTY), site.streams(client=HASTY)]
    site.wait(site.predicted, "the lanes live")
    site.wait(lambda: all(process.ready() == (200, {}) for process in streams), "both are ready")
    with outage(site, streams, lambda: freeze(kafka), lambda: thaw(kafka)):
        pass
    assert publisher.stop() == 0
    site.settle()
    assert site.faults() == []
    assert all(process.running for process in streams)  # they wait and go on; they need no restart


def test_kafka_names_no_brokers_when_it_comes_back(own_redis, tmp_path):
    anxious = {"client.id": CLIENT, "topic.metadata.refresh.interval.ms": "500"}  # asks often enough to hear it
    with ForgetfulKafka() as kafka, Site(kafka.front, own_redis.url, tmp_path) as site:
        publisher = site.publish(rate=50)
        streams = [site.streams(client=anxious), site.streams(client=anxious)]
        site.wait(site.predicted, "the lanes live")
        with outage(site, streams, partial(setattr, kafka, "forgets", True), partial(setattr, kafka, "forgets", False)):
            pass
        assert publisher.stop() == 0
        site.settle()
        assert site.faults() == []
        assert all(process.running for process in streams)  # librdkafka may not find brokers again; they do
