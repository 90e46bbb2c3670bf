"""What a lane's owner asks of Kafka beyond polling, and the log's twin in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from driftline.streams.letters import Out


class Log(Protocol):
    """One producer, and readings beside the consumer."""

    def send(self, outs: Sequence[Out]) -> None:
        """Queue messages. Raises `Broken` once any message was not taken."""

    def append(self, topic: str, partition: int, value: bytes) -> int:
        """Write one message now; return its offset. Raises `Broken`."""

    def flush(self) -> None:
        """Wait until all that was queued is acknowledged. Raises `Broken` if it is not."""

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that is still there, and the next one to be written. Raises `Unavailable`."""

    def has(self, topic: str, partition: int, offset: int) -> bool:
        """Whether a message can be read at or after an offset: some brokers say a wrong end."""

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """The messages from `start` up to but not including `stop`, with their offsets."""


class MemoryLog:
    """Topics as lists, shared by all producers of a process.

    >>> log = MemoryLog()
    >>> first = log.producer()
    >>> first.send([Out("t", 0, "k", b"one", "id")])
    >>> log.topic("t", 0)
    []
    >>> first.flush()
    >>> log.topic("t", 0)
    [b'one']
    """

    def __init__(self) -> None:
        self._topics: dict[tuple[str, int], list[bytes]] = {}

    def topic(self, topic: str, partition: int) -> list[bytes]:
        """The messages of one partition."""
        return self._topics.setdefault((topic, partition), [])

    def producer(self) -> MemoryProducer:
        """A producer with a queue of its own."""
        return MemoryProducer(self)


class MemoryProducer:
    """The twin of a Kafka client: what it has queued is lost with it, or written in part."""

    def __init__(self, log: MemoryLog):
        self._log = log
        self.queue: list[tuple[str, int, bytes]] = []

    def send(self, outs: Sequence[Out]) -> None:
        """Queue messages; no partition means the first."""
        self.queue += [(out.topic, out.partition or 0, out.value) for out in outs]

    def append(self, topic: str, partition: int, value: bytes) -> int:
        """Write one message now, before all that is queued."""
        messages = self._log.topic(topic, partition)
        messages.append(value)
        return len(messages) - 1

    def flush(self, count: int | None = None) -> None:
        """Write all that is queued, or the first `count` of it."""
        count = len(self.queue) if count is None else count
        written, self.queue = self.queue[:count], self.queue[count:]
        for topic, partition, value in written:
            self.append(topic, partition, value)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset, and the next one to be written."""
        return 0, len(self._log.topic(topic, partition))

    def has(self, topic: str, partition: int, offset: int) -> bool:
        """Whether the partition is that long."""
        return offset < len(self._log.topic(topic, partition))

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """The messages from `start` up to but not including `stop`."""
        yield from enumerate(self._log.topic(topic, partition)[start:stop], start)
