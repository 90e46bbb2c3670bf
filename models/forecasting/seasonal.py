"""The value of one season ago, compiled; `SeasonalNaive` is the same as a model of its own."""

from typing import Any

from numba import njit


@njit(cache=True)  # type: ignore[untyped-decorator]
def continue_season(past: Any, season: int, out: Any) -> None:
    """Repeat the last season; the last value before a whole season was seen.

    >>> import numpy as np
    >>> out = np.zeros(3)
    >>> continue_season(np.array([1.0, 2.0, 3.0]), 2, out)
    >>> out.tolist()
    [2.0, 3.0, 2.0]
    """
    n = len(past)
    for lead in range(len(out)):
        out[lead] = past[n - 1] if n < season else past[n - season + lead % season]
