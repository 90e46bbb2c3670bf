"""Points and micro-clusters as one thing: a point is a micro-cluster of weight 1 without variance of its own."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from driftline.models.base import Array
from driftline.models.clustering.numbering import by_first

MOST_POINTS = 300
MOST_WEIGHTED = 150


class Points(NamedTuple):
    """Weighted points, all float64."""

    x: Array
    """(m, d) centroids."""
    weight: Array
    """(m,) events that each stands for, above 0."""
    within: Array
    """(m, d) variances around the centroids."""

    @property
    def s(self) -> Array:
        """Return the square roots of the weights (m,)."""
        root: Array = np.sqrt(self.weight)
        return root


def points(
    x: npt.ArrayLike, weight: npt.ArrayLike | None = None, within: npt.ArrayLike | None = None, most: int | None = None
) -> Points:
    """Check and return points.

    Parameters
    ----------
    x
        (m, d) points or centroids, m and d at least 1.
    weight
        (m,) events that each stands for, above 0; None for 1 each.
    within
        (m, d) variances around the centroids, not negative; None for none.
    most
        How large m may be; None for 300, or 150 with weights.

    Raises
    ------
    ValueError
        A shape or a value does not fit, or there are too many points.

    >>> points([[0.0, 1.0], [2.0, 3.0]]).weight.tolist()
    [1.0, 1.0]
    >>> points([[0.0], [1.0]], weight=[1.0, -1.0])
    Traceback (most recent call last):
    ...
    ValueError: weight[1] must be above 0 and finite, got -1.0: leave out micro-clusters without weight
    """
    centroids = _numbers("x", x)
    if centroids.ndim != 2 or not centroids.size:
        raise ValueError(f"x must be (m, d) with m and d at least 1, got shape {centroids.shape}")
    most = most or (MOST_POINTS if weight is None else MOST_WEIGHTED)
    if len(centroids) > most:
        raise ValueError(f"x must have at most {most} rows, got {len(centroids)}: merge near points into weighted ones")
    masses = np.ones(len(centroids)) if weight is None else _numbers("weight", weight)
    variances = np.zeros(centroids.shape) if within is None else _numbers("within", within)
    if masses.shape != centroids.shape[:1]:
        raise ValueError(f"weight must have shape {centroids.shape[:1]}, one for each row of x, got {masses.shape}")
    if variances.shape != centroids.shape:
        raise ValueError(f"within must have the shape of x, {centroids.shape}, got {variances.shape}")
    if not (masses > 0).all():
        i = int(np.argmin(masses > 0))
        raise ValueError(
            f"weight[{i}] must be above 0 and finite, got {masses[i]}: leave out micro-clusters without weight"
        )
    if not (variances >= 0).all():
        i = int(np.argmin((variances >= 0).all(axis=1)))
        raise ValueError(f"within[{i}] must be at least 0, got {variances[i].tolist()}: clip what rounding left below")
    return Points(centroids, masses, variances)


def groups(labels: npt.ArrayLike, m: int, name: str = "labels") -> Array:
    """Return the groups (m,), numbered from 0 in the order of their first members; raise `ValueError` for no labels.

    >>> groups([7, 7, 2, 7], 4).tolist()
    [0, 0, 1, 0]
    """
    given = np.asarray(labels)
    if given.shape != (m,) or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"{name} must be {m} integers, one for each point, got {given.dtype} of shape {given.shape}")
    if (given < 0).any():
        i = int(np.argmax(given < 0))
        raise ValueError(f"{name}[{i}] must be at least 0, got {given[i]}: give each point a group, or leave it out")
    numbered: Array = by_first(given)
    return numbered


def check_k(k: int, m: int) -> None:
    """Raise `ValueError` unless there can be `k` groups of `m` points."""
    if not 1 <= k <= m:
        raise ValueError(f"k must be from 1 to the number of points, {m}, got {k}")


def _numbers(name: str, values: npt.ArrayLike) -> Array:
    numbers = np.asarray(values, np.float64)
    if not np.isfinite(numbers).all():
        i = int(np.argwhere(~np.isfinite(numbers))[0][0])
        raise ValueError(f"{name}[{i}] must be finite, got {numbers[i].tolist()}: leave that point out")
    return numbers
