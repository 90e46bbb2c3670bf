"""What a series may be made of, and how far it may be continued: the same for every forecaster."""

import math

from driftline.models.parameters import at_least

LARGEST = 1e100
"""Larger values are taken as this, so that no product of two of them overflows."""


def finite(y: float) -> float:
    """Return `y` as a float; raise `ValueError` if it is not finite."""
    value = float(y)
    if not math.isfinite(value):
        raise ValueError(f"y must be finite, got {y}")
    return value


def bounded(y: float) -> float:
    """Return `y` as a float, brought to `LARGEST` if it is beyond; raise `ValueError` if it is not finite.

    >>> bounded(3), bounded(-1e300)
    (3.0, -1e+100)
    """
    return min(max(finite(y), -LARGEST), LARGEST)


def steps(horizon: int) -> int:
    """Return the horizon; raise `ValueError` if it is not at least 1.

    >>> steps(0)
    Traceback (most recent call last):
    ...
    ValueError: horizon must be at least 1, got 0
    """
    at_least(1, horizon=horizon)
    return horizon
