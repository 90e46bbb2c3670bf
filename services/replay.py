"""The same lanes without a broker: over a file, or over what real topics hold. Nothing is published, nothing is kept.

`verify`, which compares a live lane with its log, is in `verify.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec

from driftline.services.partitioner import partition_of
from driftline.services.score_rows import score_rows
from driftline.services.settings import Settings
from driftline.services.sources.source import Record
from driftline.services.tape import Tape, options_of
from driftline.services.topics import end_offsets
from driftline.services.verify import CannotVerify, LogTruncated, NoSnapshot, Verdict, verify
from driftline.streams.config import ALARM_TOPIC, StreamConfig
from driftline.streams.kafka_log import KafkaLog
from driftline.streams.lane import Lane
from driftline.streams.letters import Out
from driftline.streams.message import Message
from driftline.streams.order import Order
from driftline.streams.vault import Vault

__all__ = [
    "CannotVerify",
    "LogTruncated",
    "NoSnapshot",
    "Replayed",
    "Verdict",
    "of_records",
    "of_topics",
    "replay",
    "total_of",
    "verify",
]

BATCH = 1_000
"""Messages handed to a lane at once."""
KEPT = 1_000
"""Dead letters and alarms that are kept to be shown."""

Batch = tuple[str, int, list[Message]]
"""Stream, partition, and messages in the order in which they are handled."""


@dataclass
class Replayed:
    """What came of a replay."""

    lanes: dict[tuple[str, int], Lane] = field(default_factory=dict)
    messages: int = 0
    predictions: int = 0
    letters: list[dict[str, Any]] = field(default_factory=list)
    """The first dead letters."""
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many dead letters, by stream and reason."""
    drifts: list[dict[str, Any]] = field(default_factory=list)
    """The first alarms."""

    def scores(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each model of each lane: its scores, and those of the baselines beside them."""
        for _, lane in sorted(self.lanes.items()):
            yield from score_rows(lane)

    def labels(self) -> dict[str, dict[str, int]]:
        """Return what became of the labels, by stream and outcome."""
        said: dict[str, Counter[str]] = {}
        for (stream, _), lane in self.lanes.items():
            outcomes = said.setdefault(stream, Counter())
            for name, count in lane.counts.items():
                kind, _, outcome = name.partition("/")
                if kind == "labels" and outcome:
                    outcomes[outcome] += count
            outcomes["waiting"] += len(lane.waiting.early)
        return {stream: dict(outcomes) for stream, outcomes in said.items()}

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        dead: dict[str, dict[str, int]] = {}
        for (stream, reason), count in self.reasons.items():
            dead.setdefault(stream, {})[reason] = count
        return {
            "messages": self.messages,
            "predictions": self.predictions,
            "models": list(self.scores()),
            "labels": self.labels(),
            "drifts": self.drifts,
            "dead_letters": dead,
            "first_dead_letters": self.letters,
        }


def replay(
    batches: Iterable[Batch],
    settings: Settings,
    on_prediction: Callable[[bytes], object] = lambda value: None,
    on_progress: Callable[[int], None] = lambda messages: None,
) -> Replayed:
    """Let lanes of their own handle batches of messages; `on_prediction` gets each prediction as it would be sent."""
    vault = Vault(b"nothing of a replay is ever kept")
    done = Replayed()
    for stream, partition, messages in batches:
        lane = done.lanes.get((stream, partition))
        if lane is None:
            lane = Lane(stream, partition, settings.streams[stream], vault, app=settings.app)
            done.lanes[stream, partition] = lane
        for out in lane.handle(messages):
            if out.topic == lane.config.prediction_topic:
                done.predictions += 1
                on_prediction(out.value)
            elif out.partition is None:  # else it is for the side: nobody is asked by a replay
                _tell(done, stream, out)
        for out in lane.outbox:
            if out.partition is None:
                _tell(done, stream, out)
        lane.outbox = []
        done.messages += len(messages)
        on_progress(done.messages)
    return done


def _tell(done: Replayed, stream: str, out: Out) -> None:
    said = msgspec.json.decode(out.value)
    if out.topic == ALARM_TOPIC:
        kept = done.drifts
    else:
        kept = done.letters
        done.reasons[stream, said["reason"]] += 1
    if len(kept) < KEPT:
        kept.append(said)


def of_records(records: Iterable[Record], streams: Mapping[str, StreamConfig], lanes: int = 1) -> Iterator[Batch]:
    """Turn a source's records into batches for `replay`, in their order.

    `lanes` is how many partitions each stream would have. Every partition counts its offsets from 0, and Kafka's time
    of a message is its event time, as when it is published.
    """
    offsets: Counter[tuple[str, int]] = Counter()
    held: dict[tuple[str, int], list[Message]] = {}
    for record in records:
        config = streams[record.stream]
        topic = config.topic if record.role == "event" else config.label_topic
        key = None if record.key is None else record.key.encode()
        partition = 0 if key is None else partition_of(key, lanes)
        offset = offsets[topic, partition]
        offsets[topic, partition] += 1
        batch = held.setdefault((record.stream, partition), [])
        batch.append(Message(topic, offset, key, record.payload, record.at or None))
        if len(batch) >= BATCH:
            yield record.stream, partition, held.pop((record.stream, partition))
    for (stream, partition), batch in held.items():
        yield stream, partition, batch


def of_topics(settings: Settings, stream: str, partition: int) -> Iterator[Batch]:
    """Read a stream's partition from its topics as they are now, merged as a live lane that catches up merges them.

    Raises `Unavailable` or `TopicError` where the broker does not answer.
    """
    config = settings.streams[stream]
    options = options_of(settings)
    log = KafkaLog(options, idempotence=False)
    try:
        firsts = {topic: log.bounds(topic, partition)[0] for topic in (config.topic, config.label_topic)}
    finally:
        log.close()
    ends = end_offsets(settings.kafka.brokers, [(topic, partition) for topic in firsts], client=settings.kafka.client)
    lane = Lane(stream, partition, config, Vault(b"only its topics are asked for"), app=settings.app)
    order = Order(lane, config.skew_seconds)
    offsets = dict(firsts)
    with ExitStack() as stack:
        tapes = [
            stack.enter_context(Tape(options, topic, partition, first, ends[topic, partition]))
            for topic, first in firsts.items()
        ]
        while True:
            for tape in tapes:
                if not order.queues[tape.topic]:
                    order.put(tape.run())
                order.drained[tape.topic] = tape.done
            run = order.next(offsets)
            if not run:
                return
            offsets[run[0].topic] = run[-1].offset + 1
            yield stream, partition, run


def total_of(settings: Settings, stream: str, partitions: Iterable[int]) -> int:
    """Return how many messages `of_topics` will read."""
    config = settings.streams[stream]
    log = KafkaLog(options_of(settings), idempotence=False)
    try:
        bounds = [log.bounds(topic, n) for n in partitions for topic in (config.topic, config.label_topic)]
    finally:
        log.close()
    return sum(end - first for first, end in bounds)
