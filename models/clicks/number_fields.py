"""Numbers as a linear learner likes to see them: standardised on a log scale, and in nine buckets besides."""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

PACE = 1.0 / 2_000.0
"""The least weight of a field's newest value in its moments."""
FARTHEST = 4.0
"""Standard deviations at which a value is cut."""
SETTLED, WILD = 20.0, 8.0
"""Values after which moments tell what is wild, and from how many deviations on: such values count as that far."""
SAME = 1e-9
"""Deviation, in sizes of the mean, below which a field counts as constant."""


class Moments(NamedTuple):
    """What is known of the numbers of each field; `F` fields."""

    events: Array
    """(F,): values."""
    mean: Array
    """(F,): fading mean of `squeezed` values."""
    variance: Array
    """(F,): and variance."""


def make(fields: int) -> Moments:
    """Return moments of fields that were never seen."""
    events, mean, variance = np.zeros((3, fields))
    return Moments(events, mean, variance)


@njit(cache=True)
def squeezed(x):  # type: ignore[no-untyped-def]
    """Return sign(x) log(1 + |x|): prices and counts have long tails."""
    return np.log1p(x) if x >= 0.0 else -np.log1p(-x)


@njit(cache=True)
def standard(m, f, x):  # type: ignore[no-untyped-def]
    """Return a value in deviations from the field's mean, within 4; 0 while the field is constant, as an indicator."""
    deviation = np.sqrt(m.variance[f])
    if deviation <= SAME * abs(m.mean[f]):
        return 0.0
    return min(max((squeezed(x) - m.mean[f]) / deviation, -FARTHEST), FARTHEST)


@njit(cache=True)
def bucket(z):  # type: ignore[no-untyped-def]
    """Return which of nine buckets, half a deviation wide, a standardised value falls into: 0 to 8."""
    return np.int64(min(max(np.floor(2.0 * z + 0.5), -4.0), 4.0)) + 4


@njit(cache=True)
def learn(m, f, x):  # type: ignore[no-untyped-def]
    """Take a value into the moments of its field."""
    u = squeezed(x)
    deviation = np.sqrt(m.variance[f])
    if m.events[f] >= SETTLED and deviation > 0.0:
        u = min(max(u, m.mean[f] - WILD * deviation), m.mean[f] + WILD * deviation)
    m.events[f] += 1.0
    pace = max(1.0 / m.events[f], PACE)
    apart = u - m.mean[f]
    m.mean[f] += pace * apart
    m.variance[f] = (1.0 - pace) * (m.variance[f] + pace * apart * apart)
