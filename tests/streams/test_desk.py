"""The desk: each request is answered once, with one value for ever, whoever dies."""

import random

import pytest
from predictions import believed
from side import CONFIG, VAULT, request

from driftline.streams.desk import Desk, Reply
from driftline.streams.failpoint import arm, disarm
from driftline.streams.log import MemoryLog
from driftline.streams.memory_store import MemoryStore
from driftline.streams.store import Lost
from driftline.streams.wire import Fence, encode

ANSWERS = CONFIG.heavy_topic("wide")


class Site:
    """A topic of requests, and whoever answers them."""

    def __init__(self, requests):
        self.store, self.log = MemoryStore(), MemoryLog()
        self.log.topic(CONFIG.request_topic, 0).extend(requests)
        self.made = 0

    def desk(self):
        """A new process."""
        desk = Desk("s", "wide", 0, CONFIG, self.store, self.log.producer(), VAULT)
        desk.take()
        return desk

    def sift(self, desk, count=4):
        """Read on a little."""
        topic = self.log.topic(CONFIG.request_topic, 0)
        return desk.sift([(n, topic[n], 0.0) for n in range(desk.next, min(desk.next + count, len(topic)))])

    def reply(self, asked):
        """Answers that no other process would give."""
        self.made += 1
        return [Reply(one, (True, 0.5 + self.made / 10_000), "v") for one in asked]

    def answers(self):
        """The answers that count."""
        found, contradicted, _ = believed(enumerate(self.log.topic(ANSWERS, 0)))
        assert not contradicted
        return found


def test_requests_are_answered_in_order_and_written_down():
    site = Site([request(i) for i in range(10)])
    desk = site.desk()
    desk.publish(site.reply(site.sift(desk)))
    desk.commit(mark=False)
    assert [one.id for one in site.answers().values()] == [f"wide/s/0/{i}" for i in range(4)]
    heir = site.desk()
    assert heir.next == 4


def test_what_was_answered_and_not_written_down_is_not_answered_again():
    site = Site([request(i) for i in range(10)])
    desk = site.desk()
    desk.publish(site.reply(site.sift(desk)))
    desk.commit(mark=True)
    desk.publish(site.reply(site.sift(desk)))
    desk._log.flush()
    heir = site.desk()
    assert heir.next == 4
    assert [one.request.offset for one in site.sift(heir, 10)] == [8, 9]
    assert heir.counts == {"repeated": 4}


def test_a_request_that_a_new_lane_sends_again_is_answered_once():
    site = Site([request(0, 5), request(1, 5), encode(Fence(7)), request(1, 7), request(2, 5), request(2, 7)])
    desk = site.desk()
    assert [one.offset for one in site.sift(desk, 10)] == [0, 1, 5]
    assert desk.counts == {"repeated": 1, "void": 1}


def test_what_is_no_request_is_passed_over_and_counted():
    site = Site([b"{", request(0), b""])
    desk = site.desk()
    assert len(site.sift(desk, 3)) == 1
    assert desk.counts == {"unreadable": 2}
    assert desk.next == 3


def test_requests_that_the_log_no_longer_has_are_counted(monkeypatch):
    site = Site([request(i) for i in range(10)])
    desk = site.desk()
    desk.publish(site.reply(site.sift(desk)))
    desk.commit(mark=True)
    heir = Desk("s", "wide", 0, CONFIG, site.store, site.log.producer(), VAULT)
    real = heir._log.bounds
    monkeypatch.setattr(heir._log, "bounds", lambda topic, n: (7, 10) if topic == "s.requests" else real(topic, n))
    assert heir.take() == 7
    assert heir.counts == {"skipped": 3}


@pytest.mark.parametrize("seed", range(40))
def test_in_any_world_each_request_has_one_answer(seed):
    """Processes die with part of their queue written, pause and go on as zombies, and Redis loses its last write."""
    rng = random.Random(seed)
    site = Site([request(i) for i in range(30)])
    points = ("acquire.after", "fence.after", "produce.after", "flush.after", "note.after", "state.ahead")

    class Died(Exception):
        pass

    def die():
        raise Died

    owner, zombies = None, []
    for _ in range(400):
        if rng.random() < 0.3:
            arm(rng.choice(points), die)
        try:
            if owner is None:
                owner = Desk("s", "wide", 0, CONFIG, site.store, site.log.producer(), VAULT)
                owner.take()
            fate = rng.random()
            if fate < 0.5:
                owner.publish(site.reply(site.sift(owner, rng.randint(1, 4))))
            elif fate < 0.8:
                owner.commit(mark=rng.random() < 0.5)
            elif fate < 0.87:
                zombies.append(owner)
                owner = None
            elif fate < 0.93:
                site.store.lose(owner.place, rng.randint(1, 2))
            elif zombies:
                zombie = rng.choice(zombies)
                zombie.publish(site.reply(site.sift(zombie, 2)))
                zombie.commit(mark=True)
        except Died:
            producer = owner._log
            producer.flush(rng.randint(0, len(producer.queue)))
            owner = None
        except Lost:
            if owner is not None and owner._session is not None:
                owner._log.queue.clear()
            owner = None
        finally:
            disarm()
    last = site.desk()
    while asked := site.sift(last):
        last.publish(site.reply(asked))
        last.commit(mark=False)
    found = site.answers()
    assert sorted(int(name.rpartition("/")[2]) for name in found) == list(range(30))
