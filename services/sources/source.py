"""What every source of real input is: an iterable of records in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Literal, Protocol, runtime_checkable

from driftline.streams.events import LabelEvent, Message

Role = Literal["event", "label"]

START = 1_700_000_000.0
"""Event time of the first event of a source that has no times of its own: 14 November 2023, 22:13:20 UTC."""


class SourceError(ValueError):
    """The input cannot be used; the text says where and what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message on its way to a topic."""

    at: float
    """Event time, in seconds since 1970 (UTC); 0 where it is not known."""
    stream: str
    """The name of the stream, as configured."""
    role: Role
    """Which topic of the stream it goes to."""
    key: str | None
    """The Kafka key; a label has that of its event."""
    value: Message | bytes
    """The message, or bytes that are published as they are."""

    @property
    def payload(self) -> bytes:
        """The bytes of the message.

        >>> Record(1.0, "s", "label", "k", LabelEvent(of="e1", at=1.0, y=True)).payload
        b'{"of":"e1","at":1.0,"y":true}'
        """
        return self.value if isinstance(self.value, bytes) else self.value.model_dump_json().encode()


@runtime_checkable
class Source(Protocol):
    """Records in order of time, each label after its event."""

    @property
    def total(self) -> int | None:
        """How many records there will be, if that is known: what a progress bar wants."""
        ...

    def __iter__(self) -> Iterator[Record]: ...


def with_labels(
    events: Iterable[tuple[Record, bool | float | str | dict[str, bool]]], delay_seconds: float
) -> Iterator[Record]:
    """Yield events, and `delay_seconds` of event time after each its label.

    A label that becomes known in the very moment of a later event comes before it. Raises `ValueError` for a negative
    delay.

    >>> from driftline.streams.events import SensorEvent
    >>> def event(n):
    ...     said = SensorEvent(id=f"e{n}", at=float(n), sensor="s", x={"a": 1.0})
    ...     return Record(said.at, "s", "event", said.key, said), n > 1
    >>> [(r.at, r.role) for r in with_labels([event(1), event(2)], delay_seconds=1)]
    [(1.0, 'event'), (2.0, 'label'), (2.0, 'event'), (3.0, 'label')]
    """
    if not delay_seconds >= 0:
        raise ValueError(f"delay_seconds must be at least 0, got {delay_seconds}")
    waiting: list[tuple[float, int, Record]] = []
    for count, (event, y) in enumerate(events):
        while waiting and waiting[0][0] <= event.at:
            yield heappop(waiting)[2]
        yield event
        of = event.value.id  # type: ignore[union-attr]
        label = LabelEvent(of=of, at=event.at + delay_seconds, y=y)
        heappush(waiting, (label.at, count, Record(label.at, event.stream, "label", event.key, label)))
    while waiting:
        yield heappop(waiting)[2]
