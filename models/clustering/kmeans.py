"""K-means of weighted points, from several starts at once.

References
----------
Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.

"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from driftline.models.base import Array
from driftline.models.clustering.points import Points, check_k
from driftline.models.parameters import at_least


class Partition(NamedTuple):
    """What k-means found."""

    labels: Array
    """(m,) groups, from 0 to k - 1; a group may be empty where points are equal."""
    inertia: float
    """Weighted squared distances to the means, with the variances within the points."""


def centres(points: Points, k: int, starts: int, rng: np.random.Generator, spread: bool = True) -> Array:
    """Return start centres (starts, k, d): k-means++'s, or without `spread` points drawn by weight, none twice.

    >>> from driftline.models.clustering.points import points
    >>> far = points([[0.0], [0.0], [9.0]])
    >>> sorted(centres(far, 2, 1, np.random.default_rng(0)).ravel().tolist())
    [0.0, 9.0]
    """
    x, w = points.x, points.weight
    if not spread:
        return np.stack([x[rng.choice(len(x), k, replace=False, p=w / w.sum())] for _ in range(starts)])
    chosen = np.empty((starts, k, x.shape[1]))
    near = np.ones((starts, len(x)))
    for i in range(k):
        chance = np.cumsum(near * w, axis=1)
        # Where all points are equal to a centre, any will do.
        chance = np.where(chance[:, -1:] > 0, chance, np.cumsum(w))
        at = (rng.random((starts, 1)) * chance[:, -1:] >= chance).sum(axis=1)
        chosen[:, i] = x[np.minimum(at, len(x) - 1)]
        far = ((x[None] - chosen[:, i, None]) ** 2).sum(axis=2)
        near = far if i == 0 else np.minimum(near, far)
    return chosen


def kmeans(
    points: Points, k: int, starts: int = 10, rounds: int = 100, spread: bool = True, seed: int | Sequence[int] = 0
) -> Partition:
    """Return the best of several runs of Lloyd's algorithm.

    Parameters
    ----------
    points
        Weighted points; their variances within change the inertia only.
    k
        How many groups.
    starts, rounds
        How many runs, and the most rounds of each.
    spread
        Whether the starts are k-means++'s; else points drawn by weight.
    seed
        What all chance comes from.

    Raises
    ------
    ValueError
        `k` exceeds the number of points, or a count is below 1.

    >>> from driftline.models.clustering.points import points
    >>> kmeans(points([[0.0], [1.0], [8.0], [9.0]]), 2).inertia
    1.0
    """
    check_k(k, len(points.x))
    at_least(1, starts=starts, rounds=rounds)
    x, w = points.x - np.average(points.x, axis=0, weights=points.weight), points.weight
    centre = centres(Points(x, w, points.within), k, starts, np.random.default_rng(seed), spread)
    square = (x**2).sum(axis=1)
    labels = np.full((starts, len(x)), -1)
    for _ in range(rounds):
        before = labels
        far = (centre**2).sum(axis=2)[:, None] - 2.0 * np.einsum("md,rkd->rmk", x, centre, optimize=True)
        labels = far.argmin(axis=2)
        if np.array_equal(labels, before):
            break
        member = (labels[:, None] == np.arange(k)[:, None]) * w  # (starts, k, m)
        mass = member.sum(axis=2, keepdims=True)
        centre = np.where(mass > 0, member @ x / np.maximum(mass, 1e-300), centre)  # an empty group stays where it is
    near = np.take_along_axis(far, labels[..., None], axis=2)[..., 0] + square
    inertia = (near * w).sum(axis=1)
    best = int(inertia.argmin())
    return Partition(labels[best], float(max(inertia[best], 0.0) + w @ points.within.sum(axis=1)))
