"""The fence rule: what a reader of predictions may believe.

When a lane is taken over, the new owner writes a fence with its `gen` to the lane's predictions partition. Whatever
comes after it with a lower `gen` was written by an owner that did not know that it had been replaced, and is void.
An owner that dies between publishing and checkpointing leaves predictions that its heir makes again, under the same
ids; they are shown once.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from driftline.streams import events
from driftline.streams.wire import Decoder, Fence, Prediction, Rejected

MAX_RANGES = 10_000
"""Ranges of offsets that are remembered for one model and event partition; see `Offsets`."""


class Offsets:
    """A set of offsets, kept as ranges: a lane predicts nearly every offset in turn, so one range holds millions.

    Beyond `max_ranges` the two lowest become one, and an offset of the gap between them counts as seen: memory stays
    bounded, and nothing is ever shown twice.

    >>> offsets = Offsets()
    >>> [offsets.add(offset) for offset in (3, 4, 3, 6, 5)]
    [True, True, False, True, True]
    >>> offsets.ranges
    [(3, 7)]
    """

    def __init__(self, max_ranges: int = MAX_RANGES):
        if max_ranges < 1:
            raise ValueError(f"max_ranges must be at least 1, got {max_ranges}")
        self.max_ranges = max_ranges
        self._starts: list[int] = []
        self._ends: list[int] = []

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges, lowest first: the first offset, and the one behind the last."""
        return list(zip(self._starts, self._ends, strict=True))

    def add(self, offset: int) -> bool:
        """Add an offset; return whether it is new."""
        starts, ends = self._starts, self._ends
        at = bisect_right(starts, offset)  # the range before `at` is the only one that can hold the offset
        if at and offset < ends[at - 1]:
            return False
        touches_left = at > 0 and ends[at - 1] == offset
        touches_right = at < len(starts) and starts[at] == offset + 1
        if touches_left and touches_right:
            ends[at - 1] = ends.pop(at)
            del starts[at]
        elif touches_left:
            ends[at - 1] = offset + 1
        elif touches_right:
            starts[at] = offset
        elif at == 0 and len(starts) >= self.max_ranges:
            return False  # below all that is remembered: it may have been merged away, or never been
        else:
            starts.insert(at, offset)
            ends.insert(at, offset + 1)
            if len(starts) > self.max_ranges:
                del starts[1], ends[0]
        return True


class FenceFilter:
    """Let through what counts: each prediction once, and none of an owner that had been replaced.

    Parameters
    ----------
    floors
        The fence in force in each partition before the first record that is fed; none if the reading starts at the
        beginning.

    Examples
    --------
    >>> from driftline.streams.wire import encode
    >>> def made(gen, offset):
    ...     return encode(Prediction(id=f"m/t/0/{offset}", model="m", of="e", key="k", at=0.0, y=True, seen={},
    ...                              gen=gen, version="v"))
    >>> read = FenceFilter()
    >>> read.feed(0, 0, b'{"fence": 1}')
    >>> read.feed(0, 1, made(gen=1, offset=0)).id
    'm/t/0/0'
    >>> read.feed(0, 2, b'{"fence": 2}')
    >>> read.feed(0, 3, made(gen=1, offset=1))         # void: its owner had been replaced
    >>> read.feed(0, 4, made(gen=2, offset=0))         # a repeat
    >>> read.feed(0, 5, made(gen=2, offset=1)).gen
    2
    >>> read.void, read.repeats
    (1, 1)

    """

    def __init__(self, floors: dict[int, int] | None = None):
        self.floors: dict[int, int] = dict(floors or {})
        """The highest fence of each partition so far."""
        self.void = 0
        """Predictions left out because a fence before them has a higher `gen`."""
        self.repeats = 0
        """Predictions left out because their id had been let through."""
        self.mark: dict[str, int] | None = None
        """The `seen` of the record fed last, where it was the fence of a checkpoint that counts."""
        self._next: dict[int, int] = {}
        self._seen: dict[tuple[int, str], Offsets] = {}

    def feed(self, partition: int, offset: int, value: bytes | None) -> Any | None:
        """Take the next record of a partition; return its `wire.Prediction`, or None if there is nothing to believe.

        Records of one partition come in order; an offset that is not beyond the last one fed is passed over, for
        Kafka is repeating itself. Raises `Rejected` for a record that is neither a prediction nor a fence; it is
        then passed over, and the reading can go on.
        """
        self.mark = None
        if offset < self._next.get(partition, 0):
            return None
        self._next[partition] = offset + 1
        record = decode(value)
        gen = fence_of(record)
        if gen is not None:
            self.raise_floor(partition, gen)
            if gen == self.floors[partition]:
                self.mark = record.seen
            return None
        source, event_offset = _split(record.id)
        if record.gen < self.floors.get(partition, 0):
            self.void += 1
            return None
        if not self._seen.setdefault((partition, source), Offsets()).add(event_offset):
            self.repeats += 1
            return None
        return record

    def raise_floor(self, partition: int, gen: int) -> None:
        """Take notice of a fence; one lower than another before it changes nothing."""
        self.floors[partition] = max(gen, self.floors.get(partition, 0))


PREDICTION = Decoder(events.Prediction, Prediction)
FENCE = Decoder(events.Fence, Fence)


def fence_of(record: Any) -> int | None:
    """Return the `gen` of a fence, or None for a prediction.

    >>> fence_of(Fence(fence=3))
    3
    """
    return record.fence if isinstance(record, Fence) else None


def decode(value: bytes | None) -> Any:
    """Return the `wire` struct of a record of a predictions topic: a prediction or a fence.

    No message is both, for each refuses the other's fields. Raises `Rejected`, with the fault of whichever it meant.

    >>> decode(b'{"fence": 7}').fence
    7
    >>> decode(b'{"fence": -7}')
    Traceback (most recent call last):
    driftline.streams.wire.Rejected: fence: Input should be greater than or equal to 0
    """
    try:
        return PREDICTION.decode(value)
    except Rejected as no_prediction:
        try:
            return FENCE.decode(value)
        except Rejected as no_fence:
            meant = no_fence if value is not None and len(value) < 100 and b'"fence"' in value else no_prediction
            raise meant from None


def _split(identity: str) -> tuple[str, int]:
    """Split the id of a prediction into `model/topic/partition` and the event's offset."""
    source, _, said = identity.rpartition("/")
    if source.count("/") < 2 or not (said.isascii() and said.isdigit()) or (said[0] == "0" and said != "0"):
        fault = f"id: {identity!r} is not model/topic/partition/offset"
        raise Rejected("schema", "ValueError", fault)
    return source, int(said)
