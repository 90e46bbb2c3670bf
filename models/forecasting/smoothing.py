"""Level, damped trend and season by exponential smoothing, for many series in one array."""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

DAMPING = 0.98
TOLERANCE = 5.0
PACE = 0.05
FARTHEST = 10.0
LEAST = 1e-6


class Smoothing(NamedTuple):
    """One row for each of n series."""

    level: Array
    trend: Array
    spread: Array
    """(n,) each; the usual error is 0 while there was none."""
    seasonal: Array
    """(n, season): value t belongs to place t % season; all 0 where there is no season."""


def make(series: int, season: int) -> Smoothing:
    return Smoothing(np.zeros(series), np.zeros(series), np.zeros(series), np.zeros((series, season)))


@njit(cache=True)
def learn_smoothing(model, c, past, y, n, alpha, beta, gamma, damping):  # type: ignore[no-untyped-def]
    season = model.seasonal.shape[1]
    if n == 0:
        model.level[c] = y
        return
    swing = model.seasonal[c, n % season] if season else 0.0
    if season and n == season:
        m = 0.0
        for i in range(len(past) - season, len(past)):
            m += past[i]
        m /= season
        for i in range(season):
            model.seasonal[c, i] = past[len(past) - season + i] - m
        model.level[c] = m
        model.trend[c] = 0.0
        swing = model.seasonal[c, 0]
    line = model.level[c] + damping * model.trend[c]
    error = y - line - swing
    size = abs(error)
    bound = TOLERANCE * model.spread[c]
    if model.spread[c] == 0.0:
        model.spread[c] = size
    else:
        model.spread[c] += PACE * (min(size, FARTHEST * model.spread[c]) - model.spread[c])
        model.spread[c] = max(model.spread[c], LEAST * abs(line + swing))
    if bound > 0.0 and size > bound:
        error = bound if error > 0 else -bound
    level = line + alpha * error
    model.trend[c] = beta * (level - model.level[c]) + (1 - beta) * damping * model.trend[c]
    model.level[c] = level
    if season and n >= season:
        model.seasonal[c, n % season] += gamma * error


@njit(cache=True)
def continue_smoothing(model, c, n, damping, out):  # type: ignore[no-untyped-def]
    season = model.seasonal.shape[1]
    line, left = model.level[c], model.trend[c]
    for lead in range(len(out)):
        left *= damping
        line += left
        out[lead] = line + (model.seasonal[c, (n + lead) % season] if season else 0.0)
