"""The waiting set: events that were predicted on, until their label comes; bounded by count and event time.

Only events add and evict, in the order of their topic, so who waits does not depend on when labels were read. An
event keeps its place after its label came (as a mark), which catches duplicate and conflicting labels. Where silence
is an answer (`waiting.negative_after_seconds`), `time_outs.py` adds which events are taken as labelled no.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from hashlib import blake2b
from typing import Any, ClassVar

import msgspec

from driftline.streams.config import Waiting
from driftline.streams.scores import Guess


class Entry(msgspec.Struct, array_like=True, gc=False):
    """An event that waits: the very features that were predicted on, and every answer given."""

    at: float
    key: str
    x: dict[str, Any]
    guesses: list[Any]
    """One for each model of the lane, or None where it gave none."""
    bases: list[Any]
    """One for each baseline of the lane."""


class TimedOut(msgspec.Struct, array_like=True, gc=False):
    """An event that was taken as labelled no because no label came: kept for the label that may still come."""

    at: float
    key: str
    x: dict[str, Any]
    """The features; empty where a label that corrects is only counted."""
    guesses: list[Any]
    """As of the entry that it was, the same list; empty like the features."""


Mark = bool | float | str | bytes
Closed = tuple[float, Any]
"""Event time and mark of an event whose label came."""


class Early(msgspec.Struct, array_like=True):
    """A label whose event has not been seen."""

    offset: int
    until: float
    """Event time after which it is unknown."""
    at: float
    y: Any
    key: str
    value: bytes
    """The message itself, for its dead letter."""


def mark(y: Any) -> Mark:
    """What is remembered of a label: itself, or for a set of labels a digest of those that are on.

    >>> mark({"a": True, "b": False}) == mark({"a": True})
    True
    """
    if isinstance(y, dict):
        on = "\0".join(sorted(name for name, yes in y.items() if yes))
        return blake2b(on.encode("utf-8", "surrogatepass"), digest_size=12).digest()
    return y  # type: ignore[no-any-return]


class WaitingSet:
    """Events by id in the order of arrival, ids that expired unlabelled, and labels that came early."""

    windowed: ClassVar[bool] = False
    """Whether silence is an answer."""

    def __init__(self, bounds: Waiting):
        self.bounds = bounds
        self.layout = 1
        """The form of the state: 2 where events are in it that timed out, or may."""
        self.entries: dict[str, Entry | TimedOut | Closed] = {}
        self.order: deque[str] = deque()  # a dict finds its first key slowly once many before it were deleted
        self.expired: OrderedDict[str, None] = OrderedDict()
        self.early: OrderedDict[str, Early] = OrderedDict()
        self.watermark = 0.0
        """The highest event time seen."""
        self.open = 0
        """Entries without a label yet, those taken as labelled no included."""
        self.due: list[tuple[str, int, Entry]] = []
        """Id, offset and entry of events just taken as labelled no: to be taught before the next event."""
        self.evicted = 0
        """Where silence is an answer: entries that had to go before it could be given."""
        self._first = 0.0
        self._age, self._most = bounds.max_age_seconds, bounds.max_count

    def add(self, name: str, entry: Entry, labelled: bool = True, offset: int = 0) -> None:
        """Let an event wait; evict what is too old or too much. Where no label is taken, only its id is kept."""
        at, order = entry.at, self.order
        if not order:
            self._first = at
        if labelled:
            self.entries[name] = entry
            self.open += 1
        else:
            self.entries[name] = (at, None)
        order.append(name)
        if at > self.watermark:
            self.watermark = at
        if self._first < self.watermark - self._age or len(order) > self._most:
            self._evict()

    def _evict(self) -> None:
        entries, order, most = self.entries, self.order, self._most
        before = self.watermark - self._age
        first = self._first
        while order:
            name = order[0]
            oldest = entries[name]
            waits = oldest.__class__ is not tuple
            first = oldest.at if waits else oldest[0]  # type: ignore[union-attr, index]
            if first >= before and len(order) <= most:
                break
            order.popleft()
            del entries[name]
            if waits:
                self.open -= 1
                if self.windowed and oldest.__class__ is Entry:
                    self.evicted += 1
                self.expired[name] = None
                if len(self.expired) > most:
                    self.expired.popitem(last=False)
        self._first = first

    def close(self, name: str, entry: Entry | TimedOut, y: Any) -> None:
        """Remember that an event has its label."""
        self.entries[name] = (entry.at, mark(y))
        self.open -= 1

    def hold(self, name: str, label: Early) -> list[tuple[str, Early]]:
        """Keep an early label; return those that are given up for it."""
        self.early[name] = label
        given_up = []
        if len(self.early) > self.bounds.early_max_count:
            given_up.append(self.early.popitem(last=False))
        return given_up

    def overdue(self) -> list[tuple[str, Early]]:
        """Take out the early labels whose event can no longer be expected."""
        given_up = []
        while self.early:
            oldest = next(iter(self.early))
            if self.early[oldest].until >= self.watermark:
                break
            given_up.append(self.early.popitem(last=False))
        return given_up

    def state(self) -> bytes:
        """Return everything, as MessagePack."""
        # The dict has the order of arrival, for closing an entry keeps its place: no list has to be made of it.
        return _encode(self._values())

    def _values(self) -> list[Any]:
        return [self.entries, list(self.expired), list(self.early.items()), self.watermark]

    def restore(self, state: bytes) -> None:
        """Take what another has kept."""
        self._take(_decode(state))

    def _take(self, state: list[Any]) -> None:
        entries, expired, early, self.watermark = state[:4]
        self.entries = {name: _KINDS.get(len(kept), _closed)(*kept) for name, kept in entries.items()}
        if any(kept.__class__ is TimedOut for kept in self.entries.values()):
            self.layout = 2
        self.order = deque(self.entries)
        self.expired = OrderedDict.fromkeys(expired)
        self.early = OrderedDict((name, Early(*kept)) for name, kept in early)
        self.open = sum(kept.__class__ is not tuple for kept in self.entries.values())
        self._first = 0.0  # the next event looks again

    def remap(self, order: list[int | None], bases: list[int | None]) -> None:
        """Follow a change of the lane's models: the new place i had the old place `order[i]`, or none."""
        for kept in self.entries.values():
            if not isinstance(kept, tuple) and kept.guesses:
                kept.guesses = [None if old is None else kept.guesses[old] for old in order]
            if isinstance(kept, Entry):
                kept.bases = [None if old is None else kept.bases[old] for old in bases]


def _closed(at: float, mark: Any) -> Closed:
    return at, mark


_KINDS: dict[int, Any] = {len(kind.__struct_fields__): kind for kind in (Entry, TimedOut)}
"""What lies in a state, by how many values it has."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

__all__ = ["Closed", "Early", "Entry", "Guess", "TimedOut", "WaitingSet", "mark"]
