"""Autoregression on the last values and on those of a day and of a week ago, for many series in one array."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array
from driftline.models.forecasting.recursion import absorb, begin_again

FORGETTING = 0.9995
TOLERANCE = 3.0
PRIOR = 0.01
CUT = 10.0
"""Levels beyond which a value is cut before it is learnt from."""


class Autoregression(NamedTuple):
    """One row for each of n series; k features: a constant and the lags."""

    weights: Array
    """(n, k)."""
    covariance: Array
    """(n, k, k)."""
    spread: Array
    """(n,) the usual error, in levels."""


def lags(season: int) -> Array:
    """Return the lags, nearest first.

    >>> lags(24).tolist()
    [1, 2, 3, 6, 24, 25, 168]
    """
    return np.array(sorted({1, 2, 3, 6, season, season + 1, 7 * season}))


def make(series: int, season: int) -> Autoregression:
    """Return weights that repeat the last value."""
    k = len(lags(season)) + 1
    weights, covariance = np.zeros((series, k)), np.zeros((series, k, k))
    weights[:, 1] = 1.0
    covariance[:, np.arange(k), np.arange(k)] = 1.0 / PRIOR
    return Autoregression(weights, covariance, np.ones(series))


@njit(cache=True)  # type: ignore[untyped-decorator]
def learn_autoregression(model: Autoregression, c: int, past: Any, back: Any, season: int, y: float, n: int) -> None:
    """Teach series `c` that `y`, its value `n`, followed `past`; `back` are the lags."""
    held = len(past)
    level = _level(past, season)
    if held < 2 or level == 0.0:
        return
    k = len(back) + 1
    phi = np.empty(k)
    phi[0] = 1.0
    for i in range(len(back)):
        phi[i + 1] = _cut(past[held - _known(back, i, held)] / level)
    model.spread[c] = absorb(
        model.weights[c], model.covariance[c], phi, _cut(y / level), model.spread[c], n, FORGETTING, TOLERANCE, PRIOR
    )
    begin_again(model.weights[c], model.covariance[c], 1, PRIOR)


@njit(cache=True)  # type: ignore[untyped-decorator]
def continue_autoregression(model: Autoregression, c: int, past: Any, back: Any, season: int, out: Any) -> None:
    """Continue series `c` step by step, each forecast feeding the next; within one range of what the past week held."""
    held = len(past)
    level = _level(past, season)
    if held < 2 or level == 0.0:
        out[:] = past[held - 1]
        return
    first = max(0, held - 7 * season)
    low, high = past[first], past[first]
    for i in range(first, held):
        low, high = min(low, past[i]), max(high, past[i])
    room = high - low
    weights = model.weights[c]
    for lead in range(len(out)):
        total = weights[0] * level
        for i in range(len(back)):
            ago = _known(back, i, held) - lead
            total += weights[i + 1] * (past[held - ago] if ago > 0 else out[-ago])
        out[lead] = min(max(total, low - room), high + room)


@njit(cache=True)
def _known(back, i, held):  # type: ignore[no-untyped-def]
    """Return lag `i`, or the longest before it that lies in the past."""
    while i > 0 and back[i] > held:
        i -= 1
    return back[i]


@njit(cache=True)
def _level(past, season):  # type: ignore[no-untyped-def]
    """Return the mean size of the last season's values."""
    first, total = max(0, len(past) - season), 0.0
    for i in range(first, len(past)):
        total += abs(past[i])
    return total / max(1, len(past) - first)


@njit(cache=True)
def _cut(z):  # type: ignore[no-untyped-def]
    return min(max(z, -CUT), CUT)
