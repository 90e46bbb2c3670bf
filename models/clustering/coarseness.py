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

from collections.abc import Iterator

import numpy as np

from driftline.models.base import Array

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
    finest_first = list(joined(w, mean, labels))
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
        tried = np.unique(tried, return_inverse=True)[1]
        if silhouette(w, apart, tried) >= least:
            chosen = tried
    return chosen


def joined(w: Array, mean: Array, labels: Array) -> Iterator[Array]:
    """Yield partitions with one cluster less each, from the given one down to two clusters."""
    labels = labels.copy()
    k = int(labels.max()) + 1
    member = (labels == np.arange(k)[:, None]).astype(float) * w
    mass = member.sum(axis=1)
    centre = member @ mean / mass[:, None]
    while k >= 2:
        yield labels.copy()
        between = ((centre[:, None] - centre) ** 2).sum(axis=2)
        cost = between * mass[:, None] * mass / (mass[:, None] + mass)
        cost[np.tril_indices(k)] = np.inf
        a, b = divmod(int(cost.argmin()), k)
        centre[a] = (mass[a] * centre[a] + mass[b] * centre[b]) / (mass[a] + mass[b])
        mass[a] += mass[b]
        mass, centre = np.delete(mass, b), np.delete(centre, b, axis=0)
        labels[labels == b] = a
        labels[labels > b] -= 1
        k -= 1


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


def _silhouettes(w: Array, apart: Array, labels: Array) -> Array:
    """Return the silhouette (m,) of each micro-cluster's events."""
    rows = np.arange(len(w))
    member = np.zeros((int(labels.max()) + 1, len(w)))
    member[labels, rows] = w
    mean = member @ apart / member.sum(axis=1, keepdims=True)
    own = mean[labels, rows]
    mean[labels, rows] = np.inf
    other = mean.min(axis=0)
    found: Array = (other - own) / np.maximum(np.maximum(other, own), 1e-300)
    return found


def _apart(mean: Array, variance: Array) -> Array:
    """Return root mean squared distances between events of two micro-clusters each."""
    size = (mean**2).sum(axis=1)
    within = variance.sum(axis=1)
    squared = size[:, None] + size - 2.0 * mean @ mean.T + within[:, None] + within
    apart: Array = np.sqrt(np.maximum(squared, 0.0))
    return apart
