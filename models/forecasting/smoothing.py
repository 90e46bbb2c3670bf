"""Level, damped trend and season by exponential smoothing, for many series in one array.

It is `HoltWinters` in its additive form, compiled, with a shorter start: the first season gives level and season.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array
from driftline.models.forecasting.holt_winters import FARTHEST, LEAST, PACE

TOLERANCE = 5.0
"""Usual errors by which a value may be off; one further off is learnt from as if it were at that bound."""


class Smoothing(NamedTuple):
    """One row for each of n series."""

    level: Array
    trend: Array
    spread: Array
    """(n,) each; the usual error is 0 while there was none."""
    seasonal: Array
    """(n, season): value t belongs to place t % season; of length 0 where there is no season."""


def make(series: int, season: int) -> Smoothing:
    """Return series of which nothing was seen; a season of 0 is none."""
    return Smoothing(np.zeros(series), np.zeros(series), np.zeros(series), np.zeros((series, season)))


@njit(cache=True)
def learn_smoothing(model, c, past, y, n, alpha, beta, gamma, damping):  # type: ignore[no-untyped-def]
    """Teach series `c` that its value `n` is `y`, after `past`; parameters are those of `HoltWinters`."""
    season = model.seasonal.shape[1]
    if n == 0:
        model.level[c] = y
        return
    if season and n == season:
        _begin(model, c, past)
    swing = model.seasonal[c, n % season] if season else 0.0
    line = model.level[c] + damping * model.trend[c]
    error = y - line - swing
    size, usual = abs(error), model.spread[c]
    if usual == 0.0:
        model.spread[c] = size
    else:
        model.spread[c] = max(usual + PACE * (min(size, FARTHEST * usual) - usual), LEAST * abs(line + swing))
    bound = TOLERANCE * usual
    if 0.0 < bound < size:
        error = bound if error > 0 else -bound
    level = line + alpha * error
    model.trend[c] = beta * (level - model.level[c]) + (1.0 - beta) * damping * model.trend[c]
    model.level[c] = level
    if season and n >= season:
        model.seasonal[c, n % season] += gamma * error


@njit(cache=True)
def continue_smoothing(model, c, n, damping, out):  # type: ignore[no-untyped-def]
    """Continue series `c`, of which `n` values were seen."""
    season = model.seasonal.shape[1]
    line, left = model.level[c], model.trend[c]
    for lead in range(len(out)):
        left *= damping
        line += left
        out[lead] = line + (model.seasonal[c, (n + lead) % season] if season else 0.0)


@njit(cache=True)
def _begin(model, c, past):  # type: ignore[no-untyped-def]
    """Take the mean of the first season as the level, and the distances from it as the season."""
    season = model.seasonal.shape[1]
    first = past[len(past) - season :]
    mean = 0.0
    for i in range(season):
        mean += first[i] / season
    for i in range(season):
        model.seasonal[c, i] = first[i] - mean
    model.level[c], model.trend[c] = mean, 0.0
