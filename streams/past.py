"""What a watched number was like lately, in little room: where it changed, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, exp, inf, isfinite, lgamma, sqrt
from operator import mul
from sys import float_info
from typing import NamedTuple

RECENT = 128
"""The newest values, at least so many, are kept as they are."""
BLOCK = 32
"""Older ones are summed up by so many: the place of a change is known to that many values."""
FULL = RECENT + BLOCK
BLOCKS = 64
"""Blocks kept; what is older still is one sum."""

Moments = tuple[int, float, float]
"""How many values, their mean, and the sum of their squared differences from it."""


class Change(NamedTuple):
    """The evidence of a change: the values before and after the place that parts them best."""

    before: float
    """Mean of the values before it."""
    after: float
    """Mean of the values since."""
    size: float | None
    """The difference in standard deviations within the two sides, pooled; None where neither side varies."""
    confidence: float
    """1 less the p-value of that difference: a two-sample test with pooled variance (normal approximation, and never
    surer than the test by permutation can be), times the number of places that were tried (Bonferroni). It is for one
    look: the detector decided when to look."""
    count_before: int
    count_after: int

    @property
    def rose(self) -> bool:
        """Whether the values became larger."""
        return self.after > self.before


class Past:
    """The values since the last change: old ones as sums, the last ones as they are.

    >>> past = Past()
    >>> past.extend([0.0, 1.0] * 100 + [4.0, 5.0] * 20)
    >>> change = past.change()
    >>> change.before, change.after, change.count_before, change.count_after
    (0.5, 4.5, 200, 40)
    >>> round(change.size, 2), change.confidence
    (7.97, 1.0)
    """

    def __init__(self) -> None:
        self.old: Moments = (0, 0.0, 0.0)
        self.blocks: list[Moments] = []
        self.values: list[float] = []

    def extend(self, values: Sequence[float]) -> None:
        """Add values, the newest last."""
        self.values.extend(values)
        if len(self.values) >= FULL:
            self.fold()

    def fold(self) -> None:
        """Sum up the older values, when there are `FULL` or more."""
        mine = self.values
        whole = (len(mine) - RECENT) // BLOCK * BLOCK
        self.blocks += [moments(mine[start : start + BLOCK]) for start in range(0, whole, BLOCK)]
        del mine[:whole]
        spare = len(self.blocks) - BLOCKS
        if spare > 0:
            for block in self.blocks[:spare]:
                self.old = merged(self.old, block)
            del self.blocks[:spare]

    def change(self) -> Change:
        """Return the evidence of a change, and forget what was before it."""
        parts = [*([self.old] if self.old[0] else []), *self.blocks, *((1, value, 0.0) for value in self.values)]
        heads, tails = _sums(parts), _sums(parts[::-1])[::-1]
        sides = list(zip(heads[:-1], tails[1:], strict=True))
        if not sides:
            mean = _finite(parts[0][1]) if parts else 0.0
            return Change(mean, mean, None, 0.0, 0, len(parts))
        place = max(range(len(sides)), key=lambda edge: _apart(*sides[edge]))
        before, after = sides[place]
        change = _evidence(before, after, len(sides))
        self._forget(place + 1)
        return change

    def _forget(self, parts: int) -> None:
        """Forget so many of the oldest parts."""
        if self.old[0]:
            self.old, parts = (0, 0.0, 0.0), parts - 1
        blocks = min(parts, len(self.blocks))
        del self.blocks[:blocks]
        del self.values[: parts - blocks]


def moments(values: Sequence[float]) -> Moments:
    """Sum values up.

    >>> moments([1.0, 3.0])
    (2, 2.0, 2.0)
    """
    mean = sum(values) / len(values)
    gaps = [value - mean for value in values]
    return len(values), mean, sum(map(mul, gaps, gaps))


def merged(one: Moments, other: Moments) -> Moments:
    """Return the moments of both together (Chan, Golub, LeVeque, "Updating formulae", 1979).

    >>> merged((1, 1.0, 0.0), (1, 3.0, 0.0))
    (2, 2.0, 2.0)
    """
    count = one[0] + other[0]
    gap = other[1] - one[1]
    return count, one[1] + gap * other[0] / count, one[2] + other[2] + gap * gap * one[0] * other[0] / count


def _sums(parts: list[Moments]) -> list[Moments]:
    sums = parts[:1]
    for part in parts[1:]:
        sums.append(merged(sums[-1], part))
    return sums


def _apart(before: Moments, after: Moments) -> float:
    """How much of the squared differences lies between the sides."""
    gap = after[1] - before[1]
    apart = gap * gap * before[0] * after[0] / (before[0] + after[0])
    return apart if apart == apart else 0.0


def _evidence(before: Moments, after: Moments, tried: int) -> Change:
    count = before[0] + after[0]
    gap = after[1] - before[1]
    within = before[2] + after[2]
    spread = sqrt(within / (count - 2)) if count > 2 and 0.0 < within < inf else 0.0
    size = gap / spread if spread else None
    if size is not None and not isfinite(size):
        size = None
    chance = erfc(abs(size) / sqrt(2.0 * (1 / before[0] + 1 / after[0]))) if size is not None else 0.0
    chance = max(chance, 2.0 * exp(-_log_ways(count, before[0])))
    # Rounded, for these are the last bits in which libraries of two machines may differ.
    confidence = round(max(0.0, 1.0 - tried * chance), 6) if gap else 0.0
    means = _finite(before[1]), _finite(after[1])
    return Change(*means, None if size is None else round(size, 6), confidence, before[0], after[0])


def _log_ways(count: int, part: int) -> float:
    """Logarithm of the ways to choose a part: as many ways can values be dealt to two sides."""
    return lgamma(count + 1) - lgamma(part + 1) - lgamma(count - part + 1)


def _finite(value: float) -> float:
    """A number that may be written: errors can be beyond all numbers, alarms must not."""
    if value != value:
        return 0.0
    return min(max(value, -float_info.max), float_info.max)
