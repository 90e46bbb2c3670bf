"""Which leads of a window are judged, and in which ranges experts are weighed alike."""

from typing import NamedTuple

import numpy as np

from driftline.models.base import Array

ALL = 32
"""Up to this horizon every lead is judged."""
FEW = 4
"""Beyond it, so many of each range."""
WINDOWS = 6
"""Windows that begin in each horizon."""
DAILY = 24
"""The most windows that begin in a season."""


class Plan(NamedTuple):
    """What follows from season and horizon."""

    season: int
    horizon: int
    rhythm: int
    """A window begins after every so many values."""
    held: int
    """Values of a series that are remembered."""
    leads: Array
    """(J,) the leads that are judged, rising."""
    starts: Array
    """(B + 1,) range b is `leads[starts[b]:starts[b + 1]]`; the first is the next value alone."""
    ends: Array
    """(B,) the last lead of each range."""
    back: Array
    """The lags of the autoregression."""
    rounds: int
    """Rounds of refinement."""


def plan(season: int, horizon: int, back: Array, rounds: int = 1) -> Plan:
    """Return ranges that double in length, and leads in each.

    >>> made = plan(24, 24, np.array([1]))
    >>> made.ends.tolist(), len(made.leads), made.rhythm
    ([1, 3, 7, 15, 24], 24, 4)
    >>> made = plan(144, 144, np.array([1]))
    >>> made.ends.tolist(), len(made.leads), made.rhythm
    ([1, 3, 7, 15, 31, 63, 144], 23, 24)
    """
    ends, size = [1], 2
    while ends[-1] < horizon:
        ends.append(min(ends[-1] + size, horizon))
        size *= 2
    if len(ends) > 2 and ends[-1] - ends[-2] < size // 4:  # a last range that is short belongs to the one before
        del ends[-2]
    leads: list[int] = []
    starts = [0]
    for before, end in zip([0, *ends], ends, strict=False):
        count = end - before if horizon <= ALL else min(end - before, FEW)
        leads += (before + (np.arange(count) + 1) * (end - before) // count).tolist()
        starts.append(len(leads))
    rhythm = max(-(-horizon // WINDOWS), -(-season // DAILY))
    held = max(2048, 15 * season)
    return Plan(season, horizon, rhythm, held, np.array(leads), np.array(starts), np.array(ends), back, rounds)
