"""The runner: a plain loop on confluent-kafka that polls, hands lanes their messages, and checkpoints when due.

One thread runs it. Rebalances arrive as callbacks inside the poll, so nothing runs beside a lane.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from driftline.streams.assignment import Assignment
from driftline.streams.config import StreamConfig
from driftline.streams.contact import Contact
from driftline.streams.holding import Holding, Options
from driftline.streams.kafka_log import KafkaLog
from driftline.streams.membership import check_topics
from driftline.streams.message import Message
from driftline.streams.store import Store
from driftline.streams.tenure import Recovery, Stuck
from driftline.streams.vault import Vault

log = logging.getLogger("driftline.runner")

BATCH = 2_000
"""Messages polled at once."""
HIGH, LOW = 40_000, 10_000
"""Messages that wait in a lane at which its fuller topic is paused, and resumed."""
PATIENCE_SECONDS, KNOWN_PATIENCE_SECONDS = 1.0, 15.0
"""How long a topic is waited for when nothing comes of it, before the other goes on alone: where its end is not known,
and where more is known to be there (or was: what ends a log may be no message)."""

Place = tuple[str, int]
"""Topic and partition."""


class Runner:
    """Hold the lanes that the group assigns, until told to stop.

    Parameters
    ----------
    streams
        The streams as configured.
    options
        How to reach Kafka.
    store, vault
        Where state is kept, and the key that seals it.
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
        options: Options,
        store: Store,
        vault: Vault,
        recovery: Recovery = Recovery(),  # noqa: B008
        app: str = "driftline",
        clock: Callable[[], float] = time.monotonic,
    ):
        self.streams = dict(streams)
        self.options = options
        self.store = store
        self.clock = clock
        self.stopping = threading.Event()
        self.checkpoint_wanted = threading.Event()
        """Set from elsewhere: all lanes are checkpointed at the next turn."""
        self.turns = 0
        self.contact = Contact(options, clock)
        self.log = KafkaLog({"bootstrap.servers": options.brokers, **options.client}, options.idempotence)
        self.assignment = Assignment(self.streams, store, vault, self.log, recovery, app, clock)
        self.holdings = self.assignment.holdings
        self._consumer: Consumer | None = None

    # -- the loop ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Poll, handle, checkpoint, until told to stop. Raises what cannot be healed by trying again."""
        try:
            while not (self.stopping.is_set() or self._join(10.0)):
                self.stopping.wait(1.0)
            while not self.stopping.is_set():
                assert self._consumer is not None
                if self.contact.lost(self._consumer) and not self._join(1.0):
                    self.contact.wait()
                self.turn(self._consumer)
            if self._consumer is not None:
                self._leave(self._consumer)
        finally:
            self.assignment.close()  # first: closing the consumer revokes what is left
            if self._consumer is not None:
                self._consumer.close()
            self.log.close()

    def turn(self, consumer: Consumer) -> None:
        """One turn of the loop."""
        self.turns += 1
        self.assignment.acquire_wanting(consumer)
        batch = self._poll(consumer)
        for holding, messages in self._sort(consumer, batch):
            self.assignment.guarded(consumer, holding, self._offer, messages)
        self._listen(consumer)
        self._checkpoint_due(consumer)

    def _join(self, timeout_seconds: float) -> bool:
        """Join the group with a new consumer, in the place of one that is lost; False where Kafka does not answer it.

        Raises `Stuck` where the topics of a stream cannot meet, lane by lane.
        """
        begun = self.contact.begin(timeout_seconds)
        if begun is None:
            return False
        if self._consumer is not None:
            log.warning("Kafka answers, but not the consumer that we had: joining anew")
            self.assignment.close()
        consumer, counts = begun
        # A lost one is not closed: it cannot leave the group, whose patience is over, and while it has commits on their
        # way it would try for minutes. Without a name it is destroyed at once, and calls nothing back.
        self._consumer = consumer
        check_topics(self.streams, counts)
        lanes = self.assignment
        if self.options.assignment == "all":
            places = [TopicPartition(topic, n) for topic in lanes.of_topic for n in range(counts[topic])]
            lanes.assigned(consumer, places)
        else:
            consumer.subscribe(
                list(lanes.of_topic), on_assign=lanes.assigned, on_revoke=lanes.revoked, on_lost=lanes.taken_away
            )
        return True

    # -- messages ----------------------------------------------------------------------------------------------------

    def _poll(self, consumer: Consumer) -> list[KafkaMessage]:
        """Wait for a first message, then take what else is there: a whole batch would be waited for to its time-out."""
        waiting = any(holding.tenure is None for holding in self.holdings.values())
        first = consumer.poll(0.02 if waiting else 0.1)
        if first is None:
            return []
        rest: list[KafkaMessage] = consumer.consume(BATCH, 0)
        self.contact.heard()
        return [first, *rest]

    def _sort(self, consumer: Consumer, batch: list[KafkaMessage]) -> list[tuple[Holding, list[Message]]]:
        """Give each lane its messages, as they came."""
        places: dict[Place, list[Message]] = {}
        before: Place | None = None
        for message in batch:
            error = message.error()
            if error is not None:
                self._complain(error)
                continue
            place = message.topic(), message.partition()
            if place != before:  # most come behind another of the same partition
                before, topic = place, place[0]
                add = places.setdefault(place, []).append
            millis = message.timestamp()[1]
            when = millis / 1e3 if millis >= 0 else None
            add(Message(topic, message.offset(), message.key(), message.value(), when))
        lanes: dict[tuple[str, int], list[Message]] = {}
        now = self.clock()
        for (topic, partition), messages in places.items():
            lane = (self.assignment.of_topic[topic], partition)
            holding = self.holdings.get(lane)
            if holding is None or holding.tenure is None:
                continue  # no longer ours, or to be read again once it is
            if topic in holding.expected and not self._in_line(consumer, holding, topic, messages[0].offset):
                continue
            holding.heard[topic] = now
            lanes.setdefault(lane, []).extend(messages)
        return [(self.holdings[lane], messages) for lane, messages in lanes.items()]

    def _in_line(self, consumer: Consumer, holding: Holding, topic: str, offset: int) -> bool:
        """Whether the first message after a start is where it must be.

        A later one may be a leftover of an earlier assignment: ask once more, and believe the second answer (offsets
        can be missing in a log).
        """
        expected = holding.expected.pop(topic)
        if offset <= expected:
            return True
        log.info("%s/%d starts at %d instead of %d: asking again", topic, holding.partition, offset, expected)
        consumer.seek(TopicPartition(topic, holding.partition, expected))
        return False

    def _complain(self, error: KafkaError) -> None:
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise Stuck(f"Kafka no longer has what comes next: {error.str()}")
        if error.fatal():
            raise KafkaException(error)
        self.contact.trouble = error.str()

    def _offer(self, holding: Holding, messages: list[Message]) -> None:
        assert holding.tenure is not None
        holding.tenure.offer(messages)

    def _listen(self, consumer: Consumer) -> None:
        """Notice which topics have been read to their end, and which must be held back."""
        now = self.clock()
        for holding in self.holdings.values():
            tenure = holding.tenure
            if tenure is None:
                continue
            order = tenure.order
            for topic in holding.topics:
                _, end = consumer.get_watermark_offsets(TopicPartition(topic, holding.partition), cached=True)
                holding.ends[topic] = end
                queue = order.queues[topic]
                position = queue[-1].offset + 1 if queue else tenure.lane.offsets[topic]
                patience = KNOWN_PATIENCE_SECONDS if end > position else PATIENCE_SECONDS
                quiet = now - holding.heard.get(topic, now) > patience and topic not in holding.paused
                order.drained[topic] = 0 <= end <= position or quiet
                if topic not in holding.paused and len(queue) > HIGH:
                    consumer.pause([TopicPartition(topic, holding.partition)])
                    holding.paused.add(topic)
                elif topic in holding.paused and len(queue) < LOW:
                    consumer.resume([TopicPartition(topic, holding.partition)])
                    holding.paused.discard(topic)
            if len(order):
                self.assignment.guarded(consumer, holding, self._offer, [])

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def _checkpoint_due(self, consumer: Consumer) -> None:
        now = self.clock()
        wanted = self.checkpoint_wanted.is_set()
        for holding in list(self.holdings.values()):
            tenure, rhythm = holding.tenure, holding.config.checkpoint
            if tenure is None:
                continue
            if wanted or tenure.since >= rhythm.events or now - holding.checkpoint_at >= rhythm.seconds:
                self.assignment.guarded(consumer, holding, self._checkpoint)
        if wanted:
            self.checkpoint_wanted.clear()

    def _checkpoint(self, holding: Holding) -> None:
        assert holding.tenure is not None
        started = self.clock()
        if holding.tenure.checkpoint():
            holding.checkpointed(self.clock() - started)
            self._commit(holding)
        holding.checkpoint_at = self.clock()
        holding.trouble = None

    def _commit(self, holding: Holding) -> None:
        """Tell the group how far we are: for lag tools only, nothing starts from there."""
        if self._consumer is None or holding.tenure is None:
            return
        offsets = holding.tenure.lane.offsets
        places = [TopicPartition(topic, holding.partition, offsets[topic]) for topic in holding.topics]
        try:
            self._consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as error:
            log.debug("offsets were not committed: %s", error)

    def _leave(self, consumer: Consumer) -> None:
        """Stop in good order: a last checkpoint of every lane."""
        for holding in list(self.holdings.values()):
            if holding.tenure is not None:
                self.assignment.guarded(consumer, holding, self._checkpoint)
        self.log.flush()

    def troubles(self) -> dict[str, str]:
        """Why this process is not ready, by what is missing; empty when all is well."""
        said = {}
        if self.contact.trouble:
            said["broker"] = self.contact.trouble
        if not self.assignment.complete:
            said["lanes"] = "no partitions assigned yet"
        for (stream, partition), holding in list(self.holdings.items()):
            if holding.tenure is None:
                said[f"{stream}/{partition}"] = holding.trouble or "not restored yet"
        return said
