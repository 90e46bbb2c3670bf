"""One step of recursive least squares with forgetting, robust to wild errors and to silence."""

from typing import Any

import numpy as np
from numba import njit

FARTHEST = 10.0
"""Usual errors; a larger error moves the usual error no further."""
LEAST_SPREAD = 0.01
"""Smaller usual errors are not believed, or the first change would be ignored for long."""
PACE_SPREAD = 0.05
"""How fast the usual error follows the errors."""


@njit(cache=True)  # type: ignore[untyped-decorator]
def absorb(
    weights: Any,
    covariance: Any,
    phi: Any,
    z: float,
    spread: float,
    turn: int,
    forgetting: float,
    tolerance: float,
    prior: float,
) -> float:
    """Teach weights (k,) with covariance (k, k) that features `phi` (k,) met `z`; return the usual error after it.

    An error beyond `tolerance` usual ones (`spread`) counts less (Huber). Each step gives one weight, in turn, the
    share of the `prior` that forgetting took from all, which bounds the covariance when nothing happens.

    References
    ----------
    Haykin, "Adaptive Filter Theory" (4th edition, 2002), section 9.3: the exponentially weighted recursion.
    Huber, "Robust Statistics" (1981), section 7.8: weights that bound the influence of an error.
    Gunnarsson, "Combining tracking and regularization in recursive least squares identification", CDC 1996.

    >>> weights, covariance = np.zeros(1), np.eye(1)
    >>> _ = absorb(weights, covariance, np.ones(1), 1.0, 1.0, 0, 1.0, 3.0, 1.0)
    >>> weights.tolist(), covariance.round(9).tolist()
    ([0.5], [[0.5]])
    """
    k = len(weights)
    error = z
    for i in range(k):
        error -= weights[i] * phi[i]
    size = abs(error)
    weight = min(1.0, tolerance * spread / size) if size > 0.0 else 1.0
    spread += PACE_SPREAD * (min(size, FARTHEST * spread) - spread)
    spread = max(spread, LEAST_SPREAD)

    direction, norm = np.empty(k), forgetting / weight
    for i in range(k):
        total = 0.0
        for j in range(k):
            total += covariance[i, j] * phi[j]
        direction[i] = total
        norm += phi[i] * total
    for i in range(k):
        weights[i] += direction[i] * (error / norm)
        direction[i] /= norm**0.5
    _lower(covariance, direction)
    covariance /= forgetting

    given = (1.0 - forgetting) * prior * k
    if given > 0.0:
        column = covariance[turn % k].copy()
        column *= (given / (1.0 + given * column[turn % k])) ** 0.5
        _lower(covariance, column)
    return spread


@njit(cache=True)  # type: ignore[untyped-decorator]
def begin_again(weights: Any, covariance: Any, first: int, prior: float) -> None:
    """Begin with the covariance, and with the weights, where rounding has spoilt them; feature `first` counts then."""
    k, sound = len(weights), True
    for i in range(k):
        sound = sound and 0.0 < covariance[i, i] < 1e12 / prior
    if not sound:
        covariance[:] = 0.0
        for i in range(k):
            covariance[i, i] = 1.0 / prior
    if not np.isfinite(weights).all():
        weights[:] = 0.0
        weights[first] = 1.0


@njit(cache=True)
def _lower(covariance, vector):  # type: ignore[no-untyped-def]
    """Take the square of a vector from the covariance, which stays symmetric to the last bit."""
    for i in range(len(vector)):
        for j in range(len(vector)):
            covariance[i, j] -= vector[i] * vector[j]
