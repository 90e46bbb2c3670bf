"""Read predictions as they count: each exactly once, and none of an owner that had been replaced."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, Self

from confluent_kafka import Consumer, KafkaError, TopicPartition

from driftline.services.topics import TopicError, end_offsets, partition_counts
from driftline.streams.fence import FenceFilter, decode, fence_of
from driftline.streams.wire import Rejected

log = logging.getLogger(__name__)

LOOK_BACK = 10_000
"""Records before the start that are searched for the fence in force."""


class ReaderError(RuntimeError):
    """The predictions cannot be read; the text says what to do."""


class Reader:
    """Iterate over the predictions of one topic, all partitions, by the fence rule.

    It joins no group and commits nothing: where to go on is `positions`, which the caller keeps.

    Parameters
    ----------
    bootstrap
        `host:port` of a broker, several with commas.
    topic
        The predictions topic: `traffic.predictions`.
    start
        `beginning`, `end`, or the offset to start from in each partition (0 in those not named).
    follow
        Whether to go on for ever; else the reading ends when it has caught up with every partition.
    look_back
        A start in the middle reads so many records before it to learn which fence is in force there. A fence further
        back is not seen if an owner that it had replaced wrote all of these records.
    client
        More options of librdkafka (security).
    on_rejected
        Called with partition, offset and fault of a record that is neither prediction nor fence; by default a
        warning is logged. The reading goes on either way.

    Raises `ReaderError` when the topic does not exist or the broker cannot be read from.

    Examples
    --------
    >>> with Reader("localhost:9092", "traffic.predictions") as reader:        # doctest: +SKIP
    ...     for prediction in reader:
    ...         print(prediction.of, prediction.y)

    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        *,
        start: Literal["beginning", "end"] | Mapping[int, int] = "beginning",
        follow: bool = False,
        look_back: int = LOOK_BACK,
        client: Mapping[str, str] | None = None,
        on_rejected: Callable[[int, int, Rejected], None] | None = None,
    ):
        self.topic = topic
        self.follow = follow
        self.filter = FenceFilter()
        self._on_rejected = on_rejected or self._warn
        self.positions = self._starts(bootstrap, start, client)
        """The next offset of each partition."""
        self._begin = dict(self.positions)
        self._behind = set(self.positions)
        options: dict[str, Any] = {"enable.partition.eof": True, "enable.auto.commit": False}
        # A start behind the end means that the topic was made anew; one before the log's first, that it was cut.
        options |= {"group.id": "driftline.reader", "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100}
        self._consumer = Consumer({**(client or {}), **options, "bootstrap.servers": bootstrap})
        self._consumer.assign(
            [TopicPartition(topic, n, max(0, offset - look_back)) for n, offset in self.positions.items()]
        )

    def _starts(
        self, bootstrap: str, start: str | Mapping[int, int], client: Mapping[str, str] | None
    ) -> dict[int, int]:
        try:
            count = partition_counts(bootstrap, client=client).get(self.topic)
            if count is None:
                raise ReaderError(f"topic {self.topic!r} does not exist: `driftline topics create` makes it")
            if start == "end":
                ends = end_offsets(bootstrap, [(self.topic, n) for n in range(count)], client=client)
                return {n: ends[self.topic, n] for n in range(count)}
        except TopicError as error:
            raise ReaderError(str(error)) from error
        offsets = start if isinstance(start, Mapping) else {}
        if strange := [n for n in offsets if not 0 <= n < count]:
            raise ValueError(f"{self.topic} has the partitions 0 to {count - 1}, not {strange}")
        return {n: offsets.get(n, 0) for n in range(count)}

    @property
    def done(self) -> bool:
        """Whether it has caught up with every partition; never while it follows."""
        return not self.follow and not self._behind

    def poll(self, timeout_seconds: float = 1.0) -> list[Any]:
        """Return the `wire.Prediction`s that came within `timeout_seconds`; none may have."""
        found = []
        for message in self._consumer.consume(500, timeout_seconds):
            error = message.error()
            partition = message.partition()
            if error is None:
                found.append(self._take(partition, message.offset(), message.value()))
            elif error.code() == KafkaError._PARTITION_EOF:
                self.positions[partition] = max(message.offset(), self.positions[partition])
                self._behind.discard(partition)
            elif error.fatal() or not error.retriable():
                raise ReaderError(f"cannot read {self.topic}: {error.str()}")
        return [prediction for prediction in found if prediction is not None]

    def _take(self, partition: int, offset: int, value: bytes | None) -> Any | None:
        if offset < self._begin[partition]:
            self._look_at(partition, value)
            return None
        self.positions[partition] = offset + 1
        try:
            return self.filter.feed(partition, offset, value)
        except Rejected as fault:
            self._on_rejected(partition, offset, fault)
            return None

    def _look_at(self, partition: int, value: bytes | None) -> None:
        """Learn the fence in force from a record before the start: a prediction tells of its owner's fence, too."""
        try:
            record = decode(value)
        except Rejected:
            return  # it is before what was asked for
        fence = fence_of(record)
        self.filter.raise_floor(partition, record.gen if fence is None else fence)

    def _warn(self, partition: int, offset: int, fault: Rejected) -> None:
        log.warning("%s/%d/%d is neither prediction nor fence: %s", self.topic, partition, offset, fault)

    def __iter__(self) -> Iterator[Any]:
        """Yield the predictions, partition by partition in order."""
        while not self.done:
            yield from self.poll()

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
