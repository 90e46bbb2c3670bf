"""Weighted means that what lies far out cannot pull along.

References
----------
Dixon, "Simplified estimation from censored normal samples", Annals of Mathematical Statistics 31 (1960), section 7: the
Winsorized mean.
"""

import math
from typing import Any

import numpy as np
from numba import njit


@njit(cache=True)  # type: ignore[untyped-decorator]
def mean_within(weights: Any, said: Any, out: float) -> float:
    """Return the weighted mean of what was said (G,), without those that said nothing (nan); nan if none did.

    What lies further out than the weighted quantiles `out` and 1 - `out` counts as if it lay there: from the plain mean
    at 0 to the median at a half. A share of less than `out` cannot move the mean beyond what others say.

    >>> said = np.array([1.0, 2.0, 1e9])
    >>> round(mean_within(np.array([0.5, 0.48, 0.02]), said, 0.05), 3)
    1.5
    >>> mean_within(np.array([0.5, 0.5]), np.array([1.0, np.nan]), 0.05)
    1.0
    """
    count = len(said)
    order, held, total = np.empty(count, np.int64), 0, 0.0
    for g in range(count):
        if not math.isfinite(said[g]):
            continue
        at = held
        while at > 0 and said[order[at - 1]] > said[g]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = g
        held += 1
        total += weights[g]
    if held == 0:
        return math.nan
    if not total > 0.0:
        return float(said[order[held // 2]])
    low, high, gone, found = said[order[0]], said[order[held - 1]], 0.0, False
    for i in range(held):
        gone += weights[order[i]]
        if not found and gone >= out * total:
            low, found = said[order[i]], True
        if gone >= (1.0 - out) * total:
            high = said[order[i]]
            break
    mean = 0.0
    for i in range(held):
        g = order[i]
        mean += weights[g] / total * min(max(said[g], low), high)
    return mean
