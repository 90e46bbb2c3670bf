"""What was served for each event by a heavy model, until its label comes: read from the topic of its answers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

from driftline.streams.fence import FenceFilter


class Answered(NamedTuple):
    """One answer that counts."""

    partition: int
    offset: int
    """Of the record on the topic of the answers."""
    record: Any
    """The `wire.Prediction`."""


class Served:
    """Answers by the id of their event; bounded, the oldest go first.

    `positions` are the offsets from which to read so that none is missed that is still waited for.
    """

    def __init__(self, most: int):
        self.most = most
        self._answers: OrderedDict[str, Answered] = OrderedDict()
        self._next: dict[int, int] = {}
        self._believe = FenceFilter()

    def __len__(self) -> int:
        return len(self._answers)

    def feed(self, partition: int, offset: int, value: bytes | None) -> None:
        """Take the next record of the topic. Raises `Rejected` for one that is neither prediction nor fence."""
        self._next[partition] = offset + 1
        record = self._believe.feed(partition, offset, value)
        if record is not None:
            self._answers[record.of] = Answered(partition, offset, record)
            if len(self._answers) > self.most:
                self._answers.popitem(last=False)

    def pop(self, of: str) -> Any | None:
        """Take an event's answer out; None where there was none."""
        found = self._answers.pop(of, None)
        return None if found is None else found.record

    def positions(self) -> dict[int, int]:
        """Return by partition where a successor has to begin."""
        found = dict(self._next)
        waiting = set(found)
        for one in self._answers.values():  # the oldest first: the first of each partition is its lowest
            if one.partition in waiting:
                found[one.partition] = one.offset
                waiting.discard(one.partition)
                if not waiting:
                    break
        return found
