"""Intervals that hold what they promise: quantiles of past errors, and a width that follows the misses.

Errors are divided by the usual error at that time of day. Their distribution is kept as a histogram that forgets
slowly; its quantiles make the interval. What is missed too often or too seldom widens or narrows each side.

References
----------
Gibbs and Candès, "Adaptive conformal inference under distribution shift", NeurIPS 2021: following the misses.
Angelopoulos, Candès and Tibshirani, "Conformal PID control for time series prediction", NeurIPS 2023: tracking the
quantile itself.
Barber, Candès, Ramdas and Tibshirani, "Conformal prediction beyond exchangeability", Annals of Statistics 51 (2023):
older errors weigh less.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

MISSED = 0.05
"""Of the truths, on each side."""
BINS = 64
_HALF = BINS // 2
_GROWTH = math.log(1.25)
_UNIT = 0.05
"""Usual errors; bins are about this wide at 0, and each is a quarter wider than the one before."""
KEPT = 0.98
"""What is left of an error's weight after a season."""
STEADY = 0.15
"""How fast the usual error of a time of day follows."""
FARTHEST = 10.0
ENOUGH = 12.0
"""Judgements before an interval is given."""
NARROWEST, WIDEST = -3.0, 5.0
"""Of the logarithm of a side's width."""


class Bands(NamedTuple):
    """Of n series and B ranges of leads."""

    histogram: Array
    """(n, B, BINS) float32 weights of errors."""
    judged: Array
    """(n, B)."""
    width: Array
    """(n, B, 2) logarithms of what the sides below and above are multiplied by."""
    spread: Array
    """(n, season) usual errors of the next step by time of day; 0 before the first."""
    usual: Array
    """(n,) the same at any time."""


def make(series: int, ranges: int, season: int) -> Bands:
    """Return bands that have seen nothing."""
    return Bands(
        histogram=np.zeros((series, ranges, BINS), np.float32),
        judged=np.zeros((series, ranges)),
        width=np.zeros((series, ranges, 2)),
        spread=np.zeros((series, season)),
        usual=np.zeros(series),
    )


@njit(cache=True)
def follow(bands, c, place, error):  # type: ignore[no-untyped-def]
    """Take the error of the next step at this place of the season."""
    size = abs(error)
    usual = bands.usual[c]
    bands.usual[c] = size if usual == 0.0 else usual + 0.05 * (min(size, FARTHEST * usual) - usual)
    own = bands.spread[c, place]
    if own == 0.0:
        own = bands.usual[c]
    bands.spread[c, place] = own + STEADY * (min(size, FARTHEST * max(own, bands.usual[c])) - own)


@njit(cache=True)
def scale(bands, c, place):  # type: ignore[no-untyped-def]
    """Return the usual error at this place of the season: half its own and its neighbours', half that of any time."""
    season = bands.spread.shape[1]
    reach = max(1, season // 24)
    total = 0.0
    for i in range(-reach, reach + 1):
        own = bands.spread[c, (place + i) % season]
        total += own if own > 0.0 else bands.usual[c]
    return 0.5 * total / (2 * reach + 1) + 0.5 * bands.usual[c]


@njit(cache=True)
def score(bands, c, b, error, unit, weight):  # type: ignore[no-untyped-def]
    """Put an error, in this unit, into the histogram."""
    z = error / unit if unit > 0.0 else (0.0 if error == 0.0 else math.copysign(1e9, error))
    at = math.copysign(math.log1p(abs(z) / _UNIT) / _GROWTH, z) + _HALF
    bands.histogram[c, b, min(max(int(at), 0), BINS - 1)] += weight


@njit(cache=True)
def settle(bands, c, b, seasons, below, above, pace):  # type: ignore[no-untyped-def]
    """End a judgement, before which the shares `below` and `above` were missed (nan: no interval had been given)."""
    keep = np.float32(KEPT**seasons)
    for i in range(BINS):
        bands.histogram[c, b, i] *= keep
    bands.judged[c, b] += 1.0
    for side, missed in ((0, below), (1, above)):
        if missed == missed:
            width = bands.width[c, b, side] + pace * (missed - MISSED)
            bands.width[c, b, side] = min(max(width, NARROWEST), WIDEST)


@njit(cache=True)
def sides(bands, c, b, least):  # type: ignore[no-untyped-def]
    """Return how far the interval reaches below and above, in units; nan before enough was judged."""
    count = bands.judged[c, b]
    if count < least:
        return math.nan, math.nan
    total = 0.0
    for i in range(BINS):
        total += bands.histogram[c, b, i]
    level = min(1.0, (1.0 - MISSED) * (1.0 + 1.0 / count))
    low, high = _reach(bands.histogram[c, b], total, level, -1), _reach(bands.histogram[c, b], total, level, 1)
    return max(0.0, low) * math.exp(bands.width[c, b, 0]), max(0.0, high) * math.exp(bands.width[c, b, 1])


@njit(cache=True)
def _reach(histogram, total, level, sign):  # type: ignore[no-untyped-def]
    """Return the quantile of the errors times `sign`."""
    gone = 0.0
    for k in range(BINS):
        i = k if sign > 0 else BINS - 1 - k
        weight = histogram[i]
        if weight > 0.0 and gone + weight >= level * total * (1.0 - 1e-6):
            part = min(max((level * total - gone) / weight, 0.0), 1.0)
            at = (i + part if sign > 0 else _HALF * 2 - i - 1 + part) - _HALF
            return math.copysign(_UNIT * math.expm1(abs(at) * _GROWTH), at)
        gone += weight
    return 0.0
