"""The mean of the last days at the same time of day."""

from typing import Any

import numpy as np
from numba import njit

from driftline.models.forecasting.winsor import mean_within

DAYS = 7
OUT = 0.25
"""What lies further out than the quantiles at this and 1 less this counts as if it lay there: one burst in a week."""


@njit(cache=True)  # type: ignore[untyped-decorator]
def continue_mean(past: Any, season: int, out: Any) -> None:
    """Continue each place of the season by its mean over the last seven seasons, or over those there are.

    A place that was never seen has the last value.

    >>> out = np.zeros(3)
    >>> continue_mean(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), 2, out)
    >>> out.tolist()
    [3.0, 4.0, 3.0]
    """
    n = len(past)
    weights, values = np.ones(DAYS), np.empty(DAYS)
    for lead in range(len(out)):
        if lead >= season:
            out[lead] = out[lead - season]
            continue
        count = 0
        for day in range(1, DAYS + 1):
            at = n + lead - day * season
            if at >= 0:
                values[count] = past[at]
                count += 1
        out[lead] = mean_within(weights[:count], values[:count], OUT) if count else past[n - 1]
