"""Intervals that hold what they promise: quantiles of past errors, and a width that follows the misses.

Errors are divided by the usual error at that time of day. Their distribution is kept as a histogram that forgets
slowly; its quantiles make the interval. Their level rises where too much is missed, and falls otherwise.

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

MISSED = 0.1
"""The share of truths outside."""
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
LEAST, MOST = 0.5, 1.1
"""Of the level whose quantile is a side; at first half of what is missed lies on each."""
BEYOND = 10.0
"""How much wider, as a logarithm, an interval is for each unit by which its level is beyond 1."""


class Bands(NamedTuple):
    """Of n series and B ranges of leads."""

    histogram: Array
    """(n, B, BINS) float32 weights of errors."""
    judged: Array
    """(n, B)."""
    level: Array
    """(n, B) the level of both sides, which follows the misses."""
    spread: Array
    """(n, season) usual errors of the next step by time of day; 0 before the first."""
    usual: Array
    """(n,) the same at any time."""


def make(series: int, ranges: int, season: int) -> Bands:
    """Return bands that have seen nothing."""
    return Bands(
        histogram=np.zeros((series, ranges, BINS), np.float32),
        judged=np.zeros((series, ranges)),
        level=np.full((series, ranges), 1.0 - 0.5 * MISSED),
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
def settle(bands, c, b, seasons, missed, pace):  # type: ignore[no-untyped-def]
    """End a judgement, of which the share `missed` lay outside (nan: no interval had been given)."""
    keep = np.float32(KEPT**seasons)
    for i in range(BINS):
        bands.histogram[c, b, i] *= keep
    bands.judged[c, b] += 1.0
    if missed == missed:
        bands.level[c, b] = min(max(bands.level[c, b] + pace * 0.5 * (missed - MISSED), LEAST), MOST)


@njit(cache=True)
def sides(bands, c, b, least):  # type: ignore[no-untyped-def]
    """Return how far the interval reaches below and above, in units; nan before enough was judged."""
    if bands.judged[c, b] < least:
        return math.nan, math.nan
    histogram, total = bands.histogram[c, b], 0.0
    for i in range(BINS):
        total += histogram[i]
    level = bands.level[c, b] * (1.0 + 1.0 / total)
    return _side(histogram, total, level, -1), _side(histogram, total, level, 1)


@njit(cache=True)
def _side(histogram, total, level, sign):  # type: ignore[no-untyped-def]
    """Return the quantile of the errors times `sign`, at least 0; a level beyond 1 goes beyond the largest."""
    reach = max(0.0, _reach(histogram, total, min(level, 1.0), sign))
    return reach * math.exp(BEYOND * (level - 1.0)) if level > 1.0 else reach


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
