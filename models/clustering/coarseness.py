"""How coarse clusters should be: a partition, or one that joins some of its clusters, if that stands out far better.

A penalised likelihood finds clusters that are no Gaussians together; people do not want the six shapes of normal
operation when what fails lies far from all of them. So the clusters are joined one by one, those first that lose least
(Ward), and a coarser partition is taken only where its silhouette is plainly better than that of the finest. Where the
clusters are Gaussians, nothing needs to be joined (`gaussianity.py`).

References
----------
Ward, "Hierarchical grouping to optimize an objective function", JASA 58 (1963). Rousseeuw, "Silhouettes: a graphical
aid to the interpretation and validation of cluster analysis", J. Comput. Appl. Math. 20 (1987).

"""

import numpy as np
from numba import njit

from driftline.models.base import Array
from driftline.models.clustering.numbering import numbered

PLAINLY = 0.1
"""By how much the silhouette must be better, on its scale from -1 to 1."""


def choose(w: Array, mean: Array, variance: Array, labels: Array, plainly: float = PLAINLY) -> Array:
    """Return clusters (m,) int64 from 0: the given ones, or joined.

    Of all partitions whose silhouettes are within `plainly` of the best one, it is the finest.

    Parameters
    ----------
    w, mean, variance
        (m,), (m, d) and (m, d) of micro-clusters, in standardised units.
    labels
        (m,) int64 their clusters, from 0.
    plainly
        See `PLAINLY`.

    >>> mean = np.array([[0.0], [0.5], [1.0], [9.0]])
    >>> choose(np.full(4, 20.0), mean, np.full((4, 1), 0.01), np.arange(4)).tolist()
    [0, 0, 0, 1]
    >>> choose(np.full(4, 20.0), 3 * np.arange(4.0)[:, None], np.full((4, 1), 0.01), np.arange(4)).tolist()
    [0, 1, 2, 3]
    """
    apart = _apart(mean, variance)
    finest_first = joined(w, mean, labels)
    values = [silhouette(w, apart, one) for one in finest_first]
    best = max(values, default=0.0)
    chosen = next((one for one, value in zip(finest_first, values, strict=True) if value >= best - plainly), labels)
    return _parted(w, apart, labels, chosen, plainly, best - plainly)


def _parted(w: Array, apart: Array, labels: Array, chosen: Array, plainly: float, least: float) -> Array:
    """Return the chosen clusters (m,), less those given ones that stood apart plainly better by themselves.

    Where a few events are joined with many, the mean over all events does not feel it. Those that lose most are parted
    first, as long as the silhouette of all stays at `least`.
    """
    k = int(labels.max(initial=-1)) + 1
    if k <= int(chosen.max(initial=-1)) + 1:
        return chosen
    fall = w * (_silhouettes(w, apart, labels) - _silhouettes(w, apart, chosen))
    fall = np.bincount(labels, weights=fall) / np.bincount(labels, weights=w)
    for a in np.argsort(-fall, kind="stable")[: int((fall > plainly).sum())].tolist():
        tried = np.where(labels == a, chosen.max() + 1, chosen)
        tried = numbered(tried)[1]
        if silhouette(w, apart, tried) >= least:
            chosen = tried
    return chosen


def joined(w: Array, mean: Array, labels: Array) -> Array:
    """Return partitions (k - 1, m) int64 with one cluster less each, from the given k down to two.

    >>> joined(np.ones(4), np.array([[0.0], [0.5], [5.0], [9.0]]), np.arange(4)).tolist()
    [[0, 1, 2, 3], [0, 0, 1, 2], [0, 0, 1, 1]]
    """
    k = int(labels.max()) + 1
    found = np.empty((max(k - 1, 0), len(labels)), np.int64)
    _join(w, mean, labels.astype(np.int64), found)
    return found


@njit(cache=True)
def _join(w, mean, labels, found):  # type: ignore[no-untyped-def]
    m, d = mean.shape
    k = len(found) + 1
    mass, centre = np.zeros(k), np.zeros((k, d))
    for i in range(m):
        mass[labels[i]] += w[i]
        for j in range(d):
            centre[labels[i], j] += w[i] * mean[i, j]
    for a in range(k):
        centre[a] /= mass[a]
    for step in range(len(found)):
        found[step] = labels
        first, second, least = 0, 0, np.inf
        for a in range(k):
            for b in range(a + 1, k):
                between = 0.0
                for j in range(d):
                    between += (centre[a, j] - centre[b, j]) ** 2
                cost = between * mass[a] * mass[b] / (mass[a] + mass[b])
                if cost < least:
                    first, second, least = a, b, cost
        whole = mass[first] + mass[second]
        for j in range(d):
            centre[first, j] = (mass[first] * centre[first, j] + mass[second] * centre[second, j]) / whole
        mass[first] = whole
        k -= 1
        for a in range(second, k):
            mass[a] = mass[a + 1]
            centre[a] = centre[a + 1]
        for i in range(m):
            if labels[i] == second:
                labels[i] = first
            elif labels[i] > second:
                labels[i] -= 1


def silhouette(w: Array, apart: Array, labels: Array) -> float:
    """Return the mean silhouette of events, in [-1, 1]; micro-clusters stand for theirs.

    Parameters
    ----------
    w
        (m,) events of each micro-cluster.
    apart
        (m, m) distances between events of two micro-clusters, within one on the diagonal.
    labels
        (m,) int64 clusters, from 0, at least two.

    """
    return float(w @ _silhouettes(w, apart, labels) / w.sum())


@njit(cache=True)
def _silhouettes(w, apart, labels):  # type: ignore[no-untyped-def]
    """Return the silhouette (m,) of each micro-cluster's events."""
    m, k = len(w), labels.max() + 1
    mass, found = np.zeros(k), np.empty(m)
    for i in range(m):
        mass[labels[i]] += w[i]
    for i in range(m):
        mean = np.zeros(k)
        for t in range(m):
            mean[labels[t]] += w[t] * apart[i, t]
        own, other = mean[labels[i]] / mass[labels[i]], np.inf
        for a in range(k):
            if a != labels[i]:
                other = min(other, mean[a] / mass[a])
        found[i] = (other - own) / max(other, own, 1e-300)
    return found


def _apart(mean: Array, variance: Array) -> Array:
    """Return root mean squared distances between events of two micro-clusters each."""
    size = (mean**2).sum(axis=1)
    within = variance.sum(axis=1)
    squared = size[:, None] + size - 2.0 * mean @ mean.T + within[:, None] + within
    apart: Array = np.sqrt(np.maximum(squared, 0.0))
    return apart
