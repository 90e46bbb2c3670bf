"""The topics of the configured streams: made with the right partitions, checked, and described.

The partitions of one stream belong together: the events of partition n, their labels and the predictions of both
meet in lane n. Topics whose partition counts differ would join nothing, silently; hence `check`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from driftline.streams.config import ALARM_TOPIC, StreamConfig

ROOMY = 16 * 1_048_576
"""The largest message that event and label topics take, in bytes: more than is decoded (`wire.LARGEST`), so that
what is too large reaches a lane and becomes a dead letter, instead of failing at the publisher unexplained."""

FOREVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""Nothing goes away by itself: replayed streams carry old timestamps, and recovery reads the log. Lower the retention
of event and label topics with your own tools if disks are small; the predictions' never below that of the events."""


MEETING = {
    "labels": "events and labels never meet",
    "predictions": "lanes cannot publish",
    "requests": "lanes cannot publish",
    "joined events": "lanes cannot publish",
    "heavy predictions": "the worker cannot publish",
    "questions": "lanes cannot publish",
}
"""The topics that must have as many partitions as their stream's events, and what is so where they have not."""


class TopicError(RuntimeError):
    """The broker cannot be asked, or refuses; the text says what to do."""


@dataclass(frozen=True)
class Plan:
    """A topic as it should be."""

    name: str
    partitions: int
    config: Mapping[str, str]
    what: str
    """What it carries: `events`, `labels`, `predictions`, `dead letters`, `alarms`; for heavy models `requests`,
    `joined events` and `heavy predictions`; for voices `questions`."""
    stream: str | None
    """The stream that it belongs to; None for the alarms of all."""


@dataclass(frozen=True)
class Partition:
    """Where a partition's log begins and ends."""

    number: int
    first: int
    """The offset of the oldest record that is still there."""
    end: int
    """The offset that the next record will get."""


@dataclass(frozen=True)
class Topic:
    """A topic as it is."""

    plan: Plan
    partitions: tuple[Partition, ...]
    """Empty if the topic does not exist."""

    @property
    def records(self) -> int:
        """How many records its log holds, gaps of transactions and compaction included."""
        return sum(partition.end - partition.first for partition in self.partitions)


def plan(streams: Mapping[str, StreamConfig]) -> list[Plan]:
    """Return the topics that the streams need.

    Raises `ValueError` if two of them would share a topic.

    >>> naive = {"class": "naive", "target": "bytes", "per": "key"}
    >>> [topic.name for topic in plan({"t": StreamConfig(kind="traffic", topic="t", models={"last": naive})})]
    ['t', 't.labels', 't.predictions', 't.dead', 'driftline.alarms']
    """
    large = FOREVER | {"max.message.bytes": str(ROOMY)}
    plans: list[Plan] = []
    for name, stream in streams.items():
        n = stream.partitions
        plans += [
            Plan(stream.topic, n, large, "events", name),
            Plan(stream.label_topic, n, large, "labels", name),
            Plan(stream.prediction_topic, n, FOREVER, "predictions", name),
            Plan(stream.dead_topic, n, FOREVER, "dead letters", name),
        ]
        if heavy := stream.heavy:
            plans += [
                Plan(stream.request_topic, n, large, "requests", name),
                Plan(stream.joined_topic, n, large, "joined events", name),
                *(Plan(stream.heavy_topic(model), n, FOREVER, "heavy predictions", name) for model in heavy),
            ]
        if stream.asking:
            plans.append(Plan(stream.question_topic, n, large, "questions", name))
    plans.append(Plan(ALARM_TOPIC, 1, FOREVER, "alarms", None))
    owners: dict[str, Plan] = {}
    for topic in plans:
        other = owners.setdefault(topic.name, topic)
        if other is not topic:
            raise ValueError(
                f"topic {topic.name!r} would carry the {topic.what} of {topic.stream} and the {other.what} of "
                f"{other.stream or 'all streams'}: give one of them another name"
            )
    return plans


def create(
    bootstrap: str,
    streams: Mapping[str, StreamConfig],
    *,
    client: Mapping[str, str] | None = None,
    timeout_seconds: float = 30.0,
) -> list[str]:
    """Create the topics that are missing and return their names; those that exist stay as they are.

    Parameters
    ----------
    bootstrap
        `host:port` of a broker, several with commas.
    streams
        The configured streams by name.
    client
        More options of librdkafka (security).
    timeout_seconds
        How long the broker may take.

    Raises `TopicError` if the broker cannot be reached or refuses a topic. Two processes may call it at once.

    """
    admin = _admin(bootstrap, client)
    there = _metadata(admin, timeout_seconds)
    missing = [topic for topic in plan(streams) if topic.name not in there]
    if not missing:
        return []
    wanted = [
        NewTopic(topic.name, topic.partitions, -1, config=dict(topic.config))  # -1: as the broker replicates
        for topic in missing
    ]
    created: list[str] = []
    for name, future in admin.create_topics(wanted, operation_timeout=timeout_seconds).items():
        try:
            future.result(timeout_seconds)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was faster
                raise TopicError(f"cannot create topic {name!r}: {error.args[0].str()}") from error
        else:
            created.append(name)
    _wait_for(admin, {topic.name for topic in missing}, timeout_seconds)
    return created


def partition_counts(
    bootstrap: str, *, client: Mapping[str, str] | None = None, timeout_seconds: float = 10.0
) -> dict[str, int]:
    """Return the number of partitions of every topic there is; raises `TopicError` if no broker answers."""
    return _metadata(_admin(bootstrap, client), timeout_seconds)


def check(streams: Mapping[str, StreamConfig], metadata: Mapping[str, int]) -> list[str]:
    """Return what is wrong with the topics: one clear sentence for each fault, none if all is well.

    `metadata` holds the number of partitions of each topic, as `partition_counts` gives it. A stream may have another
    number of partitions than was configured (that is how it was created); what counts is that its topics agree.

    >>> naive = {"class": "naive", "target": "bytes", "per": "key"}
    >>> streams = {"t": StreamConfig(kind="traffic", topic="t", models={"last": naive})}
    >>> counts = {"t": 2, "t.labels": 3, "t.predictions": 2, "t.dead": 1, "driftline.alarms": 1}
    >>> check(streams, counts)
    ["stream t: its labels topic 't.labels' has 3 partitions and its event topic 't' has 2; they must have the same \
number, or events and labels never meet: make 't.labels' again with 2"]
    """
    faults: list[str] = []
    events = {topic.stream: topic for topic in plan(streams) if topic.what == "events"}
    for topic in plan(streams):
        where = f"stream {topic.stream}: " if topic.stream else ""
        found = metadata.get(topic.name)
        if found is None:
            faults.append(f"{where}topic {topic.name!r} ({topic.what}) does not exist: `driftline topics create`")
        elif topic.what in MEETING:
            event = events[topic.stream]
            needed = metadata.get(event.name, found)
            if found != needed:
                why = MEETING[topic.what]
                faults.append(
                    f"{where}its {topic.what} topic {topic.name!r} has {found} partitions and its event topic "
                    f"{event.name!r} has {needed}; they must have the same number, or {why}: "
                    f"make {topic.name!r} again with {needed}"
                )
    return faults


def describe(
    bootstrap: str,
    streams: Mapping[str, StreamConfig],
    *,
    client: Mapping[str, str] | None = None,
    timeout_seconds: float = 30.0,
) -> list[Topic]:
    """Return every topic that the streams need, as it is: its partitions with their first and end offsets.

    Raises `TopicError` if the broker does not answer.
    """
    admin = _admin(bootstrap, client)
    counts = _metadata(admin, timeout_seconds)
    plans = plan(streams)
    there = [(topic.name, n) for topic in plans for n in range(counts.get(topic.name, 0))]
    firsts = _offsets(admin, there, OffsetSpec.earliest(), timeout_seconds)
    ends = end_offsets(bootstrap, there, client=client, timeout_seconds=timeout_seconds)
    return [
        Topic(
            topic,
            tuple(Partition(n, firsts[topic.name, n], ends[topic.name, n]) for n in range(counts.get(topic.name, 0))),
        )
        for topic in plans
    ]


def end_offsets(
    bootstrap: str,
    partitions: Iterable[tuple[str, int]],
    *,
    client: Mapping[str, str] | None = None,
    timeout_seconds: float = 30.0,
) -> dict[tuple[str, int], int]:
    """Return the offset that the next record of each (topic, partition) will get.

    It goes to the end that the broker tells and reads on until nothing comes: the embedded broker tells one that is
    too low. Raises `TopicError` if that takes longer than `timeout_seconds`.
    """
    waiting = set(partitions)
    ends: dict[tuple[str, int], int] = {}
    if not waiting:
        return ends
    options = {"fetch.wait.max.ms": 10, "enable.partition.eof": True}  # 10 ms: there is nothing to wait for
    consumer = _consumer(bootstrap, client, options)
    try:
        consumer.assign([TopicPartition(topic, n, OFFSET_END) for topic, n in sorted(waiting)])
        deadline = time.monotonic() + timeout_seconds
        while waiting:
            message = consumer.poll(0.1)
            if message is not None:
                error = message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    place = message.topic(), message.partition()
                    ends[place] = message.offset()
                    waiting.discard(place)
                elif error is not None and not error.retriable():
                    raise TopicError(f"cannot read {message.topic()}: {error.str()}")
            if time.monotonic() > deadline:
                raise TopicError(f"no end of {sorted(waiting)} within {timeout_seconds:g} s: is {bootstrap} up?")
    finally:
        consumer.close()
    return ends


def _consumer(bootstrap: str, client: Mapping[str, str] | None, options: Mapping[str, Any]) -> Consumer:
    # A group id is asked for by librdkafka, but no group is joined: partitions are assigned, nothing is committed.
    ours = {"group.id": "driftline.reader", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    return Consumer({**(client or {}), **ours, **options, "bootstrap.servers": bootstrap})


def _admin(bootstrap: str, client: Mapping[str, str] | None) -> AdminClient:
    return AdminClient({"log_level": 0, **(client or {}), "bootstrap.servers": bootstrap})


def _metadata(admin: AdminClient, timeout_seconds: float) -> dict[str, int]:
    try:
        topics = admin.list_topics(timeout=timeout_seconds).topics
    except KafkaException as error:
        raise TopicError(f"no broker answers: {error.args[0].str()}; `driftline doctor` looks closer") from error
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


def _offsets(
    admin: AdminClient, partitions: list[tuple[str, int]], spec: OffsetSpec, timeout_seconds: float
) -> dict[tuple[str, int], int]:
    if not partitions:
        return {}
    asked = {TopicPartition(topic, n): spec for topic, n in partitions}
    try:
        # A partition that was just made, or moves, has no leader for a moment.
        for attempt in Retrying(
            retry=retry_if_exception(_passes),
            stop=stop_after_delay(timeout_seconds),
            wait=wait_fixed(0.1),
            reraise=True,
        ):
            with attempt:
                answers = admin.list_offsets(asked, request_timeout=timeout_seconds)
                return {(place.topic, place.partition): answer.result().offset for place, answer in answers.items()}
    except KafkaException as error:
        raise TopicError(f"cannot ask for offsets: {error.args[0].str()}") from error
    raise AssertionError("unreachable: the last attempt returns or raises")


def _passes(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() in (
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    )


def _wait_for(admin: AdminClient, names: set[str], timeout_seconds: float) -> None:
    """Wait until the broker tells of new topics: it may answer a creation before all that ask know of it."""
    deadline = time.monotonic() + timeout_seconds
    while not names <= _metadata(admin, timeout_seconds).keys():
        if time.monotonic() > deadline:
            raise TopicError(f"the broker made {sorted(names)}, but does not tell of them: try again")
        time.sleep(0.05)
