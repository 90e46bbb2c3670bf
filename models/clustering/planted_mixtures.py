"""Points whose groups are known, to try clusterings on."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from driftline.models.base import Array


class Snapshot(NamedTuple):
    """Micro-clusters and their groups."""

    w: Array
    """(m,) events."""
    centroids: Array
    """(m, d)."""
    within_variances: Array
    """(m, d)."""
    labels: Array
    """(m,) the planted groups."""


def two_close_pairs(seed: int) -> tuple[Array, Array]:
    """Return 84 points in 8 dimensions and their groups: four unit spheres, two by two about 3.5 apart.

    >>> two_close_pairs(0)[0].shape
    (84, 8)
    """
    rng = np.random.default_rng(seed)
    centre = np.zeros((4, 8))
    centre[0, 0], centre[1, 0], centre[2:, 2], centre[3, 3] = 3.6, 7.1, 14.0, 3.5
    labels = np.repeat(np.arange(4), 21)
    return centre[labels] + rng.standard_normal((84, 8)), labels


def heteroscedastic(seed: int) -> tuple[Array, Array]:
    """Return 84 points in 8 dimensions and their groups: a narrow one and two that are wide in different directions.

    >>> heteroscedastic(0)[0].shape
    (84, 8)
    """
    rng = np.random.default_rng(seed)
    sd = np.array([[0.4] * 8, [2.0] * 4 + [1.0] * 4, [1.0] * 4 + [1.6] * 4])
    labels = np.repeat(np.arange(3), 28)
    return 3.2 * np.eye(8)[labels] + sd[labels] * rng.standard_normal((84, 8)), labels


def snapshot(seed: int, scale: float = 1.0, m: int = 100, k: int = 5, d: int = 8, n: int = 4000) -> Snapshot:
    """Return `n` events of `k` spheres as `m` micro-clusters of one group each, m / k to a group.

    Spheres have normal centres of this `scale` and standard deviations from 0.2 to 0.4.

    >>> snapshot(0).w.sum()
    np.float64(4000.0)
    """
    rng = np.random.default_rng(seed)
    centre, sd = scale * rng.standard_normal((k, d)), rng.uniform(0.2, 0.4, k)
    group = rng.choice(k, n, p=rng.dirichlet(np.full(k, 5.0)))
    x = centre[group] + sd[group, None] * rng.standard_normal((n, d))
    parts = []
    for g in range(k):
        own = x[group == g]
        at = own[rng.choice(len(own), m // k, replace=False)]
        near = ((at**2).sum(axis=1) - 2.0 * own @ at.T).argmin(axis=1)
        parts += [own[near == i] for i in range(m // k)]
    return Snapshot(
        np.array([float(len(part)) for part in parts]),
        np.array([part.mean(axis=0) for part in parts]),
        np.array([part.var(axis=0) for part in parts]),
        np.repeat(np.arange(k), m // k),
    )


def stuck(snapshot: Snapshot) -> Array:
    """Return the state that a drift leaves behind (m,): groups 0 and 1 share a label, and 2 is cut in two.

    >>> np.bincount(stuck(snapshot(0))).tolist()
    [40, 10, 10, 20, 20]
    """
    bad = np.where(snapshot.labels == 1, 0, snapshot.labels)
    cut = np.flatnonzero(snapshot.labels == 2)
    first = snapshot.centroids[cut, 0]
    bad[cut[first > np.median(first)]] = 1
    return bad


def error(found: Array, labels: Array) -> float:
    """Return the share of points outside the best matching of found groups with planted ones.

    >>> error(np.array([1, 1, 0, 0]), np.array([0, 0, 0, 1]))
    0.25
    """
    k = int(max(found.max(), labels.max())) + 1
    together = np.zeros((k, k))
    np.add.at(together, (found, labels), 1)
    return float(1.0 - together[linear_sum_assignment(-together)].sum() / len(labels))
