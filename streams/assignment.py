"""The lanes of this process: taken over when the group assigns them, let go when it takes them back or they are lost.

Rebalances arrive as callbacks inside the consumer's poll, so nothing here runs beside a lane.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from driftline.streams.config import StreamConfig
from driftline.streams.holding import Holding
from driftline.streams.kafka_log import KafkaLog
from driftline.streams.lane import Lane
from driftline.streams.store import Lost, Store, Unavailable
from driftline.streams.tenure import Differs, Recovery, Stuck, Tenure
from driftline.streams.vault import Vault

log = logging.getLogger("driftline.runner")

RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between tries to acquire a lane."""
STUBBORN = 5
"""Times that one prediction may come out otherwise before its model counts as not deterministic."""


class Assignment:
    """What the group gave to this process, lane by lane.

    Parameters
    ----------
    streams
        The streams as configured.
    store, vault
        Where state is kept, and the key that seals it.
    log_
        Where lanes write, and read back.
    recovery
        What to do where something would be lost.
    app
        The prefix of the lanes' names in the store.
    clock
        Monotonic seconds.

    """

    def __init__(
        self,
        streams: Mapping[str, StreamConfig],
        store: Store,
        vault: Vault,
        log_: KafkaLog,
        recovery: Recovery,
        app: str,
        clock: Callable[[], float],
    ):
        self.holdings: dict[tuple[str, int], Holding] = {}
        """By stream and partition."""
        self.complete = False
        """Whether partitions were assigned, and none was taken back since."""
        self.of_topic = {topic: name for name, s in streams.items() for topic in (s.topic, s.label_topic)}
        self._streams = streams
        self._store = store
        self._vault = vault
        self._log = log_
        self._recovery = recovery
        self._app = app
        self._clock = clock
        self._strange: dict[str, int] = {}

    def assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Take over the lanes of an assignment, and start where their state says."""
        log.info("assigned %s", ", ".join(f"{p.topic}/{p.partition}" for p in places))
        lanes = sorted({(self.of_topic[place.topic], place.partition) for place in places})
        for lane in lanes:
            stream, partition = lane
            together = {p.topic for p in places if p.partition == partition and self.of_topic[p.topic] == stream}
            config = self._streams[stream]
            if together != {config.topic, config.label_topic}:
                raise Stuck(f"{stream}: partition {partition} was assigned without {config.topic} or its labels")
            holding = self.holdings[lane] = Holding(stream, partition, config)
            self._take(consumer, holding)
        starts, waiting = [], []
        for place in places:
            holding = self.holdings[(self.of_topic[place.topic], place.partition)]
            held = holding.tenure is not None
            starts.append(TopicPartition(place.topic, place.partition, holding.expected[place.topic] if held else 0))
            if not held:
                waiting.append(place)
        consumer.assign(starts)
        consumer.resume(starts)  # librdkafka's pauses outlive an assignment: we may have held, and lost, these before
        if waiting:
            consumer.pause(waiting)
        self.complete = True

    def revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Write a last checkpoint of the lanes that go to another process."""
        for lane in {(self.of_topic[place.topic], place.partition) for place in places}:
            holding = self.holdings.pop(lane, None)
            if holding is not None and holding.tenure is not None:
                try:
                    holding.tenure.checkpoint()
                except (Lost, Unavailable) as trouble:
                    log.warning("%s/%d: no last checkpoint: %s", *lane, trouble)
                holding.tenure.close()
        self.complete = False

    def taken_away(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Drop lanes that were lost: another process has them already."""
        for place in places:
            holding = self.holdings.pop((self.of_topic[place.topic], place.partition), None)
            if holding is not None and holding.tenure is not None:
                holding.tenure.close()
        self.complete = False

    def _lane(self, holding: Holding) -> Lane:
        return Lane(holding.stream, holding.partition, holding.config, self._vault, time.perf_counter, self._app)

    def _take(self, consumer: Consumer, holding: Holding) -> bool:
        """Try to take a lane over; return whether it is held now."""
        started = self._clock()
        tenure = Tenure(lambda: self._lane(holding), self._store, self._log, self._recovery)
        try:
            offsets = tenure.take()
        except (Lost, Unavailable) as trouble:
            tenure.close()
            if isinstance(trouble, Lost):
                self._renew_log(consumer, holding)
            self._put_off(holding, trouble)
            return False
        holding.tenure, holding.trouble, holding.tries = tenure, None, 0
        holding.expected = dict(offsets)
        holding.heard = dict.fromkeys(offsets, self._clock())
        holding.restore_seconds = self._clock() - started
        holding.checkpoint_at = self._clock()
        log.info("%s/%d: held from %s, gen %d", holding.stream, holding.partition, offsets, tenure.lane.gen)
        return True

    def _put_off(self, holding: Holding, trouble: Exception) -> None:
        holding.trouble = str(trouble)
        holding.retry_at = self._clock() + RETRY_SECONDS[min(holding.tries, len(RETRY_SECONDS) - 1)]
        if holding.tries == 0:
            log.warning("%s/%d: %s", holding.stream, holding.partition, trouble)
        holding.tries += 1

    def acquire_wanting(self, consumer: Consumer) -> None:
        """Try again to take over the lanes that are assigned but not held."""
        for holding in list(self.holdings.values()):
            if holding.tenure is None and self._clock() >= holding.retry_at and self._take(consumer, holding):
                for topic in holding.topics:
                    place = TopicPartition(topic, holding.partition, holding.expected[topic])
                    consumer.seek(place)
                    consumer.resume([place])
                holding.paused.clear()

    def guarded(self, consumer: Consumer, holding: Holding, action: Callable[..., None], *given: Any) -> None:
        """Do something with a lane; where it is lost, drop it with what it has not sent (rule 6), and acquire again."""
        try:
            action(holding, *given)
        except (Lost, Unavailable) as trouble:
            if isinstance(trouble, Differs):
                self._strange[trouble.id] = self._strange.get(trouble.id, 0) + 1
                if self._strange[trouble.id] >= STUBBORN:
                    raise Stuck(f"{trouble}; {STUBBORN} times: is the model deterministic (a seed)?") from trouble
            holding.losses += 1
            assert holding.tenure is not None
            holding.tenure.close()
            holding.tenure = None
            consumer.pause([TopicPartition(topic, holding.partition) for topic in holding.topics])
            self._renew_log(consumer, holding)
            self._put_off(holding, trouble)

    def _renew_log(self, consumer: Consumer, cause: Holding) -> None:
        """A producer that failed has failed for every lane: drop them all and begin with a new one."""
        if self._log.failed is None:
            return
        for holding in self.holdings.values():
            if holding.tenure is not None and holding is not cause:
                holding.tenure.close()
                holding.tenure = None
                self._put_off(holding, Lost(self._log.failed))
                consumer.pause([TopicPartition(topic, holding.partition) for topic in holding.topics])
        self._log.renew()

    def close(self) -> None:
        """Let go of every lane, without a checkpoint."""
        for holding in self.holdings.values():
            if holding.tenure is not None:
                holding.tenure.close()
        self.holdings.clear()
        self.complete = False
