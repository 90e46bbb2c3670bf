"""Clusters as Gaussians made of micro-clusters: their moments, what they say of events, and ids that last."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from driftline.models.base import Array
from driftline.models.clustering.changes import shared_by
from driftline.models.clustering.micro import Moments
from driftline.models.clustering.numbering import numbered

FLOOR = 0.02
"""Added to each variance, in squared standardised units."""
PRIOR = 0.05
"""Added to each mass for the prior, in mean masses."""


class Macros(NamedTuple):
    """k clusters, in standardised units."""

    ids: Array
    """(k,) int64, ascending."""
    mass: Array
    """(k,) decayed events."""
    mean: Array
    """(k, d)."""
    variance: Array
    """(k, d), floored."""


class Scores(NamedTuple):
    """What clusters say of events."""

    log_posterior: Array
    """(n, k)."""
    distance: Array
    """(n, k) root of the mean squared distance in the cluster's own standard deviations: 1 is usual, and it tells of
    events that are far from all, where posteriors do not."""


def macros(moments: Moments, ids: Array, floor: float | Array = FLOOR) -> Macros:
    """Return the clusters that micro-clusters of these ids (m,) make.

    >>> made = macros(Moments(np.ones(2), np.array([[0.0], [2.0]]), np.zeros((2, 1))), np.array([7, 7]))
    >>> made.ids.tolist(), made.mean.tolist(), made.variance.tolist()
    ([7], [[1.0]], [[1.02]])
    """
    held, inside = numbered(ids)
    share = np.zeros((len(held), len(ids)))
    share[inside, np.arange(len(ids))] = moments.weight
    mass = share.sum(axis=1)
    share /= mass[:, None]
    mean = share @ moments.mean
    variance = share @ (moments.variance + (moments.mean - mean[inside]) ** 2) + floor
    return Macros(held, mass, mean, variance)


def score(macros: Macros, X: Array) -> Scores:
    """Score events (n, d), in standardised units."""
    precision = 1.0 / macros.variance
    squared = X**2 @ precision.T - 2.0 * X @ (macros.mean * precision).T + (macros.mean**2 * precision).sum(axis=1)
    squared = np.maximum(squared, 0.0)
    prior = np.log(macros.mass + PRIOR * macros.mass.mean())
    joint = prior - 0.5 * np.log(macros.variance).sum(axis=1) - 0.5 * squared
    top = joint.max(axis=1, keepdims=True)
    posterior = joint - top - np.log(np.exp(joint - top).sum(axis=1, keepdims=True))
    return Scores(posterior, np.sqrt(squared / X.shape[1]))


def keep_ids(weight: Array, old: Array, new: Array, fresh: int) -> Array:
    """Return lasting ids (m,) for a new partition: each cluster takes the id with which it shares most, one to one.

    Parameters
    ----------
    weight
        (m,) of the micro-clusters.
    old
        (m,) int64 ids so far, below 0 for none.
    new
        (m,) int64 new clusters, from 0.
    fresh
        The first id that was never used; what has no id to take gets it and those after it.

    >>> keep_ids(np.ones(4), np.array([3, 3, 5, -1]), np.array([0, 0, 0, 1]), 9).tolist()
    [3, 3, 3, 9]
    """
    held, overlap = shared_by(weight, old, new)
    ids = np.full(len(overlap), -1, np.int64)
    for k, at in zip(*linear_sum_assignment(-overlap), strict=True):
        if overlap[k, at] > 0.0:
            ids[k] = held[at]
    without = ids < 0
    ids[without] = fresh + np.arange(without.sum())
    lasting: Array = ids[new]
    return lasting
