"""Kill -9, zombies and a Redis that dies, on the real Kafka and Redis: the end is that of one sequential life.

`DRIFTLINE_ROUNDS` says how many rounds of killing there are (`make faults`: 30).
"""

import os
import signal
import time

import pytest
from rounds import PARTITIONS, Pair, Site

from driftline.services.servers import RedisServer

ROUNDS = int(os.environ.get("DRIFTLINE_ROUNDS", "4"))

pytestmark = [pytest.mark.kafka, pytest.mark.servers, pytest.mark.slow]


@pytest.fixture
def own_redis():
    """A Redis that a test may kill."""
    with RedisServer(append_fsync="everysec") as server:
        yield server


@pytest.fixture
def site(kafka_server, own_redis, tmp_path):
    with Site(kafka_server.bootstrap, own_redis.url, tmp_path) as site:
        yield site


@pytest.mark.parametrize("membership", ["dynamic", "static"])
def test_after_rounds_of_kill_9_the_end_is_that_of_one_sequential_life(site, membership):
    seed = int(os.environ.get("DRIFTLINE_SEED", "7"))
    publisher = site.publish(rate=150)
    pair = Pair(site, seed, membership == "static")
    site.wait(site.predicted, "the lanes live")
    first = [site.gen(n) for n in range(PARTITIONS)]
    for _ in range(ROUNDS):
        pair.round()
    pair.rest()
    assert publisher.stop() == 0
    site.settle()
    assert site.faults() == []
    assert all(site.gen(n) > first[n] for n in range(PARTITIONS))  # or nothing was killed that mattered
    assert all(sum(site.ends(n).values()) > 500 for n in range(PARTITIONS))


def test_a_zombie_cannot_write(site):
    publisher = site.publish(rate=300)
    zombie = site.streams()
    site.wait(site.predicted, "the lanes live")
    before = [site.gen(n) for n in range(PARTITIONS)]
    zombie.signal(signal.SIGSTOP)
    heir = site.streams()
    taken = lambda n: (head := site.head(n)) is not None and head.gen > before[n]  # noqa: E731
    site.wait(lambda: all(taken(n) for n in range(PARTITIONS)), "another has taken over and written")
    zombie.signal(signal.SIGCONT)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        assert all(site.head(n).gen > before[n] for n in range(PARTITIONS))
        time.sleep(0.05)
    assert publisher.stop() == 0
    site.settle()
    assert site.faults() == []
    assert zombie.running
    assert heir.running


def test_a_redis_that_is_killed_and_comes_back_loses_nothing(site, own_redis):
    publisher = site.publish(rate=300)
    streams = [site.streams(), site.streams()]
    site.wait(site.predicted, "the lanes live")
    before = [site.gen(n) for n in range(PARTITIONS)]
    for pause in (0.2, 2.5):
        time.sleep(1.0)
        own_redis.kill()
        time.sleep(pause)
        own_redis.start()
        site.wait(lambda old=before: all(site.gen(n) > old[n] for n in range(PARTITIONS)), "all was acquired again")
        before = [site.gen(n) for n in range(PARTITIONS)]
    assert publisher.stop() == 0
    site.settle()
    assert site.faults() == []
    assert all(process.running for process in streams)  # they wait and go on; they need no restart


def test_a_process_that_is_asked_to_stop_writes_a_last_checkpoint_and_ends_well(kafka_server, own_redis, tmp_path):
    # No checkpoint comes by itself.
    with Site(kafka_server.bootstrap, own_redis.url, tmp_path, events=10**6, seconds=600) as site:
        streams = site.streams()
        assert site.publish(rate=2_000, events=1_500).wait() == 0
        topic = site.config.prediction_topic
        wanted = [4 * (site.ends(n)[site.config.topic] - 20) for n in range(PARTITIONS)]  # a few are poison
        site.wait(lambda: all(site.log.bounds(topic, n)[1] >= wanted[n] for n in range(PARTITIONS)), "all is predicted")
        time.sleep(2)
        assert [site.head(n) for n in range(PARTITIONS)] == [None] * PARTITIONS
        started = time.monotonic()
        assert streams.stop() == 0
        assert time.monotonic() - started < 10  # what an orchestrator grants
        assert [site.head(n).offsets for n in range(PARTITIONS)] == [site.ends(n) for n in range(PARTITIONS)]
        assert site.faults() == []
