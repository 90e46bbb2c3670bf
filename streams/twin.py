"""False alarms, measured while the stream flows: detectors on shuffled values, where whatever they find is false."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

SHUFFLED = 1_000
"""Values that are shuffled together."""
EVERY = 4
"""One block of so many is tried, so that the measure costs a quarter of what is measured."""
CYCLE = SHUFFLED * EVERY


class Twin:
    """A count of false alarms: one block of four is shuffled, and a new detector is fed with it.

    Within a shuffled block no order is left, so no value can come from another time than its neighbours: each alarm
    is false by construction, whether or not the stream itself drifts. The shuffle is seeded by the number of values
    seen, so that it is the same whoever handles them again.

    What it tells is the rate of alarms on independent values of this very distribution, of a detector that begins anew
    each thousand values. It does not tell of false alarms that come from values that hang together (a daily cycle, a
    random walk): those are changes to every detector. And it sees no alarms rarer than its blocks are many, nor
    those that take more than a thousand values to grow.

    >>> twin = Twin()
    >>> twin.extend([float(i > 500) for i in range(1_000)], lambda values: (len(values), 2))
    >>> twin.tested, twin.alarms, twin.rate
    (1000, 2, 20.0)
    """

    def __init__(self) -> None:
        self.seen = 0
        self.block: list[Any] = []
        self.tested = 0
        """Values that detectors were fed with."""
        self.alarms = 0

    @property
    def rate(self) -> float | None:
        """False alarms in 10,000 values; None before any was tried."""
        return 10_000 * self.alarms / self.tested if self.tested else None

    def extend(self, values: Sequence[Any], trial: Callable[[list[Any]], tuple[int, int]]) -> None:
        """Take what was watched; `trial` returns how many values of a shuffled block it tried, and the alarms."""
        start, count = 0, len(values)
        place = self.seen % CYCLE
        if place >= SHUFFLED and place + count < CYCLE:  # most of the time
            self.seen += count
            return
        while start < count:
            place = self.seen % CYCLE
            taken = min((SHUFFLED if place < SHUFFLED else CYCLE) - place, count - start)
            self.seen += taken
            if place < SHUFFLED:
                self.block.extend(values[start : start + taken])
                if place + taken == SHUFFLED:
                    block, self.block = self.block, []
                    random.Random(self.seen).shuffle(block)
                    tested, alarms = trial(block)
                    self.tested += tested
                    self.alarms += alarms
            start += taken
