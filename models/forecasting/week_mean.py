"""The mean of the last days at the same time of day."""

from typing import Any

from numba import njit

DAYS = 7


@njit(cache=True)  # type: ignore[untyped-decorator]
def continue_mean(past: Any, season: int, out: Any) -> None:
    """Continue each place of the season by its mean over the last seven seasons, or over those there are.

    A place that was never seen has the last value.

    >>> import numpy as np
    >>> out = np.zeros(3)
    >>> continue_mean(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), 2, out)
    >>> out.tolist()
    [3.0, 4.0, 3.0]
    """
    n = len(past)
    for lead in range(len(out)):
        if lead >= season:
            out[lead] = out[lead - season]
            continue
        total, count = 0.0, 0
        for day in range(1, DAYS + 1):
            at = n + lead - day * season
            if 0 <= at:
                total += past[at]
                count += 1
        out[lead] = total / count if count else past[n - 1]
