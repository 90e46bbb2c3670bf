"""The runner: a plain loop on confluent-kafka that polls, hands lanes their messages, and checkpoints when due.

One thread runs it. Rebalances arrive as callbacks inside the poll, so nothing runs beside a lane.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from driftline.streams.config import StreamConfig
from driftline.streams.holding import Holding, Options
from driftline.streams.kafka_log import KafkaLog
from driftline.streams.lane import Lane, Message
from driftline.streams.store import Lost, Store, Unavailable
from driftline.streams.tenure import Differs, Recovery, Stuck, Tenure
from driftline.streams.vault import Vault

log = logging.getLogger("driftline.runner")

BATCH = 2_000
"""Messages polled at once."""
HIGH, LOW = 40_000, 10_000
"""Messages that wait in a lane at which its fuller topic is paused, and resumed."""
PATIENCE_SECONDS, KNOWN_PATIENCE_SECONDS = 1.0, 15.0
"""How long a topic is waited for when nothing comes of it, before the other goes on alone: where its end is not known,
and where more is known to be there (or was: what ends a log may be no message)."""
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between tries to acquire a lane."""
STUBBORN = 5
"""Times that one prediction may come out otherwise before its model counts as not deterministic."""

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
        self.vault = vault
        self.recovery = recovery
        self.app = app
        self.clock = clock
        self.stopping = threading.Event()
        self.checkpoint_wanted = threading.Event()
        """Set from elsewhere: all lanes are checkpointed at the next turn."""
        self.holdings: dict[tuple[str, int], Holding] = {}
        self.kafka_trouble: str | None = None
        self._ask_at = 0.0
        self.assigned = False
        self.turns = 0
        self._of_topic = {topic: name for name, s in self.streams.items() for topic in (s.topic, s.label_topic)}
        base = {"bootstrap.servers": options.brokers, **options.client}
        self._base = base
        self.log = KafkaLog(base, options.idempotence)
        self._strange: dict[str, int] = {}
        self._consumer: Consumer | None = None

    # -- the loop ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Poll, handle, checkpoint, until told to stop. Raises what cannot be healed by trying again."""
        consumer = self._consumer = Consumer(self._consumer_options())
        try:
            self._join(consumer)
            while not self.stopping.is_set():
                self.turn(consumer)
            self._leave(consumer)
        finally:
            for holding in self.holdings.values():
                if holding.tenure is not None:
                    holding.tenure.close()
            self.holdings.clear()  # closing the consumer revokes what is left
            consumer.close()
            self.log.close()

    def turn(self, consumer: Consumer) -> None:
        """One turn of the loop."""
        self.turns += 1
        if self.kafka_trouble:
            self._ask_again(consumer)
        self._acquire_wanting(consumer)
        batch = self._poll(consumer)
        for holding, messages in self._sort(consumer, batch):
            self._guarded(consumer, holding, self._offer, messages)
        self._listen(consumer)
        self._checkpoint_due(consumer)

    def _consumer_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "group.id": self.options.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",  # where to start is known; anything else would be a silent skip
            "partition.assignment.strategy": "range",  # partitions of one number go to one process
            "session.timeout.ms": int(self.options.session_timeout_seconds * 1_000),
            "heartbeat.interval.ms": max(100, int(self.options.session_timeout_seconds * 1_000 / 4)),
            "max.poll.interval.ms": max(300_000, int(self.options.session_timeout_seconds * 1_000)),
            "fetch.wait.max.ms": 50,
            # Small helpings of every topic: large ones would bring one topic far ahead of the other.
            "queued.min.messages": 20_000,
            "fetch.queue.backoff.ms": 10,  # or a topic would pause for a second each time that its queue was full
            "queued.max.messages.kbytes": 16_384,
            "fetch.message.max.bytes": 524_288,
            "message.max.bytes": 16 * 1_048_576,
            "receive.message.max.bytes": 200_000_000,
            "log_level": 3,
            "error_cb": self._kafka_said,
            **self._base,
        }
        if self.options.instance:
            options["group.instance.id"] = self.options.instance
        return options

    def _kafka_said(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.kafka_trouble = error.str()

    def _ask_again(self, consumer: Consumer) -> None:
        """Once Kafka was in trouble, ask each second until it answers: an idle lane would not notice otherwise."""
        if self.clock() < self._ask_at:
            return
        self._ask_at = self.clock() + 1.0
        try:
            consumer.list_topics(timeout=0.5)
        except KafkaException as error:
            self.kafka_trouble = str(error)
        else:
            self.kafka_trouble = None

    def _join(self, consumer: Consumer) -> None:
        if self.options.assignment == "all":
            counts = self._partitions(consumer)
            self._assigned(
                consumer, [TopicPartition(topic, n) for topic in self._of_topic for n in range(counts[topic])]
            )
            return
        self._partitions(consumer)
        consumer.subscribe(
            list(self._of_topic), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._taken_away
        )

    def _partitions(self, consumer: Consumer) -> dict[str, int]:
        """Check that the topics of each stream can meet, lane by lane. Raises `Stuck`."""
        counts: dict[str, int] = {}
        while not counts:
            try:
                found = consumer.list_topics(timeout=10).topics
                counts = {name: len(topic.partitions) for name, topic in found.items()}
            except KafkaException as error:
                self.kafka_trouble = str(error)
                if self.stopping.wait(1.0):
                    return {}
        self.kafka_trouble = None
        for name, stream in self.streams.items():
            wanted = (stream.topic, stream.label_topic, stream.prediction_topic)
            missing = [topic for topic in wanted if topic not in counts]
            if missing:
                raise Stuck(f"{name}: no topic {', '.join(missing)}: `driftline topics --create` makes what is missing")
            if len({counts[topic] for topic in wanted}) != 1:
                said = ", ".join(f"{topic}: {counts[topic]}" for topic in wanted)
                raise Stuck(f"{name}: its topics must have the same number of partitions to meet in lanes ({said})")
        return counts

    # -- assignment --------------------------------------------------------------------------------------------------

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Take over the lanes of an assignment, and start where their state says."""
        log.info("assigned %s", ", ".join(f"{p.topic}/{p.partition}" for p in places))
        lanes = sorted({(self._of_topic[place.topic], place.partition) for place in places})
        for lane in lanes:
            stream, partition = lane
            together = {p.topic for p in places if p.partition == partition and self._of_topic[p.topic] == stream}
            config = self.streams[stream]
            if together != {config.topic, config.label_topic}:
                raise Stuck(f"{stream}: partition {partition} was assigned without {config.topic} or its labels")
            holding = self.holdings[lane] = Holding(stream, partition, config)
            self._take(holding)
        starts, waiting = [], []
        for place in places:
            holding = self.holdings[(self._of_topic[place.topic], place.partition)]
            held = holding.tenure is not None
            starts.append(TopicPartition(place.topic, place.partition, holding.expected[place.topic] if held else 0))
            if not held:
                waiting.append(place)
        consumer.assign(starts)
        consumer.resume(starts)  # librdkafka's pauses outlive an assignment: we may have held, and lost, these before
        if waiting:
            consumer.pause(waiting)
        self.assigned = True

    def _revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Write a last checkpoint of the lanes that go to another process."""
        for lane in {(self._of_topic[place.topic], place.partition) for place in places}:
            holding = self.holdings.pop(lane, None)
            if holding is not None and holding.tenure is not None:
                try:
                    holding.tenure.checkpoint()
                except (Lost, Unavailable) as trouble:
                    log.warning("%s/%d: no last checkpoint: %s", *lane, trouble)
                holding.tenure.close()
        self.assigned = False

    def _taken_away(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Drop lanes that were lost: another process has them already."""
        for place in places:
            holding = self.holdings.pop((self._of_topic[place.topic], place.partition), None)
            if holding is not None and holding.tenure is not None:
                holding.tenure.close()
        self.assigned = False

    def _lane(self, holding: Holding) -> Lane:
        return Lane(holding.stream, holding.partition, holding.config, self.vault, time.perf_counter, self.app)

    def _take(self, holding: Holding) -> bool:
        """Try to take a lane over; return whether it is held now."""
        started = self.clock()
        tenure = Tenure(lambda: self._lane(holding), self.store, self.log, self.recovery)
        try:
            offsets = tenure.take()
        except (Lost, Unavailable) as trouble:
            tenure.close()
            if isinstance(trouble, Lost):
                self._renew_log(holding)
            self._put_off(holding, trouble)
            return False
        holding.tenure, holding.trouble, holding.tries = tenure, None, 0
        holding.expected = dict(offsets)
        holding.heard = dict.fromkeys(offsets, self.clock())
        holding.restore_seconds = self.clock() - started
        holding.checkpoint_at = self.clock()
        log.info("%s/%d: held from %s, gen %d", holding.stream, holding.partition, offsets, tenure.lane.gen)
        return True

    def _put_off(self, holding: Holding, trouble: Exception) -> None:
        holding.trouble = str(trouble)
        holding.retry_at = self.clock() + RETRY_SECONDS[min(holding.tries, len(RETRY_SECONDS) - 1)]
        if holding.tries == 0:
            log.warning("%s/%d: %s", holding.stream, holding.partition, trouble)
        holding.tries += 1

    def _acquire_wanting(self, consumer: Consumer) -> None:
        for holding in list(self.holdings.values()):
            if holding.tenure is None and self.clock() >= holding.retry_at and self._take(holding):
                for topic in holding.topics:
                    place = TopicPartition(topic, holding.partition, holding.expected[topic])
                    consumer.seek(place)
                    consumer.resume([place])
                holding.paused.clear()

    def _guarded(self, consumer: Consumer, holding: Holding, action: Callable[..., None], *given: Any) -> None:
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
            self._renew_log(holding)
            self._put_off(holding, trouble)

    def _renew_log(self, cause: Holding) -> None:
        """A producer that failed has failed for every lane: drop them all and begin with a new one."""
        if self.log.failed is None:
            return
        for holding in self.holdings.values():
            if holding.tenure is not None and holding is not cause:
                holding.tenure.close()
                holding.tenure = None
                self._put_off(holding, Lost(self.log.failed))
                if self._consumer is not None:
                    self._consumer.pause([TopicPartition(topic, holding.partition) for topic in holding.topics])
        self.log.renew()

    # -- messages ----------------------------------------------------------------------------------------------------

    def _poll(self, consumer: Consumer) -> list[KafkaMessage]:
        """Wait for a first message, then take what else is there: a whole batch would be waited for to its time-out."""
        waiting = any(holding.tenure is None for holding in self.holdings.values())
        first = consumer.poll(0.02 if waiting else 0.1)
        if first is None:
            return []
        rest: list[KafkaMessage] = consumer.consume(BATCH, 0)
        return [first, *rest]

    def _sort(self, consumer: Consumer, batch: list[KafkaMessage]) -> list[tuple[Holding, list[Message]]]:
        """Give each lane its messages, as they came."""
        places: dict[Place, list[Message]] = {}
        for message in batch:
            error = message.error()
            if error is not None:
                self._complain(error)
                continue
            topic, partition = message.topic(), message.partition()
            millis = message.timestamp()[1]
            when = millis / 1e3 if millis >= 0 else None
            made = Message(topic, message.offset(), message.key(), message.value(), when)
            try:
                places[topic, partition].append(made)
            except KeyError:
                places[topic, partition] = [made]
        lanes: dict[tuple[str, int], list[Message]] = {}
        now = self.clock()
        for (topic, partition), messages in places.items():
            lane = (self._of_topic[topic], partition)
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
        self.kafka_trouble = error.str()

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
                self._guarded(consumer, holding, self._offer, [])

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def _checkpoint_due(self, consumer: Consumer) -> None:
        now = self.clock()
        wanted = self.checkpoint_wanted.is_set()
        for holding in list(self.holdings.values()):
            tenure, rhythm = holding.tenure, holding.config.checkpoint
            if tenure is None:
                continue
            if wanted or tenure.since >= rhythm.events or now - holding.checkpoint_at >= rhythm.seconds:
                self._guarded(consumer, holding, self._checkpoint)
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
                self._guarded(consumer, holding, self._checkpoint)
        self.log.flush()

    def troubles(self) -> dict[str, str]:
        """Why this process is not ready, by what is missing; empty when all is well."""
        said = {}
        if self.kafka_trouble:
            said["broker"] = self.kafka_trouble
        if not self.assigned:
            said["lanes"] = "no partitions assigned yet"
        for (stream, partition), holding in list(self.holdings.items()):
            if holding.tenure is None:
                said[f"{stream}/{partition}"] = holding.trouble or "not restored yet"
        return said
