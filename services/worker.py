"""The side worker: one process for one heavy model of a stream, which answers in batches and learns in micro-batches.

One poll is one batch: the model answers it, the answers are published, and it is written down how far that goes. What
has waited too long is answered as the light model did, so there is an answer to each event, and a worker that comes
back after a pause catches up quickly. Between polls the worker of partition 0 teaches the model on joined events, for
a bounded share of its time; from time to time a version is proposed, and serves if it passes the canary.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from kafka import ConsumerRebalanceListener, TopicPartition
from kafka.errors import KafkaError

from driftline.models.heavy import Heavy
from driftline.services.serving import Serving
from driftline.services.settings import Settings, snapshot_key
from driftline.services.side_consumer import side_consumer
from driftline.services.teaching import Teaching
from driftline.services.time_share import TimeShare
from driftline.services.worker_log import WorkerLog
from driftline.streams.desk import Asked, Desk
from driftline.streams.redis_store import RedisStore
from driftline.streams.registry import build, class_of
from driftline.streams.store import Lost, Store, Unavailable
from driftline.streams.vault import Vault
from driftline.streams.versions import Versions, place_of

log = logging.getLogger("driftline.worker")

MARK_SECONDS = 5.0
"""How often a commit moves the place from which a successor reads the answers."""
IDLE_SECONDS = 0.1
"""How long a poll waits for a first event."""
RETRY_SECONDS = 1.0
NOTHING_YET = "no partitions assigned yet"
JOIN_SECONDS = 5.0
"""After this long in the midst of joining the group it is joined anew: a join that ends between two short polls is
forgotten by kafka-python 3.0 (the member has its assignment, and never takes it)."""


class HeavyWorker(ConsumerRebalanceListener):  # type: ignore[misc]
    """Serve and teach one heavy model.

    Parameters
    ----------
    settings
        What is configured.
    stream, name
        Of the stream, and of the model in it.
    store
        Where state is kept; Redis by default.

    """

    def __init__(self, settings: Settings, stream: str, name: str, store: Store | None = None):
        self.settings, self.stream, self.name = settings, stream, name
        self.config = settings.streams[stream]
        model = self.config.models[name]
        self.how = model.worker
        redis = settings.redis
        self.store = store or RedisStore(redis.url, redis.command_timeout_seconds)
        self.vault = Vault(snapshot_key(settings))
        kafka = settings.kafka
        self.log = WorkerLog(kafka.brokers, kafka.client, kafka.idempotence)
        self.build: Callable[[], Heavy] = lambda: build(model.class_, model.parameters)
        self._limit_threads()
        self.versions = Versions(self.store, self.vault, place_of(settings.app, stream, name))
        self.serving = Serving(name, self.config, self.versions, self.build)
        self.desks: dict[int, Desk] = {}
        self.teaching: Teaching | None = None
        self.stopping = threading.Event()
        self.trouble: str | None = NOTHING_YET
        self.turns = 0
        self.queue = 0
        """Requests that wait in Kafka."""
        self.batches = 0
        self._share = TimeShare(self.how.share)
        self._marked = 0.0
        self._wanting: dict[int, float] = {}
        """Partitions that are to be taken over, and when to try."""
        self._joining: float | None = None
        """Since when we are in the midst of joining the group."""
        self._consumer: Any = None

    def _limit_threads(self) -> None:
        """Load the model's class, and bound torch where that has brought it along."""
        class_of(self.config.models[self.name].class_)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(self.settings.worker.threads)

    # -- the loop ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until told to stop. Raises what cannot be healed by trying again."""
        try:
            self._join()
            while not self.stopping.is_set():
                try:
                    self.turn()
                except KafkaError as error:
                    self.trouble = f"Kafka: {error}"
                    log.warning("%s", self.trouble)
                    self.stopping.wait(RETRY_SECONDS)
            self._leave()
        finally:
            for desk in self.desks.values():
                desk.drop()
            if self.teaching is not None:
                self.teaching.close()
            if self._consumer is not None:
                self._consumer.close()
            self.log.close()

    def _join(self) -> None:
        alone = self.settings.kafka.assignment == "all"
        while not self.stopping.is_set():
            try:
                self._consumer = side_consumer(self.settings, f"worker.{self.stream}.{self.name}", "earliest")
                if alone:
                    numbers = self._consumer.partitions_for_topic(self.config.request_topic) or ()
                    places = [TopicPartition(self.config.request_topic, n) for n in numbers]
                    self._consumer.assign(places)
                    self.on_partitions_assigned(places)
                else:
                    self._subscribe()
                return
            except KafkaError as error:
                self.trouble = f"Kafka: {error}"
                log.warning("%s", self.trouble)
                self.stopping.wait(RETRY_SECONDS)

    def _subscribe(self) -> None:
        self._joining = time.monotonic()
        self._consumer.subscribe([self.config.request_topic], listener=self)

    def turn(self) -> None:
        """One poll, one batch; then what time allows."""
        self.turns += 1
        now = time.monotonic()
        if self._joining is not None and now - self._joining > JOIN_SECONDS:
            log.warning("joining the group took %g s: joining anew", now - self._joining)
            self._consumer.unsubscribe()
            self._subscribe()
        self._take_wanting(now)
        try:
            if self.serving.look(now) and self.teaching is not None:
                self.teaching.rolled_back()
        except Unavailable as error:
            self.trouble = str(error)
        asked = self._poll()
        started = time.monotonic()
        self._serve(asked)
        spent = time.monotonic() - started
        self._teach(idle=not any(asked.values()) and not self.queue, spent=spent)

    # -- partitions --------------------------------------------------------------------------------------------------

    def on_partitions_assigned(self, assigned: list[Any]) -> None:
        """Take over what the group gives us: at the next turn, for it takes a while."""
        self._joining = None
        log.info("assigned %s of %s", sorted(place.partition for place in assigned), self.config.request_topic)
        for place in assigned:
            if place.partition not in self.desks:
                self._wanting[place.partition] = 0.0
        if assigned:
            self._consumer.pause(*assigned)
        self.trouble = "not taken over yet" if self._wanting or self.desks else NOTHING_YET

    def on_partitions_revoked(self, revoked: list[Any]) -> None:
        """Let go of what the group takes back."""
        self._joining = time.monotonic()
        for place in revoked:
            self._wanting.pop(place.partition, None)
            self._drop(place.partition)

    on_partitions_lost = on_partitions_revoked

    def _drop(self, partition: int) -> None:
        desk = self.desks.pop(partition, None)
        if desk is not None:
            desk.drop()
        if partition == 0 and self.teaching is not None:
            self.teaching.close()
            self.teaching = None

    def _lose(self, partition: int, error: Exception) -> None:
        """Drop a partition and take it over again."""
        log.warning("%s/%d: %s", self.config.request_topic, partition, error)
        self.trouble = str(error)
        self._drop(partition)
        place = TopicPartition(self.config.request_topic, partition)
        if place in self._consumer.assignment():
            self._consumer.pause(place)
            self._wanting[partition] = time.monotonic() + 0.2

    def _take_wanting(self, now: float) -> None:
        for partition, when in list(self._wanting.items()):
            if when > now:
                continue
            desk = Desk(
                self.stream, self.name, partition, self.config, self.store, self.log, self.vault, self.settings.app
            )
            try:
                offset = desk.take()
                if partition == 0:
                    self._begin_teaching()
            except (Lost, Unavailable) as error:
                desk.drop()
                log.warning("%s/%d is not taken over yet: %s", self.config.request_topic, partition, error)
                self.trouble = str(error)
                self._wanting[partition] = now + RETRY_SECONDS
                continue
            place = TopicPartition(self.config.request_topic, partition)
            self._consumer.seek(place, offset)
            self._consumer.resume(place)
            self.desks[partition] = desk
            del self._wanting[partition]
        if not self._wanting and self.desks:
            self.trouble = None

    def _begin_teaching(self) -> None:
        if self.teaching is not None:
            self.teaching.close()
        self.teaching = None
        made = Teaching(self)
        try:
            made.take()
        except BaseException:
            made.close()
            raise
        self.teaching = made

    # -- serving -----------------------------------------------------------------------------------------------------

    def _poll(self) -> dict[int, list[Asked]]:
        """Wait for a first event, then for more until the batch is full or it has waited long enough."""
        found: dict[int, list[Asked]] = {}
        count = 0
        until: float | None = None
        busy = self.teaching is not None and self.teaching.busy
        while count < self.how.batch:
            idle = 1.0 if self._joining is not None else 0.0 if busy else IDLE_SECONDS
            left = idle if until is None else until - time.monotonic()
            if until is not None and left <= 0:
                break
            polled = self._consumer.poll(timeout_ms=max(0, int(left * 1_000)), max_records=self.how.batch - count)
            for place, records in polled.items():
                desk = self.desks.get(place.partition)
                if desk is None:
                    continue
                messages = [(record.offset, record.value, record.timestamp / 1e3) for record in records]
                asked = desk.sift(messages)
                found.setdefault(place.partition, []).extend(asked)
                count += len(asked)
            if not polled and until is None:
                break
            if until is None:
                until = time.monotonic() + self.how.batch_seconds
        self.queue = self._lag()
        return found

    def _lag(self) -> int:
        behind = 0
        for partition, desk in self.desks.items():
            end = self._consumer.highwater(TopicPartition(self.config.request_topic, partition))
            behind += max(0, (end or 0) - desk.next)
        return behind

    def _serve(self, found: dict[int, list[Asked]]) -> None:
        flat = [one for asked in found.values() for one in asked]
        leads = self.teaching.leads if self.teaching is not None else self._followed()
        replies = self.serving.answer(flat, self._history(flat), leads)
        self.batches += bool(flat)
        now = time.monotonic()
        mark = now - self._marked >= MARK_SECONDS
        for partition in found:
            desk = self.desks.get(partition)
            if desk is None:  # taken back while the batch was gathered
                continue
            try:
                desk.publish([reply for reply in replies if reply.asked.partition == partition])
                desk.commit(mark)
            except (Lost, Unavailable) as error:
                self._lose(partition, error)
        if mark and found:
            self._marked = now

    def _followed(self) -> str | None:
        version = self.serving.version
        return None if version is None else version.told.get("leads")

    def _history(self, asked: list[Asked]) -> Callable[[str], tuple[int | None, Any]]:
        if self.teaching is not None:
            return self.teaching.learner.history
        from driftline.streams.learner import look_up_histories

        keys = list({one.request.key for one in asked}) if self.how.history else []
        known = look_up_histories(self.store, self.vault, self.settings.app, self.stream, self.name, keys)
        return lambda key: known[key]

    # -- teaching ----------------------------------------------------------------------------------------------------

    def _teach(self, idle: bool, spent: float) -> None:
        """Teach for the share of time that is due, or as long as nothing else is to be done."""
        if self.teaching is None:
            return
        if idle:
            self._share.idle()
        else:
            self._share.answered(spent)
        while self.teaching is not None:
            started = time.monotonic()
            try:
                self.teaching.turn(may_step=idle or self._share.may_learn)
            except (Lost, Unavailable) as error:
                self._lose(0, error)
                return
            if idle:
                return
            self._share.learnt(time.monotonic() - started)
            if not (self._share.may_learn and self.teaching.busy):
                return

    def _leave(self) -> None:
        """Stop in good order."""
        for partition, desk in list(self.desks.items()):
            try:
                desk.commit(True)
            except (Lost, Unavailable) as error:
                log.warning("%s/%d: %s", self.config.request_topic, partition, error)
        if self.teaching is not None:
            try:
                self.teaching.checkpoint()
            except (Lost, Unavailable) as error:
                log.warning("%s: %s", self.name, error)


def run(settings: Settings, stream: str, name: str) -> None:
    """Run the worker of one heavy model until SIGTERM or SIGINT."""
    from driftline.services.side_process import run_side
    from driftline.services.worker_metrics import WorkerCollector

    worker = HeavyWorker(settings, stream, name)
    run_side(worker, WorkerCollector(worker))
