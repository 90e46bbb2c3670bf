"""What came after the windows of the past that look most like the last one: demonstrations in the context."""

from typing import Any

import numpy as np
from numba import njit

from driftline.models.forecasting.winsor import mean_within

MOST = 16
"""The most demonstrations that are asked for."""
OLDEST = 0.3
"""The weight of the oldest difference in a window; the newest counts in full."""
OUT = 0.4
"""Continuations count no further out than the quantiles at this and 1 less this: a burst once is not a pattern."""
NEAR = 1e-3
"""Added to a distance, so that a perfect match does not silence the others."""


@njit(cache=True)  # type: ignore[untyped-decorator]
def continue_motifs(past: Any, season: int, width: int, count: int, positive: bool, out: Any) -> bool:
    """Continue by the mean of what followed the `count` past windows nearest to the last `width` values.

    Windows begin at the same place of the season as the last one. Where the series is `positive`, windows are compared
    after division by their means and what followed is scaled by the square root of the means' ratio: half way to the
    level of now. Elsewhere means are subtracted, and half their difference is added. Beyond its end, what followed goes
    on as it was a season before. With no window to compare, nothing is written and False is returned.

    Parameters
    ----------
    past
        (n,) the newest value last.
    season, width
        In values.
    count
        At most `MOST`.
    positive
        Whether no value of the series is below 0.
    out
        (h,) is written to.

    References
    ----------
    Yakowitz, "Nearest-neighbor methods for time series analysis", Journal of Time Series Analysis 8 (1987).

    >>> out = np.zeros(2)
    >>> continue_motifs(np.array([1.0, 2.0, 4.0, 8.0] * 4 + [1.0, 2.0]), 4, 2, 3, True, out)
    True
    >>> out.tolist()
    [4.0, 8.0]
    """
    n = len(past)
    follow = min(len(out), season)  # what a candidate must have after it
    level, size = _level(past, n - width, width, positive) if n >= width else (0.0, 0.0)
    best, ends, held = np.empty(MOST), np.empty(MOST, np.int64), 0
    end = n - season * ((follow + season - 1) // season)
    while end - width >= 0:
        then, scale = _level(past, end - width, width, positive)
        distance = 0.0
        for i in range(width):
            a, b = past[n - width + i], past[end - width + i]
            gap = a / size - b / scale if positive else (a - level - b + then) / size
            distance += (OLDEST + (1.0 - OLDEST) * i / max(width - 1, 1)) * gap * gap
        distance = (distance / width) ** 0.5
        if distance == distance:
            held = _keep(best, ends, held, min(count, MOST), distance, end)
        end -= season
    if not held:
        return False
    weights, said = np.empty(held), np.empty(held)
    factors, shifts = np.ones(held), np.zeros(held)
    for k in range(held):
        weights[k] = 1.0 / (best[k] + NEAR)
        then, _ = _level(past, ends[k] - width, width, positive)
        if not positive:
            shifts[k] = 0.5 * (level - then)
        elif then > 0.0 and level > 0.0:
            factors[k] = (level / then) ** 0.5
    for lead in range(len(out)):
        for k in range(held):
            at = ends[k] + lead
            while at >= n:
                at -= season
            said[k] = factors[k] * past[at] + shifts[k]
        out[lead] = mean_within(weights, said, OUT)
    return True


@njit(cache=True)
def _level(past, start, width, positive):  # type: ignore[no-untyped-def]
    """Return the mean of a window, and what its values are divided by."""
    total = 0.0
    for i in range(start, start + width):
        total += past[i]
    level = total / width
    if positive:
        return level, (level if level > 0.0 else 1.0)
    total = 0.0
    for i in range(start, start + width):
        total += abs(past[i] - level)
    return level, (total / width if total > 0.0 else 1.0)


@njit(cache=True)
def _keep(best, ends, held, most, distance, end):  # type: ignore[no-untyped-def]
    """Put a window among the nearest, which are in order; return how many there are."""
    at = held
    while at > 0 and best[at - 1] > distance:
        at -= 1
    if at >= most:
        return held
    held = min(held + 1, most)
    for k in range(held - 1, at, -1):
        best[k], ends[k] = best[k - 1], ends[k - 1]
    best[at], ends[at] = distance, end
    return held
